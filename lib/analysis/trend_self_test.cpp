#include "analysis/trend_self_test.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>

#include "analysis/statistics.hpp"
#include "analysis/trend.hpp"

namespace leakline::analysis {

namespace {

void count(VerdictCounts& counts, Trend verdict) {
    switch (verdict) {
        case Trend::growing: ++counts.growing; break;
        case Trend::stable:
        case Trend::shrinking: ++counts.stable; break;
        case Trend::inconclusive: ++counts.inconclusive; break;
    }
}

double part(std::uint64_t of, std::uint64_t total) {
    return total == 0 ? std::numeric_limits<double>::quiet_NaN() : static_cast<double>(of) / static_cast<double>(total);
}

// What the families sum up to.
void summarize(SelfTest& result) {
    VerdictCounts leaks, clean;
    std::uint64_t true_alarms = 0, false_alarms = 0;
    for (const FamilyScore& family : result.families) {
        VerdictCounts& sum = family.leaks ? leaks : clean;
        sum.growing += family.plain.growing;
        sum.stable += family.plain.stable;
        sum.inconclusive += family.plain.inconclusive;
        (family.leaks ? true_alarms : false_alarms) += family.plain.growing + family.hard.growing;
    }
    result.precision = part(true_alarms, true_alarms + false_alarms);
    result.recall = part(leaks.growing, leaks.total());
    result.missed = part(leaks.stable, leaks.total());
    result.false_alarms = part(clean.growing, clean.total());
    result.inconclusive = part(leaks.inconclusive + clean.inconclusive, leaks.total() + clean.total());
}

OperatingPoint operating_point(std::uint64_t seed, int traces, double growth, const std::function<bool()>& keep_on) {
    OperatingPoint point{growth, 0, {}};
    std::vector<double> ratios;
    for (int number = 0; number < traces && keep_on(); ++number) {
        // The same noise for every growth: the curve then shows the growth alone.
        const Trace trace = noisy_line(seed, static_cast<std::uint64_t>(number), growth);
        const TrendVerdict verdict = judge_trend(trace.series);
        count(point.counts, verdict.verdict);
        if (verdict.detectable_bytes_per_hour.value_or(0) > 0)
            ratios.push_back(trace.slope_bytes_per_hour / *verdict.detectable_bytes_per_hour);
    }
    point.growth_of_detectable = median(std::move(ratios));
    return point;
}

std::string percent(double value) { return std::isnan(value) ? "-" : fmt::format("{:.1f} %", 100 * value); }

}  // namespace

SelfTest run_self_test(std::uint64_t seed, int per_family, const std::function<bool()>& keep_on) {
    SelfTest result;
    std::uint64_t covered = 0, with_interval = 0;
    std::vector<double> request_errors;
    for (const TraceFamily& family : trace_families()) {
        FamilyScore score{std::string(family.name), std::string(family.summary), family.leaks, {}, {}};
        for (int number = 0; number < per_family && keep_on(); ++number) {
            const Trace trace = make_trace(family, seed, static_cast<std::uint64_t>(number));
            const TrendVerdict verdict = judge_trend(trace.series);
            count(trace.hard ? score.hard : score.plain, verdict.verdict);
            if (!trace.leaks || verdict.verdict != Trend::growing) continue;
            ++with_interval;
            const Interval& slope = verdict.slope_bytes_per_hour;
            if (slope.low <= trace.slope_bytes_per_hour && trace.slope_bytes_per_hour <= slope.high) ++covered;
            if (trace.bytes_per_request && verdict.bytes_per_request)
                request_errors.push_back(std::fabs(verdict.bytes_per_request->estimate / *trace.bytes_per_request - 1));
        }
        result.families.push_back(std::move(score));
    }
    result.interval_coverage = part(covered, with_interval);
    result.request_error = median(std::move(request_errors));
    summarize(result);
    for (const double growth : {0., .25, .5, 1., 1.5, 2., 3., 5.}) {
        if (!keep_on()) break;
        result.curve.push_back(operating_point(seed, per_family, growth, keep_on));
    }
    return result;
}

std::string self_test_text(const SelfTest& result) {
    std::string out = "family            leaks   growing  stable  inconclusive   of them hard\n";
    for (const FamilyScore& family : result.families) {
        const VerdictCounts &a = family.plain, &b = family.hard;
        out += fmt::format("{:<17} {:<7} {:>7} {:>7} {:>13}   {:>12}   {}\n", family.name, family.leaks ? "yes" : "no",
                           a.growing + b.growing, a.stable + b.stable, a.inconclusive + b.inconclusive, b.total(),
                           family.summary);
    }
    out += "hard: even knowing the family one could not be sure; these count for precision only\n\n";
    out += fmt::format("precision       {:>8}   of all that was called growing\n", percent(result.precision));
    out += fmt::format("recall          {:>8}   of the leaks\n", percent(result.recall));
    out += fmt::format("false alarms    {:>8}   of what does not leak\n", percent(result.false_alarms));
    out += fmt::format("missed          {:>8}   leaks called stable\n", percent(result.missed));
    out += fmt::format("inconclusive    {:>8}\n", percent(result.inconclusive));
    out += fmt::format("95 % intervals  {:>8}   hold the true slope\n", percent(result.interval_coverage));
    out += fmt::format("bytes/request   {:>8}   median error\n\n", percent(result.request_error));
    out += "operating curve: a line in correlated noise (300 MiB, deviation 3 MiB, 2000 samples)\n";
    out += "growth/deviation  growth/detectable  growing  stable  inconclusive\n";
    for (const OperatingPoint& point : result.curve) {
        const auto total = point.counts.total();
        out += fmt::format("{:>16.2f} {:>18.2f} {:>8} {:>7} {:>13}\n", point.growth_in_deviations,
                           point.growth_of_detectable, percent(part(point.counts.growing, total)),
                           percent(part(point.counts.stable, total)), percent(part(point.counts.inconclusive, total)));
    }
    return out;
}

}  // namespace leakline::analysis
