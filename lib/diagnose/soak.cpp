// The soak: the log again and again as days of traffic, at two speeds, with the service's memory sampled.
#include "analysis/soak.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "analysis/trend.hpp"
#include "base/clock.hpp"
#include "base/file.hpp"
#include "diagnose/run_context.hpp"
#include "diagnose/series_log.hpp"
#include "memory/sampler.hpp"

namespace leakline::diagnose {

namespace {

// How much slower the second run is: far enough apart for growth with time to show, near enough for the slower one to cover
// a third of the traffic in the same time.
constexpr double kApart = 3;
// Share of the capacity that the faster run asks for on average: a daily curve has its busiest hour at 1.7 times that.
constexpr double kShareOfCapacity = 0.5;
// What a run lasts at least, even where memory is over its limit before: shorter ones show no trend.
constexpr double kShortest_s = 5;
// Samples of a run that are meant to be taken, and the shortest time between two.
constexpr double kSamples = 6000;
// Traffic that arrives more slowly than this share of what the speed asks for is not that traffic.
constexpr double kKeptUp = 0.9;

// One start of the service, its memory and what was sent to it.
struct Stretch {
    SoakRun run;
    Series series;
    ReplayStats stats;
    bool over_ceiling = false;
};

class SoakRunner {
  public:
    SoakRunner(RunContext& context, double log_rate) : context_(context), log_rate_(log_rate) {}

    // Requests a second that the service answers when they come as fast as it takes them; 0 where it died.
    double capacity() {
        context_.stage("finding out what the service can serve");
        const TemporaryDirectory scratch;
        Launch launch = prepare_launch(target(1), scratch.path());
        Child child = context_.start(launch);
        RoundPlan plan = context_.options.rounds;
        plan.target = context_.result.target;
        plan.pace.kind = replay::Pace::Kind::max;
        plan.rounds = 3;
        plan.quiet = Nanoseconds(0);
        replay::Progress progress;
        RoundHooks hooks;
        hooks.tick = [&](std::uint64_t completed, int round, double fraction) {
            context_.progress((round - 1 + std::min(fraction, 1.0)) / plan.rounds, format_count(completed) + " requests");
            return true;
        };
        const RoundsResult rounds = run_rounds(plan, progress, system_clock().monotonic(), hooks);
        context_.result.replay = rounds.stats;
        if (!child.running()) {
            context_.died(child, launch, "trial of its capacity", rounds.rounds.size());
            return 0;
        }
        child.terminate(context_.options.target.grace);
        double best = 0;
        for (const Round& round : rounds.rounds)
            best = std::max(best, static_cast<double>(round.requests) / std::max(1e-3, round.end_s - round.begin_s));
        return best;
    }

    // To the end of `hours` of traffic, of `longest_s` real seconds, or of the memory that may be used.
    Stretch run(double scale, double hours, double longest_s) {
        context_.stage(fmt::format("soak at {:.4g}x", scale));
        const TemporaryDirectory scratch;
        Launch launch = prepare_launch(target(scale), scratch.path());
        Child child = context_.start(launch);

        Clock& clock = system_clock();
        const Nanoseconds begin = clock.monotonic();
        replay::Progress progress;
        SeriesLog log(context_.result.command, clock, begin, progress);
        memory::SampleOptions sampling;
        sampling.pid = child.pid();
        sampling.interval = std::max(context_.options.sample_interval, Nanoseconds(static_cast<std::int64_t>(longest_s / kSamples * 1e9)));
        memory::Sampler sampler(sampling, [&](const MemorySample& sample) { log.add(sample); });

        RoundPlan plan = context_.options.rounds;
        plan.target = context_.result.target;
        plan.pace = {replay::Pace::Kind::recorded, scale, 0};
        plan.rounds = std::numeric_limits<int>::max();
        plan.quiet = Nanoseconds(0);
        const std::optional<Bytes> ceiling = memory_ceiling(), limit = context_.options.memory_limit;
        Stretch stretch;
        RoundHooks hooks;
        hooks.tick = [&](std::uint64_t completed, int, double) {
            const double elapsed = to_seconds(clock.monotonic() - begin), done = hours_of(completed);
            context_.progress(std::clamp(std::max(elapsed / longest_s, done / hours), 0.0, 1.0),
                              fmt::format("{:.1f} h of traffic, {} requests, RSS {}", done, format_count(completed),
                                          format_bytes(static_cast<double>(log.latest()))));
            stretch.over_ceiling = ceiling && log.latest() > *ceiling;
            const bool at_limit = limit && log.latest() >= *limit && elapsed >= kShortest_s;
            return !sampler.process_gone() && !stretch.over_ceiling && !at_limit && done < hours && elapsed < longest_s;
        };
        RoundsResult rounds = run_rounds(plan, progress, begin, hooks);
        sampler.stop();
        stretch.stats = std::move(rounds.stats);
        context_.warn_if_late(stretch.stats, plan.pace);
        stretch.series = log.copy();
        describe(stretch, scale);
        if (!child.running())
            context_.died(child, launch, "soak", rounds.rounds.size());
        else
            child.terminate(context_.options.target.grace);
        return stretch;
    }

  private:
    TargetSpec target(double scale) const {
        TargetSpec spec = context_.options.target;
        spec.time_scale = scale;
        return spec;
    }
    double hours_of(double requests) const { return requests / log_rate_ / 3600; }
    double hours_of(std::uint64_t requests) const { return hours_of(static_cast<double>(requests)); }

    void describe(Stretch& stretch, double scale) const {
        SoakRun& run = stretch.run;
        const Series& series = stretch.series;
        run.time_scale = scale;
        run.duration_s = stretch.stats.duration_s;
        run.requests = stretch.stats.completed;
        run.hours = hours_of(run.requests);
        run.kept_up = run.duration_s > 0 ? std::min(1.0, run.hours * 3600 / (run.duration_s * scale)) : 0;
        const std::optional<Bytes> limit = context_.options.memory_limit;
        for (std::size_t i = 0; limit && i < series.size() && !run.limit_reached_h; ++i)
            if (series.value[i] >= static_cast<double>(*limit)) run.limit_reached_h = hours_of(series.requests[i]);
        analysis::TrendOptions trend;
        trend.limit = limit;
        run.trend = analysis::judge_trend(series, trend);
    }

    RunContext& context_;
    const double log_rate_;
};

// The speed at which the service has all of the traffic answered in the time that there is, or as much as it can serve.
double scale_of(const SoakPlan& plan, double log_rate, double capacity) {
    if (plan.time_scale) return *plan.time_scale;
    const double wanted = to_seconds(plan.length) / (to_seconds(plan.time) / 2);
    return std::max(1.0, std::min(wanted, capacity * kShareOfCapacity / log_rate));
}

void warn(RunContext& context, const Stretch& stretch, const replay::LogSpan& span) {
    const SoakRun& run = stretch.run;
    std::vector<std::string>& warnings = context.result.warnings;
    if (stretch.over_ceiling)
        warnings.push_back(fmt::format("the soak at {:.4g}x was stopped: the service held {:.0f} % of the memory that was free", run.time_scale,
                                       kMemoryShare * 100));
    if (run.kept_up < kKeptUp)
        warnings.push_back(fmt::format("at {:.4g}x only {:.0f} % of the traffic came through in its time: a lower --time-scale fits this machine",
                                       run.time_scale, run.kept_up * 100));
    const double log_hours = span.first && span.last ? to_seconds(*span.last - *span.first) / 3600 : 0;
    if (run.hours < log_hours && run.trend.verdict == Trend::growing && !run.limit_reached_h && !stretch.over_ceiling)
        warnings.push_back(fmt::format("at {:.4g}x {:.3g} h of a log of {:.3g} h were replayed: what follows its curve looks like growth until it "
                                       "is through once; a longer --soak-time replays all of it",
                                       run.time_scale, run.hours, log_hours));
}

}  // namespace

void run_soak(RunContext& context, const replay::LogSpan& span) {
    const SoakPlan& plan = *context.options.soak;
    Diagnosis& result = context.result;
    const double rate = *span.rate();
    Soak& soak = result.soak.emplace();
    soak.hours = to_seconds(plan.length) / 3600;
    soak.service_scaled = scales_time(context.options.target);
    if (!soak.service_scaled)
        result.warnings.push_back("only the traffic was made faster: cleaning that the service does by the clock ran at its own pace, and can "
                                  "look like growth; write {time_scale} where the command takes a speed for its clock");

    if (context.options.memory_limit)
        result.warnings.push_back("a soak puts the service in no memory cgroup: a run ends by itself where RSS reaches the limit");

    SoakRunner runner(context, rate);
    if (!plan.time_scale) soak.capacity = runner.capacity();
    if (result.verdict == Verdict::invalid || interruption::received() != 0) return;
    const double scale = scale_of(plan, rate, soak.capacity), half_s = to_seconds(plan.time) / 2;
    std::vector<Stretch> stretches;
    for (const double speed : {scale, scale / kApart}) {
        stretches.push_back(runner.run(speed, soak.hours, half_s));
        if (result.verdict == Verdict::invalid || interruption::received() != 0) break;
        warn(context, stretches.back(), span);
        soak.runs.push_back(stretches.back().run);
    }
    const Series& first = stretches.front().series;
    analysis::judge_soak(soak, rate, context.options.memory_limit, first.size() > 0 ? first.value.front() : 0);
    Stretch& shown = stretches[soak.growth == Soak::Growth::with_time ? 1 : 0];
    result.trend = shown.run.trend;
    result.series = std::move(shown.series);
    result.replay = std::move(shown.stats);
}

}  // namespace leakline::diagnose
