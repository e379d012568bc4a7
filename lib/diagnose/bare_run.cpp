// The bare run: the service as it is, with its memory sampled while the traffic is replayed.
#include <fmt/format.h>

#include <atomic>

#include "analysis/resources.hpp"
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

// judged: more rounds are still to be had where it is undecided.
Resources judge_counts(const RunContext& context, const MeasuredTarget& target, std::size_t rounds, int planned, bool last) {
    analysis::ResourceOptions options;
    options.first_mark = static_cast<std::size_t>(std::max(1, context.options.warmup_rounds.value_or(1)));
    options.requests_per_second = context.result.requests_per_second;
    options.extended = last || rounds >= 2 * static_cast<std::size_t>(planned);
    Resources resources = target.resources();
    analysis::judge_resources(resources, options);
    return resources;
}

// How long what grows has to be watched without traffic to see whether it follows time; nothing where nothing grows.
std::optional<double> idle_time(const Resources& resources) {
    constexpr double kToSee = 8, kShortest_s = 1, kLongest_s = 4;
    std::optional<double> longest;
    for (const ResourceGrowth& growth : resources.counts) {
        if (growth.verdict != Trend::growing || growth.exhausted || !growth.per_hour || growth.per_hour->estimate <= 0) continue;
        longest = std::max(longest.value_or(kShortest_s), std::min(kLongest_s, kToSee * 3600 / growth.per_hour->estimate));
    }
    return longest;
}

}  // namespace

void run_bare(RunContext& context) {
    context.stage("bare run");
    MeasuredTarget target(context, context.options.target, context.options.sample_interval);
    const TreeLog& log = target.log();
    RoundPlan plan = context.options.rounds;
    plan.replay.target = context.result.target;
    const std::optional<Bytes> ceiling = memory_ceiling();
    bool over_ceiling = false;
    RoundHooks hooks;
    target.mark();
    hooks.quiet_mark = [&](const Round& round, int) {
        context.result.rounds.push_back(round);
        target.mark();
    };
    std::atomic<int> rounds_planned{plan.rounds};
    hooks.enough = [&] {
        std::vector<std::string>& retries = context.result.retries;
        if (static_cast<int>(retries.size()) >= context.options.retries) return true;
        Diagnosis so_far;
        so_far.series = log.copy();
        so_far.trend = judge(context, so_far.series);
        so_far.max_growth = context.result.max_growth;
        so_far.requests_per_second = context.result.requests_per_second;
        auto why = analysis::memory_undecided(std::move(so_far));
        if (!why) why = analysis::resources_undecided(judge_counts(context, target, context.result.rounds.size(), plan.rounds, false));
        if (!why) return true;
        retries.push_back(fmt::format("after {} rounds: {}", context.result.rounds.size(), *why));
        rounds_planned += plan.rounds;
        return false;
    };
    hooks.tick = [&](std::uint64_t completed, int round, double fraction) {
        context.show_round(round, rounds_planned, fraction, completed, log.latest());
        over_ceiling = over_ceiling || (ceiling && log.latest() > *ceiling);
        return !target.gone() && !over_ceiling && !target.exhausted();
    };
    RoundsResult rounds = run_rounds(plan, target.progress(), target.origin(), hooks);
    if (target.exhausted() && !target.gone()) target.mark();  // the kinds, in a run that was stopped before its first mark
    Resources resources = judge_counts(context, target, rounds.rounds.size(), plan.rounds, true);
    // Memory is judged by the rounds alone: a flat end without traffic would say that growth stopped.
    context.result.series = log.copy();
    if (const auto idle_s = idle_time(resources); idle_s && !target.gone() && interruption::received() == 0) {
        ProcessTree tree = std::move(resources.tree);
        target.watch_idle(*idle_s);
        resources = judge_counts(context, target, rounds.rounds.size(), plan.rounds, true);
        resources.tree = std::move(tree);
    }
    for (std::string& warning : target.resource_warnings()) context.result.warnings.push_back(std::move(warning));
    context.result.resources = std::move(resources);
    context.result.metric = log.metric();
    context.result.oom_kill = target.finish("bare run", rounds.rounds.size());
    context.result.replay = std::move(rounds.stats);
    context.warn_if_late(context.result.replay, plan.replay.pace);
    if (over_ceiling && !context.result.oom_kill)
        context.result.warnings.push_back(fmt::format("stopped early: the service held {}, {:.0f} % of the memory that was free",
                                               format_bytes(static_cast<double>(log.latest())), kMemoryShare * 100));
    context.result.trend = judge(context, context.result.series);
}

}  // namespace leakline::diagnose
