// Thresholds of growth and noise for a series. Pure functions.
#pragma once

#include <span>

#include "analysis/trend/internal/front_end.hpp"

namespace leakline::analysis::trend {

struct Scales {
    double level = 0;           // median, MiB
    double least_growth = 0;    // over the whole segment, MiB: less is not called growth (g_min)
    double smallest_noise = 0;  // standard deviation that noise has at least, MiB (s_min)
};

// minimum_mib_per_hour: the slowest growth that the user cares about. strictness scales least_growth: below 1 for the
// rest of a segment whose warm-up was cut, which has less time to grow.
Scales scales_of(const Bins& bins, double minimum_mib_per_hour, double strictness);

// least_growth must also stand out of the noise: a quarter of half the spread of the middle 68 % of the detrended bins.
double least_growth_above_noise(double least_growth, std::span<const double> detrended, double strictness);

// Largest less smallest bin median.
double range_of(const Bins& bins);

}  // namespace leakline::analysis::trend
