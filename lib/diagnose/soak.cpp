// The soak: the log again and again as days of traffic, at two speeds, with the service's memory sampled.
#include "analysis/soak.hpp"
#include "analysis/soak_passes.hpp"
#include "analysis/trend/trend.hpp"
#include "base/quantities.hpp"
#include "diagnose/internal/final_counts.hpp"
#include "diagnose/internal/recorded_process.hpp"
#include "diagnose/internal/soak_marks.hpp"
#include "system/clock.hpp"
#include "system/subreaper.hpp"
#include "system/temporary_directory.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <atomic>
#include <cmath>
#include <limits>

namespace leakline::diagnose {

namespace {

// Share of the capacity that the faster run asks for on average: a daily curve has its busiest hour at 1.7 times that.
constexpr double kShareOfCapacity = 0.5;
// What the faster run lasts at least, where there is the time: what a service does by a clock of its own needs some of it.
constexpr double kShortestFast_s = 120;
// What a run lasts at least, even where memory is over its limit before: shorter ones show no trend.
constexpr double kShortest_s = 5;
// Of the trial of the capacity: what it lasts, and what of that is left out as warm-up.
constexpr double kTrial_s = 4, kTrialWarmup_s = 1;
// How often the slower run is checked for a decision.
constexpr double kAsk_s = 5;
// Samples of a run that are meant to be taken, and the shortest time between two.
constexpr double kSamples = 6000;

// One start of the service, its memory and what was sent to it.
struct SpeedRun {
    SoakRun run;
    Series series;
    ReplayStats stats;
    std::optional<OomKill> kill;
    Resources resources;  // judged
    std::string metric;   // of series
};

class SoakRunner {
  public:
    // log_requests: of one pass over the log.
    SoakRunner(RunContext& context, double log_rate, double log_requests)
        : context_(context), log_rate_(log_rate), log_requests_(log_requests) {}

    // Requests per second that the service can answer; 0 if it exited.
    double capacity() {
        context_.stage("measuring the capacity of the service");
        const TemporaryDirectory scratch;
        Launch launch = prepare_launch(at_speed(1), scratch.path());
        const Subreaper subreaper;  // ends what the service leaves behind, after it
        Child child = context_.start(launch);
        RoundPlan plan = endless_rounds();
        plan.replay.pace.kind = replay::Pace::Kind::max;
        replay::Progress progress;
        Clock& clock = system_clock();
        const Nanoseconds begin = clock.monotonic();
        double from_s = 0, until_s = 0, from = 0, until = 0;  // what counts: times and requests
        RoundHooks hooks;
        hooks.tick = [&](std::uint64_t completed, int, double) {
            until_s = to_seconds(clock.monotonic() - begin);
            until = static_cast<double>(completed);
            if (from_s <= 0 && until_s >= kTrialWarmup_s) {
                from_s = until_s;
                from = until;
            }
            context_.progress(std::min(1.0, until_s / kTrial_s), format_count(completed) + " requests");
            return until_s < kTrial_s;
        };
        const RoundsResult rounds = run_rounds(plan, progress, begin, hooks);
        context_.result.replay = rounds.stats;
        if (!child.running()) {
            context_.service_exited(child.status()->text(), launch, "capacity measurement", rounds.rounds.size());
            return 0;
        }
        child.terminate(context_.options.target.grace);
        return until_s > from_s ? (until - from) / (until_s - from_s) : 0;
    }

    // To the end of `hours` of traffic, of longest_s real seconds, or of the memory that may be used; or to where
    // enough(the run so far), asked every few seconds, says so. faster: the run before this one, to compare with.
    SpeedRun run(double scale, double hours, double longest_s, const SpeedRun* faster = nullptr,
                 const std::function<bool(const SoakRun&)>& enough = {}) {
        context_.stage(fmt::format("soak at {:.4g}x, {}", scale, format_duration(whole_seconds(std::min(longest_s, hours * 3600 / scale)))),
                       faster == nullptr ? 0.4 : 0.6);
        const auto interval =
            std::max(context_.options.sample_interval, Nanoseconds(static_cast<std::int64_t>(longest_s / kSamples * 1e9)));
        MeasuredTarget target(context_, at_speed(scale), interval);
        const TreeLog& log = target.log();
        find_recorded_process(context_, target);
        RoundPlan plan = endless_rounds();
        plan.replay.pace = {replay::Pace::Kind::recorded, scale, 0};
        SoakMarks marks(target, longest_s, context_.stop());
        marks.join(plan.replay);
        const std::optional<Bytes> limit = context_.options.memory_limit;
        std::atomic<SoakRun::End> end{SoakRun::End::stopped};
        double asked_s = 0;
        RoundHooks hooks;
        hooks.tick = [&](std::uint64_t completed, int, double) {
            const double elapsed = to_seconds(system_clock().monotonic() - target.origin()) - marks.paused_s(), done = hours_of(completed);
            const double part = std::clamp(std::max(elapsed / longest_s, done / hours), 0.0, 1.0);
            marks.progress(part);
            context_.progress(part, fmt::format("{:.1f} of {:.4g} h of traffic, {} requests, RSS {}", done, hours, format_count(completed),
                                                format_bytes(static_cast<double>(log.latest()))));
            if (target.gone()) return false;
            // A cgroup makes the kernel say when; else RSS does.
            if (limit && !target.in_cgroup() && log.latest() >= *limit && elapsed >= kShortest_s)
                end = SoakRun::End::limit;
            else if (context_.is_over_ceiling(log.latest()))
                end = SoakRun::End::memory;
            else if (target.exhausted())
                end = SoakRun::End::exhausted;
            else if (done >= hours)
                end = SoakRun::End::whole;
            else if (elapsed >= longest_s)
                end = SoakRun::End::time;
            else if (enough && elapsed >= asked_s + kAsk_s) {
                asked_s = elapsed;
                if (enough(describe(log.copy(), completed, elapsed, lag_of(target), scale, faster))) end = SoakRun::End::decided;
            }
            return end == SoakRun::End::stopped;
        };
        RoundsResult rounds = run_rounds(plan, target.progress(), target.origin(), hooks);
        SpeedRun speed_run;
        speed_run.series = log.copy();  // of the traffic alone: a flat end would say that growth stopped
        marks.finish();
        speed_run.resources = final_counts(context_, target, count_options(marks, scale));
        speed_run.metric = log.metric();
        speed_run.kill = target.finish("soak", rounds.rounds.size());
        speed_run.stats = std::move(rounds.stats);
        if (speed_run.kill) speed_run.series = log.copy();
        speed_run.run = describe(speed_run.series, speed_run.stats.completed, speed_run.stats.duration_s, lag_of(target), scale, faster);
        speed_run.run.end = speed_run.kill ? SoakRun::End::killed : end.load();
        if (speed_run.kill) speed_run.run.limit_reached_h = speed_run.run.hours;  // RSS was there before: pages of files count for it
        limit_of_rss_ = target.limit_of_rss();
        return speed_run;
    }

    // RSS at the limit, as the last run showed it.
    std::optional<Bytes> limit_of_rss() const { return limit_of_rss_; }

  private:
    static Nanoseconds whole_seconds(double seconds) { return std::chrono::seconds(static_cast<std::int64_t>(std::ceil(seconds))); }
    TargetSpec at_speed(double scale) const {
        TargetSpec spec = context_.options.target;
        spec.time_scale = scale;
        return spec;
    }
    // The log again and again, without a pause.
    RoundPlan endless_rounds() const {
        RoundPlan plan = context_.options.rounds;
        plan.replay.target = context_.result.target;
        plan.rounds = std::numeric_limits<int>::max();
        plan.quiet = Nanoseconds(0);
        return plan;
    }
    analysis::ResourceOptions count_options(const SoakMarks& marks, double scale) const {
        analysis::ResourceOptions options;
        options.requests_per_second = log_rate_;
        options.extended = marks.complete();
        options.more = "a longer soak (--soak-time)";
        options.runs = 2;
        if (scales_time(context_.options.target)) options.time_scale = scale;
        return options;
    }
    static double lag_of(MeasuredTarget& target) { return static_cast<double>(target.progress().lag_ns) / 1e9; }
    double hours_of(double requests) const { return requests / log_rate_ / 3600; }
    double hours_of(std::uint64_t requests) const { return hours_of(static_cast<double>(requests)); }

    SoakRun describe(const Series& series, std::uint64_t requests, double duration_s, double lag_s, double scale,
                     const SpeedRun* faster) const {
        SoakRun run;
        run.time_scale = scale;
        run.duration_s = duration_s;
        run.requests = requests;
        run.hours = hours_of(requests);
        // By how late the last request left, and not by their number: a daily curve has its quiet hours.
        run.kept_up = duration_s > 0 ? std::clamp(1 - lag_s / duration_s, 0.0, 1.0) : 0;
        const std::optional<Bytes> limit = context_.options.memory_limit;
        for (std::size_t i = 0; limit && i < series.size() && !run.limit_reached_h; ++i)
            if (series.value[i] >= static_cast<double>(*limit)) run.limit_reached_h = hours_of(series.requests[i]);
        analysis::TrendOptions trend;
        trend.limit = limit;
        run.trend = analysis::settled_by_passes(analysis::judge_trend(series, trend), series, log_requests_);
        if (faster != nullptr && does_not_grow(faster->run.trend.verdict))
            run.trend = analysis::settled_by_faster(run.trend, series, faster->series);
        if (series.size() > 0 && run.trend.growth_class != analysis::kCycleClass)
            run.settled_h = hours_of(series.requests[analysis::settled_at(series, run.trend)]);
        return run;
    }

    RunContext& context_;
    const double log_rate_, log_requests_;
    std::optional<Bytes> limit_of_rss_;
};

// As fast as the service can well serve it, but not so fast that it is over in no time.
double scale_of(const SoakPlan& plan, double log_rate, double capacity) {
    if (plan.time_scale) return *plan.time_scale;
    const double shortest_s = std::min(kShortestFast_s, to_seconds(plan.time) / 2);
    return std::max(1.0, std::min(to_seconds(plan.length) / shortest_s, capacity * kShareOfCapacity / log_rate));
}

void warn(RunContext& context, const SoakRun& run, double hours, const replay::LogSpan& span) {
    std::vector<std::string>& warnings = context.result.warnings;
    if (run.end == SoakRun::End::memory)
        warnings.push_back(fmt::format("the soak at {:.4g}x was stopped: the service used {:.0f} % of the available memory", run.time_scale,
                                       kMemoryShare * 100));
    if (run.kept_up < analysis::kMinSoakPace)
        warnings.push_back(
            fmt::format("at {:.4g}x only {:.0f} % of the traffic was served on time: use a lower --time-scale on this machine",
                        run.time_scale, run.kept_up * 100));
    if (run.end == SoakRun::End::time)
        warnings.push_back(
            fmt::format("the soak at {:.4g}x was stopped by --soak-time after {:.3g} of {:.4g} h of traffic: caches that fill or are "
                        "cleaned more slowly may look like growth, or remain undetected",
                        run.time_scale, run.hours, hours));
    const double log_hours = span.first && span.last ? to_seconds(*span.last - *span.first) / 3600 : 0;
    if (run.hours < log_hours && run.trend.verdict == Trend::growing && !run.limit_reached_h && run.end != SoakRun::End::memory)
        warnings.push_back(fmt::format(
            "at {:.4g}x, only {:.3g} h of the {:.3g} h log were replayed: memory that varies with the load may look like growth until the "
            "whole log has been replayed",
            run.time_scale, run.hours, log_hours));
}

}  // namespace

namespace {

bool counts_grow(const Resources& resources) {
    return std::any_of(resources.counts.begin(), resources.counts.end(),
                       [](const ResourceGrowth& growth) { return growth.verdict == Trend::growing; });
}

// The faster run has more requests; what grows with time may show in the slower one alone.
Resources counts_of(std::vector<SpeedRun>& speed_runs) {
    for (SpeedRun& speed_run : speed_runs)
        if (counts_grow(speed_run.resources)) return std::move(speed_run.resources);
    return std::move(speed_runs.front().resources);
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
        result.warnings.push_back(fmt::format(
            "only the traffic was made faster{}: cleaning that the service does by the clock ran at its own pace, and can look like "
            "growth; write {{time_scale}} where the command takes a speed for its clock",
            context.options.clock_refused.empty() ? "" : ", since the service " + context.options.clock_refused));

    SoakRunner runner(context, rate, static_cast<double>(span.requests));
    if (!plan.time_scale) soak.capacity = runner.capacity();
    if (result.failed() || context.stopped()) return;
    const double scale = scale_of(plan, rate, soak.capacity), longest_s = to_seconds(plan.time);
    std::vector<SpeedRun> speed_runs;
    speed_runs.reserve(2);  // the second run looks at the first
    const auto start_bytes = [&] {
        const Series& first = speed_runs.front().series;
        return first.size() > 0 ? first.value.front() : 0;
    };
    const auto judge = [&](Soak& all) { analysis::judge_soak(all, rate, runner.limit_of_rss(), start_bytes()); };
    const auto add = [&](SpeedRun speed_run) {
        speed_runs.push_back(std::move(speed_run));
        soak.runs.push_back(speed_runs.back().run);
        warn(context, speed_runs.back().run, soak.hours, span);
        return !result.failed() && !context.stopped() && speed_runs.back().run.end != SoakRun::End::exhausted;
    };
    if (add(runner.run(scale, soak.hours, longest_s / 2))) {
        const SoakRun& fast = soak.runs[0];
        const double least_h = analysis::least_hours_of_slower(fast, soak.hours);
        add(runner.run(scale / analysis::kSoakSpeedsApart, soak.hours, longest_s - fast.duration_s, &speed_runs[0],
                       [&](const SoakRun& slow) {
                           if (slow.hours < least_h) return false;
                           Soak so_far = soak;
                           so_far.runs.push_back(slow);
                           judge(so_far);
                           return so_far.growth != Soak::Growth::unclear;
                       }));
    }
    judge(soak);
    SpeedRun& shown = speed_runs[soak.growth == Soak::Growth::with_time ? 1 : 0];
    ProcessTree tree = shown.resources.tree;  // of the run whose memory is judged
    result.resources = counts_of(speed_runs);
    result.resources.tree = std::move(tree);
    result.trend = shown.run.trend;
    result.series = std::move(shown.series);
    result.metric = shown.metric;
    result.replay = std::move(shown.stats);
    result.oom_kill = std::move(shown.kill);
}

}  // namespace leakline::diagnose
