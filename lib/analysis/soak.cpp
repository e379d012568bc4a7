#include "analysis/soak.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "analysis/verdict.hpp"

namespace leakline::analysis {

namespace {

// Two runs of one program differ by more than the noise within a run (address layout, which arena a thread got): so much
// of bytes a request is no difference. With speeds three times apart, growth of which a fortieth follows time shows.
constexpr double kAlike = 0.05;

bool flat(const SoakRun& run) { return run.trend.verdict == Trend::stable || run.trend.verdict == Trend::shrinking; }
bool grows(const SoakRun& run) { return run.trend.verdict == Trend::growing && run.trend.bytes_per_request; }

// The most that this run can have grown by a request.
double most_growth(const SoakRun& run) {
    double most = run.trend.detectable_bytes_per_request.value_or(std::numeric_limits<double>::infinity());
    if (run.trend.bytes_per_request) most = std::max(most, run.trend.bytes_per_request->high);
    return most;
}

std::string per_request(const SoakRun& run) {
    const Interval& growth = *run.trend.bytes_per_request;
    return fmt::format("{} [{}, {}] a request at {:.4g}x", format_bytes(growth.estimate), format_bytes(growth.low),
                       format_bytes(growth.high), run.time_scale);
}

void judge_flat(Soak& soak) {
    soak.growth = Soak::Growth::none;
    Interval level;
    for (const SoakRun& run : soak.runs) {
        const double at = run.trend.plateau_bytes.value_or(run.trend.level_bytes.value_or(0));
        level.low = &run == &soak.runs.front() ? at : std::min(level.low, at);
        level.high = std::max(level.high, at);
    }
    const SoakRun& fast = soak.runs.front();
    level.estimate = fast.trend.plateau_bytes.value_or(fast.trend.level_bytes.value_or(0));
    soak.level_bytes = level;
    soak.reason = fmt::format("memory is flat at {:.4g}x over {:.3g} h of traffic and at {:.4g}x over {:.3g} h, at {}", fast.time_scale,
                              fast.hours, soak.runs[1].time_scale, soak.runs[1].hours, format_bytes(level.estimate));
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
    const auto hours = [&](double bytes) {
        return bytes > 0 ? head / (bytes * hourly) : std::numeric_limits<double>::infinity();
    };
    soak.time_to_limit_h = Interval{hours(growth.estimate), hours(growth.high), hours(growth.low)};
}

// True where both runs may have the same growth.
bool alike(const SoakRun& a, const SoakRun& b) {
    const Interval& x = *a.trend.bytes_per_request;
    const Interval& y = *b.trend.bytes_per_request;
    if (x.low <= y.high && y.low <= x.high) return true;
    return std::abs(x.estimate - y.estimate) <= kAlike * std::max(std::abs(x.estimate), std::abs(y.estimate));
}

}  // namespace

void judge_soak(Soak& soak, double requests_per_second, std::optional<Bytes> limit, double start_bytes) {
    if (soak.runs.size() < 2) {
        soak.reason = "one speed alone does not tell growth that follows requests from growth that follows time";
        return;
    }
    const SoakRun& fast = soak.runs[0];
    const SoakRun& slow = soak.runs[1];
    const std::string words = fmt::format("memory is {} at {:.4g}x and {} at {:.4g}x", trend_name(fast.trend.verdict), fast.time_scale,
                                          trend_name(slow.trend.verdict), slow.time_scale);
    if (flat(fast) && flat(slow)) {
        judge_flat(soak);
    } else if (grows(fast) && grows(slow) && alike(fast, slow)) {
        soak.growth = Soak::Growth::with_requests;
        extrapolate(soak, requests_per_second, limit, start_bytes);
        soak.reason = fmt::format("growth follows requests: {}, {}", per_request(fast), per_request(slow));
    } else if (grows(slow) && slow.trend.bytes_per_request->low > most_growth(fast)) {
        soak.growth = Soak::Growth::with_time;
        soak.reason = fmt::format("growth follows time rather than requests: {}, {}; what it comes to in {:.4g} h cannot be extrapolated "
                                  "from a faster replay",
                                  per_request(slow),
                                  fast.trend.bytes_per_request ? per_request(fast) : fmt::format("none seen at {:.4g}x", fast.time_scale),
                                  soak.hours);
    } else {
        soak.reason = words + ": whether growth follows requests or time cannot be told, and nothing is extrapolated; a longer "
                              "--soak-time would decide";
    }
}

void conclude_soak(Diagnosis& diagnosis) {
    conclude(diagnosis);
    const Soak& soak = *diagnosis.soak;
    const auto forget_projection = [&] {
        diagnosis.projected_bytes_per_hour.reset();
        diagnosis.trend.time_to_limit_h.reset();
    };
    if (soak.growth == Soak::Growth::with_time || soak.growth == Soak::Growth::unclear) forget_projection();
    if (soak.growth == Soak::Growth::with_requests) diagnosis.trend.time_to_limit_h = soak.time_to_limit_h;
    if (diagnosis.verdict == Verdict::invalid || soak.reason.empty()) return;

    const auto& lines = diagnosis.lines.lines;
    const bool line_leaks = std::any_of(lines.begin(), lines.end(), [](const LineGrowth& line) { return line.leaking; });
    const bool no_verdict = soak.growth == Soak::Growth::unclear && !line_leaks && !diagnosis.max_growth;
    if (no_verdict) diagnosis.verdict = Verdict::inconclusive;
    // The decisive reason stays first, unless it is this one. The recorder's run is short, so what comes with time need not show
    // in it: that does not put it outside of the heap.
    if (soak.growth == Soak::Growth::with_time && !line_leaks && !diagnosis.max_growth)
        diagnosis.reasons.front() = soak.reason;
    else
        diagnosis.reasons.insert(diagnosis.reasons.begin() + (no_verdict ? 0 : 1), soak.reason);
}

}  // namespace leakline::analysis
