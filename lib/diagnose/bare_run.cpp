// The bare run: the service as it is, with its memory sampled while the traffic is replayed.
#include <fmt/format.h>
#include <unistd.h>

#include <atomic>
#include <filesystem>
#include <utility>

#include "analysis/follows.hpp"
#include "analysis/trend/trend.hpp"
#include "analysis/verdict/verdict.hpp"
#include "base/clock.hpp"
#include "diagnose/final_counts.hpp"
#include "diagnose/recorded_process.hpp"
#include "memory/machine_load.hpp"

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

analysis::ResourceOptions count_options(const RunContext& context, std::size_t rounds, int planned) {
    analysis::ResourceOptions options;
    options.first_mark = static_cast<std::size_t>(std::max(1, context.options.warmup_rounds.value_or(1)));
    options.requests_per_second = context.result.requests_per_second;
    options.extended = analysis::pools_had_time(rounds, planned);
    return options;
}

// Noise of a busy machine makes the detection limit coarse; whoever reads the limit should know.
void warn_if_busy(RunContext& context, const memory::MachineLoad& load) {
    constexpr double kBusyOthers = 0.25, kBusySteal = 0.05;
    const auto shares = load.since_start();
    if (!shares || (shares->others < kBusyOthers && shares->steal < kBusySteal)) return;
    const TrendVerdict& trend = context.result.trend;
    const std::string limit = trend.detectable_bytes_per_request ? " of " + format_bytes(*trend.detectable_bytes_per_request) + " per request" : "";
    context.result.warnings.push_back(
        fmt::format("the machine was busy: other processes used {:.0f} % of its CPU time, the hypervisor {:.0f} %; the detection limit{} is coarse for that reason",
                    shares->others * 100, shares->steal * 100, limit));
}

// What memory does while nothing is requested. The series does not have this time: its trend is that of the rounds.
std::optional<IdleTime> idle_time(const RunContext& context, const TreeLog& log) {
    context.stage("idle time");
    if (!interruption::sleep_for(kAfterConnections)) return std::nullopt;
    const Nanoseconds begin = system_clock().monotonic();
    const Bytes before = log.latest();
    if (!interruption::sleep_for(kIdleTime)) return std::nullopt;
    return IdleTime{to_seconds(system_clock().monotonic() - begin), static_cast<double>(log.latest()) - static_cast<double>(before)};
}

}  // namespace

std::string no_lines_text(const Error& reason) {
    return fmt::format("lines cannot be recorded: {} {} ({})", file_name(reason.location()), reason.message(), reason.hint());
}

void run_bare(RunContext& context) {
    context.stage("bare run");
    MeasuredTarget target(context, context.options.target, context.options.sample_interval);
    const TreeLog& log = target.log();
    find_recorded_process(context, target);
    const memory::MachineLoad load({static_cast<int>(::getpid()), target.pid()});
    RoundPlan plan = context.options.rounds;
    plan.replay.target = context.result.target;
    const std::optional<Bytes> ceiling = memory_ceiling(context.options);
    bool over_ceiling = false;
    RoundHooks hooks;
    target.mark();
    hooks.quiet_mark = [&](const Round& round, int) {
        context.result.rounds.push_back(round);
        target.mark();
    };
    std::atomic<int> rounds_planned{plan.rounds};
    int undecided = 0;
    bool following = false;  // growth that may be a cache: one line for all the rounds that it took
    hooks.enough = [&] {
        std::vector<std::string>& retries = context.result.retries;
        if (context.options.retries == 0) return true;
        Diagnosis so_far;
        so_far.series = log.copy();
        so_far.trend = judge(context, so_far.series);
        so_far.max_growth = context.result.max_growth;
        so_far.requests_per_second = context.result.requests_per_second;
        // Growth that may still be a cache filling up is followed for as long as it takes little time, and not counted as a retry.
        std::optional<std::string> why;
        if (!context.options.policy.filling_is_leak)
            why = analysis::growth_unproven(so_far, to_seconds(system_clock().monotonic() - target.origin()));
        if (std::exchange(following, why.has_value()) && following) retries.pop_back();
        if (!why && undecided < context.options.retries) {
            why = analysis::memory_undecided(std::move(so_far));
            if (!why) why = analysis::resources_undecided(judged_counts(target, count_options(context, context.result.rounds.size(), plan.rounds)));
            if (why) ++undecided;
        }
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
    // Memory is judged by the rounds alone: a flat end without traffic would say that growth stopped.
    context.result.series = log.copy();
    context.result.trend = judge(context, context.result.series);
    warn_if_busy(context, load);
    context.result.resources = final_counts(context, target, count_options(context, rounds.rounds.size(), plan.rounds));
    context.result.metric = log.metric();
    if (context.options.idle && !rounds.stopped && context.result.trend.verdict == Trend::growing)
        context.result.idle = idle_time(context, log);
    context.result.oom_kill = target.finish("bare run", rounds.rounds.size());
    if (context.result.oom_kill) {
        context.result.series = log.copy();
        context.result.trend = judge(context, context.result.series);
    }
    context.result.replay = std::move(rounds.stats);
    context.warn_if_late(context.result.replay, plan.replay.pace);
    if (over_ceiling && !context.result.oom_kill)
        context.result.warnings.push_back(fmt::format("stopped early: the service held {}, the most that it may use ({}; --max-memory)",
                                               format_bytes(static_cast<double>(log.latest())),
                                               context.options.max_memory ? "as asked for" : "half of the memory that was free"));
    context.result.split = analysis::split_growth(
        analysis::increments_of(context.result.series, context.result.rounds, context.result.idle, context.result.trend.warmup_end_s));
}

}  // namespace leakline::diagnose
