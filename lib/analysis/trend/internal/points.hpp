// From bins to the few points that curves are fitted to; and what load and cycles do to them. Pure functions, MiB.
#pragma once

#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "analysis/trend/internal/front_end.hpp"

namespace leakline::analysis::trend {

// Memory that rises and falls with the rate of requests is not a leak: where the rate varies, and explains the bins beside a
// cubic drift and the cumulative requests, its part is subtracted. Not where the rate itself is such a drift: effects of
// rate and time cannot be separated then. thresholds::load has the limits. Returns whether it was subtracted. Does nothing
// without requests or with too few bins.
bool remove_load(Bins& bins);

enum class Summary { cycle_floor, cycle_mean, block_median };
std::string_view summary_name(Summary summary);  // "minimum of each cycle", ...

struct Points {
    Summary summary = Summary::block_median;
    std::vector<double> x;         // 0..1, ascending
    std::vector<double> value;     // MiB
    std::vector<double> requests;  // since the first sample; empty where unknown
    double extra_noise = 0;        // MiB: what the choice of cycles adds
    bool visible_cycle = false;    // the cycles are a saw or a wave, and not noise that crosses its middle

    std::size_t size() const { return x.size(); }
};

// The line through the bins that half of the pairs lie above, and the bins less that line.
struct Detrended {
    double slope = 0;  // MiB over the run, Sen's
    std::vector<double> values;
};
Detrended detrend(const Bins& bins);

// Medians of up to thresholds::cycles::kBlocks blocks of bins; and, where the detrended bins cross their middle upwards at least five
// times (with a hysteresis of a quarter of the range on each side), the floors and means of whole cycles; where only
// noise crosses, not of few.
std::vector<Points> candidate_points(const Bins& bins, const Detrended& detrended);

// The median of each of up to `blocks` equal runs of values.
std::vector<double> block_medians(std::span<const double> values, std::size_t blocks);

}  // namespace leakline::analysis::trend
