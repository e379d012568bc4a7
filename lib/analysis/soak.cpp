#include "analysis/soak.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "base/quantities.hpp"

namespace leakline::analysis {

namespace {

// Two runs of one program differ by more than the noise within a run (address layout, which arena a thread got): so much
// of bytes per request is no difference. With speeds three times apart, growth of which a fortieth follows time shows.
constexpr double kSameRate = 0.05;

// Memory has to have held its level for at least as long as it took to reach it, or it may only have begun to.
constexpr double kLevelTimeFactor = 2;
// Of a run, what takes longer than this share of it to fill or to be cleaned can look flat, or like growth.
constexpr double kDetectableShare = 1.0 / 3;

bool still(const SoakRun& run) { return does_not_grow(run.trend.verdict); }
// Flat for long enough, compared with the longer time that either run took to become level.
bool flat(const SoakRun& run, const SoakRun& other) {
    return still(run) && run.hours >= kLevelTimeFactor * std::max(run.settled_h, other.settled_h);
}
bool grows(const SoakRun& run) { return run.trend.verdict == Trend::growing && run.trend.bytes_per_request; }

// The upper bound of this run's growth per request.
double upper_growth(const SoakRun& run) {
    double most = run.trend.detectable_bytes_per_request.value_or(std::numeric_limits<double>::infinity());
    if (run.trend.bytes_per_request) most = std::max(most, run.trend.bytes_per_request->high);
    return most;
}

std::string per_request(const SoakRun& run) {
    const Interval& growth = *run.trend.bytes_per_request;
    return fmt::format("{} ({} to {}) per request at {:.4g}x", format_bytes(growth.estimate), format_bytes(growth.low),
                       format_bytes(growth.high), run.time_scale);
}

// Growth by the service's own doing, independent of requests: what a run of minutes could have seen of it.
std::string clock_words(const Soak& soak) {
    std::optional<double> least;
    for (const SoakRun& run : soak.runs)
        if (const auto& seen = run.trend.detectable_bytes_per_hour) least = std::min(least.value_or(*seen), *seen);
    return least ? fmt::format(", or growth over time (not per request) below {} per hour", format_bytes(*least)) : "";
}

// After `hours`: the level, and what may have stayed unseen in the part that was not replayed.
void judge_flat(Soak& soak, double requests_per_second) {
    soak.growth = Soak::Growth::none;
    Interval level;
    double hidden = std::numeric_limits<double>::infinity();
    for (const SoakRun& run : soak.runs) {
        const double at = run.trend.plateau_bytes.value_or(run.trend.level_bytes.value_or(0));
        level.low = &run == &soak.runs.front() ? at : std::min(level.low, at);
        level.high = std::max(level.high, at);
        hidden = std::min(hidden, upper_growth(run));
    }
    const SoakRun& fast = soak.runs.front();
    level.estimate = fast.trend.plateau_bytes.value_or(fast.trend.level_bytes.value_or(0));
    const double ahead_h = std::max(0.0, soak.hours - fast.hours);
    level.high += ahead_h * 3600 * requests_per_second * std::max(0.0, hidden);
    if (std::isfinite(level.high)) soak.level_bytes = level;
    const SoakRun& slow = soak.runs[1];
    soak.reason = fmt::format(
        "memory does not grow: at {:.4g}x, over {:.3g} h of traffic, it {}; at {:.4g}x, over {:.3g} h, it {}. The run "
        "cannot detect what takes more than {:.2g} h of traffic to fill or to be freed{}",
        fast.time_scale, fast.hours, fast.trend.reasons.empty() ? "is stable" : fast.trend.reasons.front(), slow.time_scale, slow.hours,
        slow.trend.reasons.empty() ? "is stable" : slow.trend.reasons.front(), fast.hours * kDetectableShare, clock_words(soak));
}

void extrapolate(Soak& soak, double requests_per_second, std::optional<Bytes> limit, double start_bytes) {
    const Interval fast = *soak.runs[0].trend.bytes_per_request, slow = *soak.runs[1].trend.bytes_per_request;
    const Interval growth{(fast.estimate + slow.estimate) / 2, std::min(fast.low, slow.low), std::max(fast.high, slow.high)};
    soak.bytes_per_request = growth;
    const double hourly = requests_per_second * 3600, ahead = std::max(0.0, soak.hours - soak.runs[0].hours) * hourly;
    if (const auto& level = soak.runs[0].trend.level_bytes)
        soak.level_bytes = Interval{*level + ahead * growth.estimate, *level + ahead * growth.low, *level + ahead * growth.high};
    if (!limit) return;
    const double head = std::max(0.0, static_cast<double>(*limit) - start_bytes);
    const auto hours = [&](double bytes) { return bytes > 0 ? head / (bytes * hourly) : std::numeric_limits<double>::infinity(); };
    soak.time_to_limit_h = Interval{hours(growth.estimate), hours(growth.high), hours(growth.low)};
}

// True if both runs may have the same growth.
bool alike(const SoakRun& a, const SoakRun& b) {
    const Interval& x = *a.trend.bytes_per_request;
    const Interval& y = *b.trend.bytes_per_request;
    if (x.low <= y.high && y.low <= x.high) return true;
    return std::abs(x.estimate - y.estimate) <= kSameRate * std::max(std::abs(x.estimate), std::abs(y.estimate));
}

// Whether the slower run covers so much more than the faster one took to become level that its growth is not a cache that fills.
bool past_filling(const SoakRun& fast, const SoakRun& slow) { return slow.hours >= kLevelTimeFactor * fast.settled_h; }

}  // namespace

std::size_t settled_at(const Series& series, const TrendVerdict& trend) {
    constexpr double kNearPart = 0.02, kNearBytes = 1024 * 1024;
    const auto level = trend.plateau_bytes ? trend.plateau_bytes : trend.level_bytes;
    if (!level || !does_not_grow(trend.verdict)) return 0;
    const double near = *level - std::max(kNearBytes, kNearPart * *level);
    const auto first = std::find_if(series.value.begin(), series.value.end(), [&](double value) { return value >= near; });
    return first == series.value.end() ? 0 : static_cast<std::size_t>(first - series.value.begin());
}

double least_hours_of_slower(const SoakRun& faster, double hours) {
    return std::min(hours, std::max(faster.hours / kSoakSpeedsApart, kLevelTimeFactor * faster.settled_h));
}

void judge_soak(Soak& soak, double requests_per_second, std::optional<Bytes> limit, double start_bytes) {
    if (soak.runs.size() < 2) {
        soak.reason = "one speed cannot distinguish growth per request from growth over time";
        return;
    }
    const SoakRun& fast = soak.runs[0];
    const SoakRun& slow = soak.runs[1];
    const std::string words = fmt::format("memory is {} at {:.4g}x and {} at {:.4g}x", trend_name(fast.trend.verdict), fast.time_scale,
                                          trend_name(slow.trend.verdict), slow.time_scale);
    if (flat(fast, slow) && flat(slow, fast)) {
        judge_flat(soak, requests_per_second);
    } else if (grows(fast) && grows(slow) && alike(fast, slow)) {
        soak.growth = Soak::Growth::with_requests;
        extrapolate(soak, requests_per_second, limit, start_bytes);
        soak.reason = fmt::format("growth follows requests: {}, {}", per_request(fast), per_request(slow));
    } else if (fast.kept_up < kMinSoakPace) {
        // Cleaning by a clock depends on the requests within its interval: then the actual speeds matter.
        soak.reason = fmt::format(
            "{}, but at {:.4g}x only {:.0f} % of the traffic was served on time: use a lower --time-scale or a less busy "
            "machine",
            words, fast.time_scale, fast.kept_up * 100);
    } else if (grows(slow) && past_filling(fast, slow) && slow.trend.bytes_per_request->low > upper_growth(fast)) {
        soak.growth = Soak::Growth::with_time;
        soak.reason = fmt::format(
            "growth depends on time, not on requests: {}, {}; memory after {:.4g} h cannot be extrapolated "
            "from a faster replay",
            per_request(slow), fast.trend.bytes_per_request ? per_request(fast) : fmt::format("none seen at {:.4g}x", fast.time_scale),
            soak.hours);
    } else if (still(fast) && still(slow)) {
        soak.reason = fmt::format(
            "memory leveled off after {:.2g} h of traffic, but only {:.2g} h were replayed at {:.4g}x and {:.2g} h at {:.4g}x: too little "
            "to show that it stays level; rerun with a longer --soak-time",
            std::max(fast.settled_h, slow.settled_h), fast.hours, fast.time_scale, slow.hours, slow.time_scale);
    } else {
        soak.reason =
            words + ": whether growth follows requests or time is undecided, so nothing is extrapolated; rerun with a longer --soak-time";
    }
}

}  // namespace leakline::analysis
