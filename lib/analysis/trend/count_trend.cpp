#include "analysis/trend/count_trend.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "analysis/resource_words.hpp"
#include "analysis/trend/trend.hpp"

namespace leakline::analysis {

namespace {

constexpr double kBytesOfOne = 64 * 1024;

Interval in_counts(const Interval& bytes) { return {bytes.estimate / kBytesOfOne, bytes.low / kBytesOfOne, bytes.high / kBytesOfOne}; }

std::string reason_of(const ResourceGrowth& growth, const TrendVerdict& trend) {
    const std::string_view what = resource_words(growth.resource);
    switch (growth.verdict) {
        case Trend::growing: return fmt::format("{} keep growing, {}", what, rate_words(growth));
        case Trend::shrinking: return fmt::format("{} shrink", what);
        case Trend::stable:
            return trend.detectable_bytes_per_hour ? fmt::format("{} do not grow: no leak above {}", what,
                                                                 per_hour_words(*trend.detectable_bytes_per_hour / kBytesOfOne))
                                                   : fmt::format("{} do not grow", what);
        case Trend::inconclusive: break;
    }
    return fmt::format("{}: undecided; sample for longer", what);
}

}  // namespace

ResourceGrowth judge_count_trend(Resource resource, const Series& counts, std::optional<std::uint64_t> limit, std::string limit_name) {
    Series scaled = counts;
    for (double& value : scaled.value) value *= kBytesOfOne;
    const TrendVerdict trend = judge_trend(scaled);
    ResourceGrowth growth;
    growth.resource = resource;
    growth.verdict = trend.verdict;
    if (counts.size() > 0) {
        growth.growth = counts.value.back() - counts.value.front();
        growth.used = counts.value.back();
    }
    growth.per_hour = in_counts(trend.slope_bytes_per_hour);
    if (trend.bytes_per_request) growth.per_request = in_counts(*trend.bytes_per_request);
    if (trend.detectable_bytes_per_request) growth.detectable_per_request = *trend.detectable_bytes_per_request / kBytesOfOne;
    growth.reasons = {reason_of(growth, trend)};
    growth.limit = limit;
    growth.limit_name = std::move(limit_name);
    if (limit && growth.verdict == Trend::growing && growth.per_hour->estimate > 0)
        growth.time_to_limit_h = std::max(0.0, static_cast<double>(*limit) - growth.used) / growth.per_hour->estimate;
    return growth;
}

}  // namespace leakline::analysis
