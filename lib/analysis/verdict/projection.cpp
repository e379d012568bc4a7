// What production would see: growth restated at the log's own rate, and the time to the memory limit.
#include <algorithm>
#include <limits>

#include "analysis/trend/trend.hpp"
#include "analysis/verdict/rules.hpp"

namespace leakline::analysis {

namespace {

constexpr double kSecondsPerHour = 3600;
// Share of the leaking lines' growth that has to follow the same axis for it to be that of memory.
constexpr double kAgree = 0.8;
// Share of memory's growth that lines by time have to explain before all of it is said to follow time.
constexpr double kExplains = 0.5;

// Where memory itself could not tell what its growth follows, the lines can: live bytes are counted.
void split_by_lines(Diagnosis& diagnosis) {
    if (diagnosis.split.follows != Follows::unknown || diagnosis.trend.verdict != Trend::growing) return;
    double all = 0, by_requests = 0, by_time = 0, per_hour = 0;
    for (const LineGrowth& line : diagnosis.lines.lines) {
        if (!line.leaking) continue;
        const auto bytes = static_cast<double>(line.growth_bytes);
        all += bytes;
        if (line.follows == Follows::requests) by_requests += bytes;
        if (line.follows == Follows::time) by_time += bytes;
        if (line.bytes_per_hour_by_time) per_hour += line.bytes_per_hour_by_time->estimate;
    }
    if (all <= 0) return;
    if (by_requests >= kAgree * all) {
        diagnosis.split = {Follows::requests, diagnosis.trend.bytes_per_request, {}};
    } else if (by_time >= kAgree * all && per_hour >= kExplains * diagnosis.trend.slope_bytes_per_hour.estimate) {
        // The run's own slope: its pace makes no difference to what follows time.
        diagnosis.split = {Follows::time, {}, diagnosis.trend.slope_bytes_per_hour};
    }
}

// Figures and words of the trend without a price per request.
void forget_requests(Diagnosis& diagnosis) {
    TrendVerdict& trend = diagnosis.trend;
    trend.bytes_per_request.reset();
    trend.detectable_bytes_per_request.reset();
    Series by_time = diagnosis.series;
    by_time.requests.clear();
    TrendVerdict again = judge_trend(by_time);
    if (again.verdict == trend.verdict) trend.reasons = std::move(again.reasons);
}

Interval sum(const Interval& a, const Interval& b) { return {a.estimate + b.estimate, a.low + b.low, a.high + b.high}; }

// Counted growth where memory as a whole does not show any: that of the leaking lines.
StatedGrowth stated(const Diagnosis& diagnosis) {
    const Evidence evidence(diagnosis);
    if (evidence.memory_grows() || !lines_leak(evidence)) {
        GrowthSplit split = diagnosis.split;
        if (split.follows != Follows::time) split.bytes_per_request = diagnosis.trend.bytes_per_request;
        return {StatedGrowth::Source::memory, split};
    }
    GrowthSplit split;
    for (const LineGrowth* line : evidence.leaking) {
        if (line->bytes_per_request) split.bytes_per_request = sum(split.bytes_per_request.value_or(Interval{}), *line->bytes_per_request);
        if (line->bytes_per_hour_by_time)
            split.bytes_per_hour_by_time = sum(split.bytes_per_hour_by_time.value_or(Interval{}), *line->bytes_per_hour_by_time);
    }
    if (split.bytes_per_hour_by_time) split.follows = split.bytes_per_request ? Follows::both : Follows::time;
    return {StatedGrowth::Source::lines, split};
}

std::optional<Interval> projected(const Diagnosis& diagnosis) {
    const GrowthSplit& split = diagnosis.growth.split;
    if (split.follows == Follows::time) return split.bytes_per_hour_by_time;
    if (!split.bytes_per_request || !diagnosis.requests_per_second) return std::nullopt;
    const double hourly = *diagnosis.requests_per_second * kSecondsPerHour;
    const Interval& growth = *split.bytes_per_request;
    const Interval by_requests{growth.estimate * hourly, growth.low * hourly, growth.high * hourly};
    return split.bytes_per_hour_by_time ? sum(by_requests, *split.bytes_per_hour_by_time) : by_requests;
}

}  // namespace

void project(Diagnosis& diagnosis) {
    TrendVerdict& trend = diagnosis.trend;
    trend.time_to_limit_h.reset();
    if (trend.verdict != Trend::growing) diagnosis.split = {};
    split_by_lines(diagnosis);
    // A price per request of what comes by itself would only say how fast the run was.
    if (diagnosis.split.follows == Follows::time) {
        forget_requests(diagnosis);
    } else if (diagnosis.split.follows == Follows::both) {
        trend.bytes_per_request = diagnosis.split.bytes_per_request;
    }
    diagnosis.growth = stated(diagnosis);
    const bool grows = trend.verdict == Trend::growing || diagnosis.growth.source == StatedGrowth::Source::lines;
    const auto hourly = projected(diagnosis);
    if (!hourly || grows_by_connections_alone(diagnosis)) return;
    diagnosis.projected_bytes_per_hour = hourly;
    if (!diagnosis.memory_limit || !grows) return;
    // From a fresh start, since production does not begin where this run ended: the level before the traffic.
    const double start = diagnosis.series.value.empty() ? 0 : diagnosis.series.value.front();
    const double head = std::max(0.0, static_cast<double>(*diagnosis.memory_limit) - start);
    const auto hours = [&](double bytes_per_hour) {
        return bytes_per_hour > 0 ? head / bytes_per_hour : std::numeric_limits<double>::infinity();
    };
    trend.time_to_limit_h = Interval{hours(hourly->estimate), hours(hourly->high), hours(hourly->low)};
}

TrendVerdict at_own_rate(const Diagnosis& diagnosis) {
    TrendVerdict trend = diagnosis.trend;
    if (!diagnosis.projected_bytes_per_hour) return trend;
    const Interval& hourly = *diagnosis.projected_bytes_per_hour;
    trend.slope_bytes_per_hour = hourly;
    if (!diagnosis.requests_per_second) return trend;
    const double requests = *diagnosis.requests_per_second * kSecondsPerHour;
    if (trend.detectable_bytes_per_request) trend.detectable_bytes_per_hour = *trend.detectable_bytes_per_request * requests;
    // A budget per request is kept or not by what production's requests pay, what comes by time included.
    if (diagnosis.split.bytes_per_hour_by_time && requests > 0)
        trend.bytes_per_request = Interval{hourly.estimate / requests, hourly.low / requests, hourly.high / requests};
    return trend;
}

}  // namespace leakline::analysis
