// The bare run: the service as it is, with its memory sampled while the traffic is replayed.
#include <fmt/format.h>

#include <algorithm>
#include <limits>

#include "analysis/trend.hpp"
#include "analysis/verdict.hpp"
#include "base/clock.hpp"
#include "base/file.hpp"
#include "diagnose/run_context.hpp"
#include "diagnose/series_log.hpp"
#include "memory/limit.hpp"
#include "memory/sampler.hpp"

namespace leakline::diagnose {

namespace {

// When the first half of the requests alone would have had the limit reached.
void predict(OomKill& kill, const Series& series, Bytes limit) {
    Series half;
    const double until = series.requests.back() / 2;
    for (std::size_t i = 0; i < series.size() && series.requests[i] <= until; ++i) {
        half.seconds.push_back(series.seconds[i]);
        half.value.push_back(series.value[i]);
        half.requests.push_back(series.requests[i]);
    }
    const TrendVerdict trend = analysis::judge_trend(half);
    if (trend.verdict != Trend::growing || !trend.bytes_per_request || !trend.level_bytes) return;
    const double head = std::max(0.0, static_cast<double>(limit) - *trend.level_bytes);
    const auto reached = [&](double from, const Interval& growth, double unit) {
        const auto at = [&](double rate) {
            return rate > 0 ? from + head / rate * unit : std::numeric_limits<double>::infinity();
        };
        return Interval{at(growth.estimate), at(growth.high), at(growth.low)};
    };
    kill.predicted_at_s = reached(half.seconds.back(), trend.slope_bytes_per_hour, 3600);
    kill.predicted_requests = reached(half.requests.back(), *trend.bytes_per_request, 1);
}

// The rehearsal of what production does to a leak: a result, and no reason to distrust what was measured until then.
void killed_at_limit(Diagnosis& result, const memory::Death& death, std::uint64_t requests, Bytes limit_of_rss) {
    OomKill kill;
    kill.text = death.text;
    kill.requests = requests;
    if (result.series.size() > 0) {
        kill.at_s = result.series.seconds.back();
        predict(kill, result.series, limit_of_rss);
    }
    result.oom_kill = kill;
}

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
    const TemporaryDirectory scratch;
    Launch launch = prepare_launch(context.options.target, scratch.path());
    std::optional<memory::MemoryLimit> limit;
    if (context.options.memory_limit) {
        limit = memory::MemoryLimit::create(*context.options.memory_limit);
        if (!limit->warning().empty()) context.result.warnings.push_back(limit->warning());
        limit->put_on(launch.command);
    }
    Child child = context.start(launch);

    Clock& clock = system_clock();
    const Nanoseconds origin = clock.monotonic();
    replay::Progress progress;
    SeriesLog log(context.result.command, clock, origin, progress);
    memory::SampleOptions sampling;
    sampling.pid = child.pid();
    sampling.interval = context.options.sample_interval;
    if (context.options.memory_limit) sampling.metrics.push_back(Metric::anonymous);
    memory::Sampler sampler(sampling, [&](const MemorySample& sample) { log.add(sample); });

    RoundPlan plan = context.options.rounds;
    plan.target = context.result.target;
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
        return !sampler.process_gone() && !over_ceiling;
    };
    RoundsResult rounds = run_rounds(plan, progress, origin, hooks);
    sampler.stop();
    context.result.series = log.copy();
    context.result.replay = std::move(rounds.stats);
    context.warn_if_late(context.result.replay, plan.pace);

    std::optional<memory::Death> death;
    if (!child.running() && limit) death = limit->death_of(*child.status(), log.highest());
    const bool killed = death && (death->cause == memory::Death::Cause::oom_killed ||
                                  death->cause == memory::Death::Cause::allocation_failed);
    if (killed)
        killed_at_limit(context.result, *death, progress.completed, *context.options.memory_limit + log.file_backed());
    else if (over_ceiling)
        context.result.warnings.push_back(fmt::format("stopped early: the service held {}, {:.0f} % of the memory that was free",
                                               format_bytes(static_cast<double>(log.latest())), kMemoryShare * 100));
    else if (!child.running())
        context.died(child, launch, "bare run", rounds.rounds.size());
    else
        child.terminate(context.options.target.grace);
    context.result.trend = judge(context, context.result.series);
}

}  // namespace leakline::diagnose
