// Classifies how one line's live bytes change from mark to mark. Pure, safe from any thread.
#pragma once

#include <optional>
#include <span>

#include "model/lines.hpp"

namespace leakline::analysis {

struct GrowthJudgment {
    GrowthClass growth_class = GrowthClass::unclear;
    // One-sided: that increments like these come from a line that does not grow. 1 where the line is not a
    // candidate, because it fell in some round, levelled off at the end, or does not convince (p > 0.05).
    double p_value = 1;
};

// x: requests or seconds at the judged marks, strictly increasing; bytes and blocks live there, of x's
// length.
//
// A candidate grows in every round, and in the last rounds no slower than in those before (a cache that fills
// up grows in every round until it stops). p is that of Student's t on the increments per unit of x, whose
// spread is taken as no less than that of counting whole blocks. Where growth comes in chunks rarer than the
// rounds (a deque's 512 bytes), rounds are put together in twos, threes, ... as long as four groups remain; p
// is then corrected for the number of groupings (Bonferroni). A line that was exactly level at first is also judged from where it
// began to grow, if four rounds or more remain; p is corrected for the choice of the beginning.
//
// sample_bytes: mean bytes between the samples that bytes are estimated from, 0 where all blocks are known. The last rounds may be slower by
// three standard deviations of a Poisson number of samples.
GrowthJudgment judge_growth(std::span<const double> x, std::span<const double> bytes, std::span<const double> blocks,
                            double sample_bytes = 0);

// Mean increment of bytes per unit of x with the 95 % interval of Student's t; nothing for fewer than 3
// marks.
std::optional<Interval> growth_rate(std::span<const double> x, std::span<const double> bytes);

// A container that grows by reallocation: one block, or a constant few, whose size is multiplied when it is
// full. Or an arena that then adds a block, so that its size is multiplied.
//
//   bytes          ________     used at a step = capacity before it: only the steps show how fast elements
//   come
//            ____ |
//        __ |             x
struct Doubling {
    std::size_t steps = 0;   // seen since the start of the recording
    bool stopped = false;    // the next step is overdue: the container has reached its size
    bool steady = false;     // three steps or more, as a constant rate of elements would give them
    Interval payload_bytes;  // in use at the end: capacity / factor .. capacity
    Interval rate;           // bytes of elements per unit of x
};

// The whole history of a line up to the window's end (x may stand still); nothing where it is no such
// container. window_first: index of the window's first point.
std::optional<Doubling> find_doubling(std::span<const double> x, std::span<const double> bytes, std::span<const double> blocks,
                                      std::size_t window_first);

}  // namespace leakline::analysis
