#include "analysis/trend/internal/points.hpp"

#include <algorithm>
#include <cmath>

#include "analysis/statistics.hpp"
#include "analysis/trend/internal/thresholds.hpp"

namespace leakline::analysis::trend {

namespace {

// Requests per second at each bin: the derivative of a parabola through three neighbors, one-sided at the ends.
std::vector<double> request_rates(const Bins& bins) {
    const std::size_t n = bins.size();
    const std::vector<double>& made = bins.requests;
    constexpr double kSeparation = 1e-9;  // seconds added a bin, so that no two bins share a time
    const auto time = [&](std::size_t i) { return bins.x[i] * bins.duration_s + static_cast<double>(i) * kSeparation; };
    std::vector<double> rates(n);
    for (std::size_t i = 0; i < n; ++i) {
        if (i == 0 || i == n - 1) {
            const std::size_t a = i == 0 ? 0 : n - 2;
            rates[i] = (made[a + 1] - made[a]) / (time(a + 1) - time(a));
        } else {
            const double before = time(i) - time(i - 1), after = time(i + 1) - time(i);
            rates[i] = (before * before * made[i + 1] + (after * after - before * before) * made[i] - after * after * made[i - 1]) /
                       (before * after * (before + after));
        }
        rates[i] = std::max(rates[i], 0.);
    }
    return rates;
}

double deviation(std::span<const double> values) {
    const double center = mean(values);
    double sum = 0;
    for (const double value : values) sum += (value - center) * (value - center);
    return std::sqrt(sum / static_cast<double>(values.size()));
}

// Indices at which values rise through the middle of their range, having been well below it.
std::vector<std::size_t> upward_crossings(std::span<const double> values, double& range) {
    using namespace thresholds::cycles;
    const std::vector<double> copy(values.begin(), values.end());
    const double low = quantile(copy, .05), high = quantile(copy, .95);
    range = std::max(high - low, 0.);
    std::vector<std::size_t> crossings;
    if (range <= 0) return crossings;
    const double middle = .5 * (low + high), above = middle + kHysteresis * range, below = middle - kHysteresis * range;
    enum class Last { nowhere, beneath, over } last = Last::nowhere;
    for (std::size_t i = 0; i < values.size(); ++i) {
        if (values[i] > above) {
            if (last == Last::beneath) crossings.push_back(i);
            last = Last::over;
        } else if (values[i] < below) {
            last = Last::beneath;
        }
    }
    return crossings;
}

double mean_of(const std::vector<double>& values, std::size_t begin, std::size_t end) {
    return mean(std::span(values).subspan(begin, end - begin));
}

// Noise changes from bin to bin by a third of its range; a cycle of many bins by less.
bool is_visible_cycle(std::span<const double> values, double range) {
    std::vector<double> changes;
    for (std::size_t i = 1; i < values.size(); ++i) changes.push_back(std::fabs(values[i] - values[i - 1]));
    return range > thresholds::cycles::kMinRangePerChange * median(std::move(changes));
}

// One floor and one mean for each group of whole cycles.
void add_cycle_points(const Bins& bins, std::span<const std::size_t> crossings, double range, bool visible,
                      std::vector<Points>& candidates) {
    using namespace thresholds::cycles;
    const std::size_t cycles = crossings.size() - 1, per_group = std::max<std::size_t>(1, (cycles + kBlocks - 1) / kBlocks);
    Points floors{Summary::cycle_floor, {}, {}, {}, 0, visible}, means{Summary::cycle_mean, {}, {}, {}, 0, visible};
    std::size_t last = 0;
    for (std::size_t i = 0; i < cycles; i += per_group) {
        const std::size_t begin = crossings[i], end = crossings[std::min(i + per_group, cycles)];
        const auto lows = bins.low.begin();
        const auto lowest = static_cast<std::size_t>(
            std::min_element(lows + static_cast<std::ptrdiff_t>(begin), lows + static_cast<std::ptrdiff_t>(end)) - lows);
        floors.x.push_back(bins.x[lowest]);
        floors.value.push_back(bins.low[lowest]);
        means.x.push_back(mean_of(bins.x, begin, end));
        means.value.push_back(mean_of(bins.middle, begin, end));
        if (!bins.requests.empty()) {
            floors.requests.push_back(bins.requests[lowest]);
            means.requests.push_back(mean_of(bins.requests, begin, end));
        }
        last = end;
    }
    // Where noise makes the crossings a few points mean nothing, and often enough lie on a line by chance.
    if (floors.size() < (visible ? kMinCycles : kMinNoiseCycles)) return;
    const double bins_per_group = static_cast<double>(last - crossings[0]) / static_cast<double>(floors.size());
    floors.extra_noise = means.extra_noise = kNoisePerRange * range / bins_per_group;
    candidates.push_back(std::move(floors));
    candidates.push_back(std::move(means));
}

}  // namespace

bool remove_load(Bins& bins) {
    using namespace thresholds::load;
    const std::size_t n = bins.size();
    if (bins.requests.empty() || n < kMinBins || bins.requests.back() <= 0) return false;
    std::vector<double> rate = request_rates(bins);
    const double usual = mean(rate);
    if (usual <= 0 || deviation(rate) / usual <= kMinVariation) return false;
    for (double& value : rate) value /= usual;

    std::vector<std::vector<double>> columns(6, std::vector<double>(n, 1));
    for (std::size_t k = 0; k < n; ++k) {
        const double x = bins.x[k];
        columns[1][k] = x;
        columns[2][k] = x * x;
        columns[3][k] = x * x * x;
        columns[4][k] = bins.requests[k] / bins.requests.back();
        columns[5][k] = rate[k];
    }
    const LeastSquares fit = least_squares(columns, bins.middle);
    // A rate that only drifts is a drift: memory that bends is then explained by huge terms that cancel each other, and
    // what is left when one of them is taken away is growth that never was.
    const double of_its_own = 1 / (fit.unscaled_variances[5] * std::pow(deviation(rate), 2) * static_cast<double>(n));
    if (of_its_own < kMinNonDrift) return false;
    const double spread = deviation(fit.residuals);
    const double variance = fit.unscaled_variances[5] * spread * spread * static_cast<double>(n) / static_cast<double>(n - columns.size());
    const double mib_per_rate = fit.coefficients[5];
    if (std::fabs(mib_per_rate) / std::sqrt(variance + 1e-18) <= kMinTStatistic) return false;
    for (std::size_t k = 0; k < n; ++k) {
        const double part = mib_per_rate * (rate[k] - 1);
        bins.middle[k] -= part;
        bins.low[k] -= part;
        bins.high[k] -= part;
    }
    return true;
}

std::string_view summary_name(Summary summary) {
    switch (summary) {
        case Summary::cycle_floor: return "minimum of each cycle";
        case Summary::cycle_mean: return "mean of each cycle";
        case Summary::block_median: return "median";
    }
    return "unknown";
}

Detrended detrend(const Bins& bins) {
    Detrended result{theil_sen_slope(bins.x, bins.middle), bins.middle};
    for (std::size_t i = 0; i < bins.size(); ++i) result.values[i] -= result.slope * bins.x[i];
    return result;
}

std::vector<double> block_medians(std::span<const double> values, std::size_t blocks) {
    const std::size_t n = values.size(), count = std::min(blocks, n);
    std::vector<double> medians;
    for (std::size_t i = 0; i < count; ++i) {
        const std::size_t begin = n * i / count, end = n * (i + 1) / count;
        medians.push_back(median({values.begin() + static_cast<std::ptrdiff_t>(begin), values.begin() + static_cast<std::ptrdiff_t>(end)}));
    }
    return medians;
}

std::vector<Points> candidate_points(const Bins& bins, const Detrended& detrended) {
    using namespace thresholds::cycles;
    std::vector<Points> candidates;
    double range = 0;
    const std::vector<std::size_t> crossings = upward_crossings(detrended.values, range);
    if (crossings.size() >= kMinCrossings) {
        add_cycle_points(bins, crossings, range, is_visible_cycle(detrended.values, range), candidates);
    }

    Points blocks;
    blocks.value = block_medians(bins.middle, kBlocks);
    const std::size_t n = bins.size(), count = blocks.value.size();
    for (std::size_t i = 0; i < count; ++i) {
        const std::size_t begin = n * i / count, end = n * (i + 1) / count;
        blocks.x.push_back(mean_of(bins.x, begin, end));
        if (!bins.requests.empty()) blocks.requests.push_back(mean_of(bins.requests, begin, end));
    }
    candidates.push_back(std::move(blocks));
    return candidates;
}

}  // namespace leakline::analysis::trend
