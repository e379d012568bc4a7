#include "analysis/soak_passes.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <vector>

#include "analysis/statistics.hpp"
#include "base/quantities.hpp"

namespace leakline::analysis {

namespace {

constexpr double kPeak = 0.95;
constexpr double kSamePart = 0.02, kSameBytes = 1024 * 1024;
constexpr std::size_t kMinSamples = 20;  // of a pass
constexpr std::size_t kMinPasses = 3;    // the first one may have filled a cache
constexpr double kRefuted = 2;           // times the detection limit of the passes

// Of the samples with from <= requests < to; nothing where they are few.
std::optional<double> peak_between(const Series& series, double from, double to) {
    std::vector<double> values;
    for (std::size_t i = 0; i < series.size(); ++i)
        if (series.requests[i] >= from && series.requests[i] < to) values.push_back(series.value[i]);
    if (values.size() < kMinSamples) return std::nullopt;
    return quantile(std::move(values), kPeak);
}

double same(double peak) { return std::max(kSameBytes, kSamePart * peak); }

void settle(TrendVerdict& trend, double level, double detectable_per_request, double detectable_per_hour, std::string reason) {
    trend.verdict = Trend::stable;
    trend.growth_class = kCycleClass;
    trend.p_leak = 0;
    trend.slope_bytes_per_hour = {0, -detectable_per_hour, detectable_per_hour};
    trend.bytes_per_request = Interval{0, -detectable_per_request, detectable_per_request};
    trend.detectable_bytes_per_hour = detectable_per_hour;
    trend.detectable_bytes_per_request = detectable_per_request;
    trend.warmup_end_s = 0;
    trend.plateau_bytes = trend.level_bytes = level;
    trend.time_to_limit_h.reset();
    trend.reasons = {std::move(reason)};
}

}  // namespace

TrendVerdict settled_by_passes(TrendVerdict trend, const Series& series, double requests_a_pass) {
    constexpr double kNearlyWhole = 0.01;  // of a pass: the last few answers may be missing
    if (does_not_grow(trend.verdict)) return trend;
    if (series.requests.empty() || requests_a_pass <= 0) return trend;
    const auto passes = static_cast<std::size_t>(series.requests.back() / requests_a_pass + kNearlyWhole);
    if (passes < kMinPasses) return trend;
    std::vector<double> peaks;
    for (std::size_t i = 0; i < passes; ++i) {
        const auto peak = peak_between(series, static_cast<double>(i) * requests_a_pass, static_cast<double>(i + 1) * requests_a_pass);
        if (!peak) return trend;
        peaks.push_back(*peak);
    }
    const double highest = *std::max_element(peaks.begin(), peaks.end()), alike = same(highest);
    // A leak lifts each pass above the one before it, so the last one is above all.
    if (peaks.back() - *std::min_element(peaks.begin() + 1, peaks.end()) > alike || peaks.back() - peaks[1] > alike) return trend;
    const double between = static_cast<double>(passes - 2) * requests_a_pass;
    const double detectable = alike / between;
    if (trend.verdict == Trend::growing && trend.bytes_per_request && trend.bytes_per_request->estimate < kRefuted * detectable)
        return trend;
    std::string seen;
    constexpr std::size_t kListed = 5;
    for (std::size_t i = passes - std::min(passes, kListed); i < passes; ++i) seen += (seen.empty() ? "" : ", ") + format_bytes(peaks[i]);
    const double real_h = series.duration() / 3600 * between / series.requests.back();
    settle(trend, highest, detectable, real_h > 0 ? alike / real_h : 0,
           fmt::format("returned to the same level in each of {} repetitions of the log: peaks of {}", passes, seen));
    return trend;
}

TrendVerdict settled_by_faster(TrendVerdict trend, const Series& slower, const Series& faster) {
    if (does_not_grow(trend.verdict)) return trend;
    if (slower.requests.empty() || faster.requests.empty() || slower.requests.back() > faster.requests.back()) return trend;
    // Growth with time appears late: the slower run has most of it in the second half.
    const double to = slower.requests.back() + 1, from = to / 2;
    const auto slow = peak_between(slower, from, to), fast = peak_between(faster, from, to);
    if (!slow || !fast) return trend;
    const double alike = same(*fast);
    if (*slow - *fast > alike) return trend;
    double fast_s = 0;
    for (std::size_t i = 0; i < faster.size() && faster.requests[i] < to; ++i) fast_s = faster.seconds[i] - faster.seconds.front();
    const double more_h = std::max(1.0, slower.duration() - fast_s) / 3600 / 2;  // of the second half's middle
    settle(trend, *slow, alike / from, alike / more_h,
           fmt::format("used no more than the faster run for the same requests: peaks of {} and {}", format_bytes(*slow),
                       format_bytes(*fast)));
    return trend;
}

}  // namespace leakline::analysis
