#include "analysis/trend/self_test.hpp"

#include <algorithm>
#include <array>
#include <cmath>

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

// What the families sum up to, in the order of SelfTestFigure.
std::vector<SelfTest::Score> scores_of(const std::vector<FamilyScore>& families, Proportion intervals) {
    VerdictCounts leaks, clean;
    std::uint64_t true_alarms = 0, false_alarms = 0;
    for (const FamilyScore& family : families) {
        VerdictCounts& sum = family.leaks ? leaks : clean;
        sum.growing += family.plain.growing;
        sum.stable += family.plain.stable;
        sum.inconclusive += family.plain.inconclusive;
        (family.leaks ? true_alarms : false_alarms) += family.plain.growing + family.hard.growing;
    }
    using enum SelfTestFigure;
    return {score_of(precision, {true_alarms, true_alarms + false_alarms}),
            score_of(recall, {leaks.growing, leaks.total()}),
            score_of(false_alarm_rate, {clean.growing, clean.total()}),
            score_of(interval_coverage, intervals),
            score_of(missed, {leaks.stable, leaks.total()}),
            score_of(inconclusive, {leaks.inconclusive + clean.inconclusive, leaks.total() + clean.total()})};
}

constexpr std::array kGrowths = {0., .25, .5, 1., 1.5, 2., 3., 5.};  // in deviations of the noise

PowerCurvePoint power_curve_point(std::uint64_t seed, int traces, double growth, const std::function<bool()>& keep_on) {
    PowerCurvePoint point{growth, 0, {}};
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

}  // namespace

SelfTest::Score score_of(SelfTestFigure figure, Proportion measured) {
    static constexpr struct {
        const char *name, *of;
        double bound;  // 0: no goal
        bool at_least;
    } kFigures[] = {{"precision", "traces called growing", .99, true},
                    {"recall", "leaks", .99, true},
                    {"false alarms", "traces without a leak", .003, false},
                    {"95 % intervals", "contain the true slope", .93, true},
                    {"missed", "leaks called stable", 0, false},
                    {"inconclusive", "traces", 0, false}};
    const auto& [name, of, bound, at_least] = kFigures[static_cast<std::size_t>(figure)];
    SelfTest::Score score{name, of, measured, {}};
    if (bound == 0) return score;
    const auto [p, low, high] = measured.interval();
    const bool passed = at_least ? low >= bound : high <= bound, failed = at_least ? high < bound : low > bound;
    score.goal = Goal{bound, at_least, passed ? GateOutcome::passed : failed ? GateOutcome::failed : GateOutcome::inconclusive};
    return score;
}

GateOutcome outcome_of(const std::vector<SelfTest::Score>& scores) {
    GateOutcome whole = GateOutcome::passed;
    for (const SelfTest::Score& score : scores) {
        if (!score.goal || score.goal->outcome == GateOutcome::passed) continue;
        if (score.goal->outcome == GateOutcome::failed) return GateOutcome::failed;
        whole = GateOutcome::inconclusive;
    }
    return whole;
}

SelfTest run_self_test(std::uint64_t seed, int per_family, const OnTrace& on_trace, const std::stop_token& stop) {
    SelfTest result;
    const double all = static_cast<double>(trace_families().size() + kGrowths.size()) * per_family;
    std::uint64_t begun = 0;
    std::string_view what;
    const auto go_on = [&] {
        if (on_trace && !stop.stop_requested()) on_trace(what, static_cast<double>(begun++) / all);
        return !stop.stop_requested();
    };
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
    result.request_error = median(std::move(request_errors));
    result.scores = scores_of(result.families, {covered, with_interval});
    result.outcome = outcome_of(result.scores);
    what = "power curve";
    for (const double growth : kGrowths) {
        PowerCurvePoint point = power_curve_point(seed, per_family, growth, go_on);
        if (point.counts.total() == 0) break;
        result.curve.push_back(point);
    }
    return result;
}

}  // namespace leakline::analysis
