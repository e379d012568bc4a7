// Does growth follow requests or time? Traffic and the clock run together while requests are answered; the quiet times between
// rounds, in which only the clock runs, separate them. Pure, safe from any thread.
#pragma once

#include <span>
#include <vector>

#include "model/diagnosis.hpp"
#include "model/follows.hpp"

namespace leakline::analysis {

// From one mark to the next.
struct Increment {
    double seconds = 0, requests = 0;  // that passed
    double bytes = 0;                  // growth of memory or of a line's live heap
};

// Ordinary least squares of bytes on requests and seconds, without a constant, with the 95 % intervals of Student's t. unknown
// where that is too wide to say which part matters, where there are fewer than six increments, and where nothing grew.
GrowthSplit split_growth(std::span<const Increment> increments);

// Of a run's memory: from each round's begin to the middle of its quiet time, from there to its end, and through the idle time
// after the last round. Without the rounds that end before warmup_s, and at least without the first.
std::vector<Increment> increments_of(const Series& series, const std::vector<Round>& rounds, const std::optional<IdleTime>& idle,
                                     double warmup_s);

}  // namespace leakline::analysis
