// Which marks of a recording a line report is about. Pure, safe from any thread.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/quantities.hpp"
#include "model/heap.hpp"

namespace leakline::analysis {

struct Window {
    std::size_t first = 0, last = 0;  // indices into HeapProfile::marks, first <= last
    bool from_empty = false;          // begins before the first mark, with nothing allocated yet; first is then 0
    // The marks that growth is judged at, ascending, last of them `last`: the round ends where there are
    // enough of them (quiet, so nothing is in flight), otherwise all marks after warm-up.
    std::vector<std::size_t> judged;
    bool by_round = false;
    // Two marks after `last` between which nothing was requested; nothing where the recording has none.
    struct Idle {
        std::size_t begin, end;
    };
    std::optional<Idle> idle;
    Nanoseconds begin{}, end{};
    std::vector<std::string> warnings;
};

// begin and end are times since the start of the recording; the marks nearest inside are taken. Without them:
// from the first round end to the last; without rounds from the start to the last mark under load, so neither
// an idle tail nor the destructors at the end of the process pass for the end of growth. Only where a
// recording has nothing else is its last state taken, and a warning says so. Throws Error{usage} where begin
// >= end, Error{input} where the recording has no mark.
Window choose_window(const HeapProfile& profile, std::optional<Nanoseconds> begin, std::optional<Nanoseconds> end);

// Sums over all traces at each mark, without those that are left out (by index of the trace; empty: none).
std::vector<TraceCost> totals_at_marks(const HeapProfile& profile, const std::vector<bool>& left_out = {});

// By index of the trace: whether it never held more than a few blocks. Those of containers that grow in place: by steps that the
// request during which they come does not cause alone.
std::vector<bool> traces_of_few_blocks(const HeapProfile& profile);

}  // namespace leakline::analysis
