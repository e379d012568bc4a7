// Reasons not to call growth a leak although the curves indicate one. Pure functions, MiB and positions 0..1.
#pragma once

#include <optional>
#include <span>

#include "analysis/trend/internal/fit.hpp"
#include "analysis/trend/internal/points.hpp"

namespace leakline::analysis::trend {

enum class Veto {
    none,
    floor_and_mean_disagree,  // few cycles, and only one of their floor and their mean grows
    few_jumps,                // one to three jumps carry nearly all the growth
    slowed_at_the_end,        // growth has stopped or slowed in the last third
    traffic_stopped,          // stable, but only since hardly any requests came; it grew before
    hardly_begun,             // less than 1 MiB in less than a minute, and no requests to hold it against
    tail_of_warmup,           // less than 1 MiB since a warm-up, in less than five minutes
    may_be_warming_up,        // a run of less than two minutes whose growth a runtime's warm-up could be
};

// Two of 24 blocks carry more than 75 % of the growth, or three more than 92 %; the first third (warm-up) may be
// left out. Holds both of the blocks and of their lower envelope from the right: what is never given back.
bool grows_in_few_jumps(std::span<const double> bin_medians);

// The probability that the slope of the last third (x >= .65) is more than .35 of slope; nothing with fewer than 5
// points there. Values with a known cycle removed.
std::optional<double> probability_goes_on(std::span<const double> x, std::span<const double> values, double slope);

// The probability that values which go on growing would stay as long below their last record as these do at their end.
// clock: where each value lies, by time or by requests, ascending. 1 where nothing rises above the noise.
double probability_of_pause(std::span<const double> clock, std::span<const double> values, double smallest_noise);

// The values less the sine of the mixture's best curve, where that is a short cycle on a line.
std::vector<double> without_cycle(const Mixture& mixture, std::span<const double> x, std::span<const double> values);

}  // namespace leakline::analysis::trend
