// How good the trend's verdict is: a table of the families, the goals, and the power curve.
#include <fmt/format.h>

#include <cmath>

#include "report/internal/renderers.hpp"

namespace leakline::report {

namespace {

std::string percent(double value) { return std::isnan(value) ? "-" : fmt::format("{:.1f} %", 100 * value); }

std::string goal_text(const std::optional<Goal>& goal) {
    if (!goal) return {};
    const char* word = goal->outcome == GateOutcome::passed   ? "met"
                       : goal->outcome == GateOutcome::failed ? "MISSED"
                                                              : "undecided (too few traces)";
    return fmt::format("  goal {} {}: {}", goal->at_least ? ">=" : "<=", percent(goal->bound), word);
}

}  // namespace

std::string self_test_text(const SelfTest& result) {
    std::string out = "family            leaks   growing  stable  inconclusive   of them hard\n";
    for (const FamilyScore& family : result.families) {
        const VerdictCounts &a = family.plain, &b = family.hard;
        out += fmt::format("{:<17} {:<7} {:>7} {:>7} {:>13}   {:>12}   {}\n", family.name, family.leaks ? "yes" : "no",
                           a.growing + b.growing, a.stable + b.stable, a.inconclusive + b.inconclusive, b.total(), family.summary);
    }
    out += "hard: traces that cannot be classified with certainty even if the family is known; they count for precision only\n\n";
    for (const SelfTest::Score& score : result.scores) {
        const Interval range = score.measured.interval();
        out += fmt::format("{:<15} {:>8} [{}, {}] of {} {}{}\n", score.name, percent(score.measured.value()), percent(range.low),
                           percent(range.high), score.measured.total, score.of, goal_text(score.goal));
    }
    out += fmt::format("bytes/request   {:>8}   median error\n\n", percent(result.request_error));
    out += "power curve: a line in correlated noise (300 MiB, deviation 3 MiB, 2000 samples)\n";
    out += "growth/deviation  growth/detectable  growing  stable  inconclusive\n";
    for (const PowerCurvePoint& point : result.curve) {
        const auto share = [&](std::uint64_t count) { return Proportion{count, point.counts.total()}.value(); };
        out += fmt::format("{:>16.2f} {:>18.2f} {:>8} {:>7} {:>13}\n", point.growth_in_deviations, point.growth_of_detectable,
                           percent(share(point.counts.growing)), percent(share(point.counts.stable)),
                           percent(share(point.counts.inconclusive)));
    }
    return out;
}

}  // namespace leakline::report
