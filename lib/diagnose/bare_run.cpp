// The bare run: the service as it is, with its memory sampled while the traffic is replayed.
#include <fmt/format.h>

#include <atomic>

#include "analysis/trend.hpp"
#include "analysis/verdict.hpp"
#include "diagnose/measured_target.hpp"

namespace leakline::diagnose {

namespace {

Series after(const Series& series, double from) {
    Series rest;
    rest.name = series.name;
    for (std::size_t i = 0; i < series.size(); ++i) {
        if (series.seconds[i] < from) continue;
        rest.seconds.push_back(series.seconds[i]);
        rest.value.push_back(series.value[i]);
        rest.requests.push_back(series.requests[i]);
    }
    return rest;
}

TrendVerdict judge(const RunContext& context, Series series) {
    if (context.options.warmup_rounds && static_cast<int>(context.result.rounds.size()) > *context.options.warmup_rounds &&
        *context.options.warmup_rounds > 0)
        series = after(series, context.result.rounds[static_cast<std::size_t>(*context.options.warmup_rounds) - 1].end_s);
    analysis::TrendOptions trend;
    trend.limit = context.options.memory_limit;
    return analysis::judge_trend(series, trend);
}

}  // namespace

void run_bare(RunContext& context) {
    context.stage("bare run");
    MeasuredTarget target(context, context.options.target, context.options.sample_interval);
    const SeriesLog& log = target.log();
    RoundPlan plan = context.options.rounds;
    plan.replay.target = context.result.target;
    const std::optional<Bytes> ceiling = memory_ceiling();
    bool over_ceiling = false;
    RoundHooks hooks;
    hooks.quiet_mark = [&](const Round& round, int) { context.result.rounds.push_back(round); };
    std::atomic<int> rounds_planned{plan.rounds};
    hooks.enough = [&] {
        std::vector<std::string>& retries = context.result.retries;
        if (static_cast<int>(retries.size()) >= context.options.retries) return true;
        Diagnosis so_far;
        so_far.series = log.copy();
        so_far.trend = judge(context, so_far.series);
        so_far.max_growth = context.result.max_growth;
        so_far.requests_per_second = context.result.requests_per_second;
        const auto why = analysis::memory_undecided(std::move(so_far));
        if (!why) return true;
        retries.push_back(fmt::format("after {} rounds: {}", context.result.rounds.size(), *why));
        rounds_planned += plan.rounds;
        return false;
    };
    hooks.tick = [&](std::uint64_t completed, int round, double fraction) {
        context.show_round(round, rounds_planned, fraction, completed, log.latest());
        over_ceiling = over_ceiling || (ceiling && log.latest() > *ceiling);
        return !target.gone() && !over_ceiling;
    };
    RoundsResult rounds = run_rounds(plan, target.progress(), target.origin(), hooks);
    context.result.oom_kill = target.finish("bare run", rounds.rounds.size());
    context.result.series = log.copy();
    context.result.replay = std::move(rounds.stats);
    context.warn_if_late(context.result.replay, plan.replay.pace);
    if (over_ceiling && !context.result.oom_kill)
        context.result.warnings.push_back(fmt::format("stopped early: the service held {}, {:.0f} % of the memory that was free",
                                               format_bytes(static_cast<double>(log.latest())), kMemoryShare * 100));
    context.result.trend = judge(context, context.result.series);
}

}  // namespace leakline::diagnose
