#include "analysis/trend/self_test.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>

#include "analysis/statistics.hpp"
#include "analysis/trend/trend.hpp"

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
    result.precision = {true_alarms, true_alarms + false_alarms};
    result.recall = {leaks.growing, leaks.total()};
    result.missed = {leaks.stable, leaks.total()};
    result.false_alarms = {clean.growing, clean.total()};
    result.inconclusive = {leaks.inconclusive + clean.inconclusive, leaks.total() + clean.total()};
}

constexpr std::array kGrowths = {0., .25, .5, 1., 1.5, 2., 3., 5.};  // in deviations of the noise

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

struct Held {
    const char* name;
    Proportion SelfTest::*measured;
    enum class Bound { none, at_least, at_most } bound;
    double goal;
    const char* of;
};
constexpr std::array kHeld = {
    Held{"precision", &SelfTest::precision, Held::Bound::at_least, .99, "of all that was called growing"},
    Held{"recall", &SelfTest::recall, Held::Bound::at_least, .99, "of the leaks"},
    Held{"false alarms", &SelfTest::false_alarms, Held::Bound::at_most, .003, "of what does not leak"},
    Held{"95 % intervals", &SelfTest::interval_coverage, Held::Bound::at_least, .93, "hold the true slope"},
    Held{"missed", &SelfTest::missed, Held::Bound::none, 0, "leaks called stable"},
    Held{"inconclusive", &SelfTest::inconclusive, Held::Bound::none, 0, "of all"},
};

Goal judge(const Held& held, const Proportion& measured) {
    const Interval range = measured.interval();
    const bool least = held.bound == Held::Bound::at_least;
    if (least ? range.low >= held.goal : range.high <= held.goal) return Goal::passed;
    if (least ? range.high < held.goal : range.low > held.goal) return Goal::failed;
    return Goal::undecided;
}

std::string goal_words(const Held& held, const Proportion& measured) {
    if (held.bound == Held::Bound::none) return {};
    const Goal goal = judge(held, measured);
    const char* word = goal == Goal::passed ? "met" : goal == Goal::failed ? "MISSED" : "not decided by so few";
    return fmt::format("  goal {} {}: {}", held.bound == Held::Bound::at_least ? ">=" : "<=", percent(held.goal), word);
}

}  // namespace

double Proportion::value() const { return part(hits, total); }

Interval Proportion::interval() const {
    constexpr double kZ = 1.96;  // 95 %
    if (total == 0) return {value(), 0, 1};
    const double n = static_cast<double>(total), p = value(), z2 = kZ * kZ;
    const double middle = (p + z2 / (2 * n)) / (1 + z2 / n);
    const double half = kZ * std::sqrt(p * (1 - p) / n + z2 / (4 * n * n)) / (1 + z2 / n);
    return {p, std::max(0., middle - half), std::min(1., middle + half)};
}

Goal judge_self_test(const SelfTest& result) {
    Goal whole = Goal::passed;
    for (const Held& held : kHeld) {
        if (held.bound == Held::Bound::none) continue;
        const Goal goal = judge(held, result.*held.measured);
        if (goal == Goal::failed) return goal;
        if (goal == Goal::undecided) whole = goal;
    }
    return whole;
}

SelfTest run_self_test(std::uint64_t seed, int per_family, const KeepOn& keep_on) {
    SelfTest result;
    const double all = static_cast<double>(trace_families().size() + kGrowths.size()) * per_family;
    std::uint64_t begun = 0;
    std::string_view what;
    const auto go_on = [&] { return keep_on(what, static_cast<double>(begun++) / all); };
    std::uint64_t covered = 0, with_interval = 0;
    std::vector<double> request_errors;
    for (const TraceFamily& family : trace_families()) {
        FamilyScore score{std::string(family.name), std::string(family.summary), family.leaks, {}, {}};
        what = family.name;
        for (int number = 0; number < per_family && go_on(); ++number) {
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
    result.interval_coverage = {covered, with_interval};
    result.request_error = median(std::move(request_errors));
    summarize(result);
    what = "operating curve";
    for (const double growth : kGrowths) {
        OperatingPoint point = operating_point(seed, per_family, growth, go_on);
        if (point.counts.total() == 0) break;
        result.curve.push_back(point);
    }
    return result;
}

std::string self_test_text(const SelfTest& result) {
    std::string out = "family            leaks   growing  stable  inconclusive   of them hard\n";
    for (const FamilyScore& family : result.families) {
        const VerdictCounts &a = family.plain, &b = family.hard;
        out += fmt::format("{:<17} {:<7} {:>7} {:>7} {:>13}   {:>12}   {}\n", family.name, family.leaks ? "yes" : "no",
                           a.growing + b.growing, a.stable + b.stable, a.inconclusive + b.inconclusive, b.total(), family.summary);
    }
    out += "hard: even knowing the family one could not be sure; these count for precision only\n\n";
    for (const Held& held : kHeld) {
        const Proportion& measured = result.*held.measured;
        const Interval range = measured.interval();
        out += fmt::format("{:<15} {:>8} [{}, {}] of {} {}{}\n", held.name, percent(measured.value()), percent(range.low),
                           percent(range.high), measured.total, held.of, goal_words(held, measured));
    }
    out += fmt::format("bytes/request   {:>8}   median error\n\n", percent(result.request_error));
    out += "operating curve: a line in correlated noise (300 MiB, deviation 3 MiB, 2000 samples)\n";
    out += "growth/deviation  growth/detectable  growing  stable  inconclusive\n";
    for (const OperatingPoint& point : result.curve) {
        const auto total = point.counts.total();
        out += fmt::format("{:>16.2f} {:>18.2f} {:>8} {:>7} {:>13}\n", point.growth_in_deviations, point.growth_of_detectable,
                           percent(part(point.counts.growing, total)), percent(part(point.counts.stable, total)),
                           percent(part(point.counts.inconclusive, total)));
    }
    return out;
}

}  // namespace leakline::analysis
