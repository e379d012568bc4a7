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

// If memory itself does not show what its growth follows, the lines do: live bytes are counted. Also where it seems to follow
// both, by pages that came late on a busy machine, and lines that follow one explain nearly all of it.
void split_by_lines(Evidence& evidence) {
    const Follows follows = evidence.split.follows;
    if (follows == Follows::requests || follows == Follows::time || evidence.trend.verdict != Trend::growing) return;
    const bool both = follows == Follows::both;
    double all = 0, by_requests = 0, by_time = 0, per_hour = 0, per_request = 0;
    for (const LineGrowth& line : evidence.lines.lines) {
        if (!line.leaking) continue;
        const auto bytes = static_cast<double>(line.growth_bytes);
        all += bytes;
        if (line.follows == Follows::requests) by_requests += bytes;
        if (line.follows == Follows::time) by_time += bytes;
        if (line.bytes_per_hour_by_time) per_hour += line.bytes_per_hour_by_time->estimate;
        if (line.bytes_per_request) per_request += line.bytes_per_request->estimate;
    }
    if (all <= 0) return;
    const auto& average = evidence.trend.bytes_per_request;
    if (by_requests >= kAgree * all && (!both || (average && per_request >= kAgree * average->estimate))) {
        evidence.split = {Follows::requests, average, {}};
    } else if (by_time >= kAgree * all && per_hour >= (both ? kAgree : kExplainingShare) * evidence.trend.slope_bytes_per_hour.estimate) {
        // The run's own slope: its pace makes no difference to what follows time.
        evidence.split = {Follows::time, {}, evidence.trend.slope_bytes_per_hour};
    }
}

// Figures and words of the trend without a price per request.
void forget_requests(Evidence& evidence) {
    TrendVerdict& trend = evidence.trend;
    trend.bytes_per_request.reset();
    trend.detectable_bytes_per_request.reset();
    Series by_time = evidence.series;
    by_time.requests.clear();
    TrendVerdict again = judge_trend(by_time);
    if (again.verdict == trend.verdict) trend.reasons = std::move(again.reasons);
}

Interval sum(const Interval& a, const Interval& b) { return {a.estimate + b.estimate, a.low + b.low, a.high + b.high}; }

// Per hour at the log's own rate. Growth with connections has none: requests do not say how many there will be.
std::optional<Interval> hourly_growth(const Evidence& evidence) {
    if (grows_by_connections_alone(evidence)) return std::nullopt;
    const GrowthSplit split = stated_growth(evidence).split;
    if (split.follows == Follows::time) return split.bytes_per_hour_by_time;
    if (!split.bytes_per_request || !evidence.requests_per_second) return std::nullopt;
    const double hourly = *evidence.requests_per_second * kSecondsPerHour;
    const Interval& growth = *split.bytes_per_request;
    const Interval by_requests{growth.estimate * hourly, growth.low * hourly, growth.high * hourly};
    return split.bytes_per_hour_by_time ? sum(by_requests, *split.bytes_per_hour_by_time) : by_requests;
}

// Takes back the projection of growth that comes with time, or that differs between the speeds of a soak: growth at one speed
// says nothing of another then.
void project_soak(Evidence& evidence) {
    const Soak& soak = *evidence.soak;
    if (soak.growth == Soak::Growth::with_time || soak.growth == Soak::Growth::unclear) {
        evidence.projected_bytes_per_hour.reset();
        evidence.trend.time_to_limit_h.reset();
    }
    if (soak.growth == Soak::Growth::with_requests) evidence.trend.time_to_limit_h = soak.time_to_limit_h;
}

void project_measured(Evidence& evidence) {
    TrendVerdict& trend = evidence.trend;
    trend.time_to_limit_h.reset();
    if (trend.verdict != Trend::growing) evidence.split = {};
    split_by_lines(evidence);
    // A price per request of what comes by itself would only say how fast the run was.
    if (evidence.split.follows == Follows::time) {
        forget_requests(evidence);
    } else if (evidence.split.follows == Follows::both) {
        trend.bytes_per_request = evidence.split.bytes_per_request;
    }
    const bool grows = trend.verdict == Trend::growing || stated_growth(evidence).source != StatedGrowth::Source::memory;
    const auto hourly = hourly_growth(evidence);
    if (!hourly) return;
    evidence.projected_bytes_per_hour = hourly;
    if (!evidence.memory_limit || !grows) return;
    // From a fresh start, since production does not begin where this run ended: the level before the traffic.
    const double start = evidence.series.value.empty() ? 0 : evidence.series.value.front();
    const double head = std::max(0.0, static_cast<double>(*evidence.memory_limit) - start);
    const auto hours = [&](double bytes_per_hour) {
        return bytes_per_hour > 0 ? head / bytes_per_hour : std::numeric_limits<double>::infinity();
    };
    trend.time_to_limit_h = Interval{hours(hourly->estimate), hours(hourly->high), hours(hourly->low)};
}

}  // namespace

// Counted growth where memory as a whole does not show any: that of the leaking lines.
StatedGrowth stated_growth(const Evidence& evidence) {
    if (objects_grow(evidence)) return {StatedGrowth::Source::objects, {Follows::requests, evidence.collected->bytes_per_request, {}}};
    const Facts facts(evidence);
    if (facts.memory_grows() || !lines_leak(facts)) {
        GrowthSplit split = evidence.split;
        if (split.follows != Follows::time) split.bytes_per_request = evidence.trend.bytes_per_request;
        return {StatedGrowth::Source::memory, split};
    }
    GrowthSplit split;
    for (const LineGrowth* line : facts.leaking) {
        if (line->bytes_per_request) split.bytes_per_request = sum(split.bytes_per_request.value_or(Interval{}), *line->bytes_per_request);
        if (line->bytes_per_hour_by_time)
            split.bytes_per_hour_by_time = sum(split.bytes_per_hour_by_time.value_or(Interval{}), *line->bytes_per_hour_by_time);
    }
    if (split.bytes_per_hour_by_time) split.follows = split.bytes_per_request ? Follows::both : Follows::time;
    return {StatedGrowth::Source::lines, split};
}

void project(Evidence& evidence) {
    project_measured(evidence);
    if (evidence.soak) project_soak(evidence);
}

TrendVerdict at_own_rate(const Evidence& evidence) {
    TrendVerdict trend = evidence.trend;
    const auto hourly = hourly_growth(evidence);
    if (!hourly) return trend;
    trend.slope_bytes_per_hour = *hourly;
    if (!evidence.requests_per_second) return trend;
    const double requests = *evidence.requests_per_second * kSecondsPerHour;
    if (trend.detectable_bytes_per_request) trend.detectable_bytes_per_hour = *trend.detectable_bytes_per_request * requests;
    // A budget per request is kept or not by what production's requests pay, what comes by time included.
    if (evidence.split.bytes_per_hour_by_time && requests > 0)
        trend.bytes_per_request = Interval{hourly->estimate / requests, hourly->low / requests, hourly->high / requests};
    return trend;
}

}  // namespace leakline::analysis
