#include "analysis/trend/internal/scales.hpp"

#include <algorithm>

#include "analysis/statistics.hpp"
#include "analysis/trend/internal/thresholds.hpp"
#include "base/quantities.hpp"

namespace leakline::analysis::trend {

Scales scales_of(const Bins& bins, double minimum_mib_per_hour, double strictness) {
    using namespace thresholds::scales;
    constexpr double kPageMib = 4096 / kMiB;
    // Rounding to steps of q has a deviation of q / sqrt(12).
    constexpr double kStepToDeviation = 1 / 3.5;
    Scales scales;
    scales.level = median(bins.middle);
    scales.least_growth =
        strictness * std::max({kLeastGrowthMib, kLeastGrowthOfLevel * scales.level, minimum_mib_per_hour * bins.duration_s / 3600});
    const double step = bins.smallest_step > 0 ? bins.smallest_step : kPageMib;
    scales.smallest_noise = std::max({kPageMib / 2, step * kStepToDeviation, kLeastNoiseOfLevel * scales.level});
    return scales;
}

double least_growth_above_noise(double least_growth, std::span<const double> detrended, double strictness) {
    const std::vector<double> values(detrended.begin(), detrended.end());
    const double deviation = (quantile(values, .84) - quantile(values, .16)) / 2;
    return std::max(least_growth, strictness * thresholds::scales::kDeviations * deviation);
}

double range_of(const Bins& bins) {
    const auto [low, high] = std::minmax_element(bins.middle.begin(), bins.middle.end());
    return *high - *low;
}

}  // namespace leakline::analysis::trend
