// A bare run with a connection for each request: whether what connections leave behind goes on growing, or was a cache of
// sessions that fills up.
#include <fmt/format.h>

#include <utility>

#include "analysis/trend/trend.hpp"
#include "analysis/verdict/verdict.hpp"
#include "base/quantities.hpp"
#include "diagnose/internal/measured_target.hpp"
#include "system/clock.hpp"

namespace leakline::diagnose {

void run_connections(RunContext& context, double connections) {
    // Checked after this many rounds whether to go on; the trend needs as many.
    constexpr int kRounds = 8;
    context.stage("connections", 0.9);
    Diagnosis scratch = context.result;  // a service that exits here has been measured in the other runs
    RunContext own(context, scratch);
    MeasuredTarget target(own, context.options.target, context.options.sample_interval);
    RoundPlan plan = context.options.rounds;
    plan.rounds = kRounds;
    plan.replay.target = scratch.target;
    plan.replay.requests_per_connection = 1;
    plan.replay.keep_recorded = context.result.replay.not_fresh;
    const auto judged = [&] { return analysis::judge_trend(target.log().copy()); };
    const auto elapsed = [&] { return to_seconds(system_clock().monotonic() - target.origin()); };
    double spent = 0;
    RoundHooks hooks;
    hooks.enough = [&] {
        const double now = elapsed();
        context.extension.spend(now - std::exchange(spent, now));
        return static_cast<double>(target.progress().connections) >= connections || !context.extension.fits(now / 2) ||
               does_not_grow(judged().verdict);
    };
    hooks.tick = [&](std::uint64_t completed, int, double) {
        context.progress(
            std::min(1.0, static_cast<double>(target.progress().connections) / connections),
            fmt::format("{} connections, RSS {}", format_count(completed), format_bytes(static_cast<double>(target.log().latest()))));
        return !target.gone() && !target.exhausted() && !context.is_over_ceiling(target.log().latest());
    };
    const RoundsResult rounds = run_rounds(plan, target.progress(), target.origin(), hooks);
    const TrendVerdict trend = judged();
    const Series series = target.log().copy();
    LongConnectionRun run;
    run.connections = target.progress().connections;
    run.growth_bytes = series.size() == 0 ? 0 : series.value.back() - series.value.front();
    run.verdict = trend.verdict;
    run.bytes_per_connection = trend.bytes_per_request;  // each has one
    run.detectable_bytes_per_connection = trend.detectable_bytes_per_request;
    target.finish("run of many connections", 0);
    if (analysis::traffic_fault(rounds.stats))
        context.result.warnings.emplace_back("the run with many connections was discarded: too many of its requests failed");
    else if (!scratch.failed() && run.connections > 0)
        context.result.connections->long_run = run;
}

}  // namespace leakline::diagnose
