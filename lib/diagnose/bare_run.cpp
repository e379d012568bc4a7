// The bare run: the service with its memory sampled while the traffic is replayed; with context.one_run its lines are recorded as well.
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <filesystem>
#include <optional>
#include <utility>

#include "analysis/follows.hpp"
#include "analysis/trend/trend.hpp"
#include "analysis/verdict/verdict.hpp"
#include "base/quantities.hpp"
#include "base/strings.hpp"
#include "diagnose/internal/collected_heap_marks.hpp"
#include "diagnose/internal/final_counts.hpp"
#include "diagnose/internal/line_recording.hpp"
#include "diagnose/internal/recorded_process.hpp"
#include "heap/preflight.hpp"
#include "heap/recorder.hpp"
#include "system/clock.hpp"
#include "system/machine_load.hpp"

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

Series before(Series series, double until) {
    const auto kept =
        static_cast<std::size_t>(std::upper_bound(series.seconds.begin(), series.seconds.end(), until) - series.seconds.begin());
    for (std::vector<double>* column : {&series.seconds, &series.value, &series.requests})
        if (column->size() > kept) column->resize(kept);
    return series;
}

TrendVerdict judge(const RunContext& context, Series series) {
    if (context.options.warmup_rounds && static_cast<int>(context.result.rounds.size()) > *context.options.warmup_rounds &&
        *context.options.warmup_rounds > 0)
        series = after(series, context.result.rounds[static_cast<std::size_t>(*context.options.warmup_rounds) - 1].end_s);
    analysis::TrendOptions trend;
    trend.limit = context.options.memory_limit;
    return analysis::judge_trend(series, trend);
}

// longer: the run takes the place of one that was extended, in fewer and longer rounds.
enum class Longer { no, yes };
analysis::ResourceOptions count_options(const RunContext& context, std::size_t rounds, int planned, Longer longer = Longer::no) {
    analysis::ResourceOptions options;
    options.first_mark = static_cast<std::size_t>(std::max(1, context.options.warmup_rounds.value_or(1)));
    options.requests_per_second = context.result.requests_per_second;
    options.extended = longer == Longer::yes || analysis::is_extended_run(rounds, planned);
    return options;
}

std::string files_left_out_text(Bytes growth) {
    return fmt::format("pages of mapped files grew by {}; they are not counted, because the kernel takes them back when memory is short",
                       format_bytes(static_cast<double>(growth)));
}

// Noise of a busy machine makes the detection limit coarse; the report of the limit says so.
void warn_if_busy(RunContext& context, const MachineLoad& load) {
    constexpr double kBusyOthers = 0.25, kBusySteal = 0.05;
    const auto shares = load.since_start();
    if (!shares || (shares->others < kBusyOthers && shares->steal < kBusySteal)) return;
    // Each part of a run that was extended has its own; the last one counts.
    constexpr std::string_view kBusy = "the machine was busy";
    std::vector<std::string>& warnings = context.result.warnings;
    std::erase_if(warnings, [&](const std::string& warning) { return warning.starts_with(kBusy); });
    warnings.push_back(
        fmt::format("{} (other processes used {:.0f} % of the CPU time, steal time was {:.0f} %), which raises the detection limit", kBusy,
                    shares->others * 100, shares->steal * 100));
}

// What memory does while nothing is requested. The series does not have this time: its trend is that of the rounds.
// lines: recorded too, or null.
std::optional<IdleTime> idle_time(const RunContext& context, const TreeLog& log, LineRecording* lines) {
    Nanoseconds begin{};
    Bytes before = 0;
    const bool whole = pass_idle_time(context, [&] {
        if (lines != nullptr) lines->idle_begins();
        begin = system_clock().monotonic();
        before = log.latest();
    });
    if (!whole) return std::nullopt;
    if (lines != nullptr) lines->idle_ends();
    return IdleTime{to_seconds(system_clock().monotonic() - begin), static_cast<double>(log.latest()) - static_cast<double>(before)};
}

// Decides after each batch of plan.rounds rounds whether another follows.
class RoundExtender {
  public:
    RoundExtender(RunContext& context, const MeasuredTarget& target, const RoundPlan& plan, std::optional<double> requests)
        : context_(context), target_(target), plan_(plan), requests_(requests) {}

    bool wants_more() {
        ++batches_;
        const double now = elapsed();
        // All of a run that was made for more requests is extra, else what follows the planned rounds.
        if (requests_ || batches_ > 1) context_.extension.spend(now - spent_until_);
        spent_until_ = now;
        if (batches_ < granted_) return true;
        if (context_.options.retries == 0) return false;
        const bool more = requests_ ? wants_requests() : undecided();
        if (more) granted_ = batches_ + (requests_ ? 1 : next_batches());
        return more;
    }

    int rounds_planned() const { return granted_ * plan_.rounds; }

    // What the last decision was made by; nothing where there was none.
    const std::optional<Evidence>& judged() const { return judged_; }

  private:
    double elapsed() const { return to_seconds(system_clock().monotonic() - target_.origin()); }
    // Half as long again as the run so far: to judge after every batch would find growth by chance sooner or later.
    int next_batches() const { return std::max(1, batches_ / 2); }
    double batch_s() const { return elapsed() / batches_; }
    double next_s() const { return batch_s() * next_batches(); }

    const Evidence& so_far() {
        Evidence& so_far = judged_.emplace();
        so_far.command = context_.result.command;
        so_far.lines.unavailable = context_.no_lines;
        so_far.rounds = context_.result.rounds;
        so_far.series = target_.log().copy();
        so_far.trend = judge(context_, so_far.series);
        so_far.split =
            analysis::split_growth(analysis::increments_of(so_far.series, so_far.rounds, std::nullopt, so_far.trend.warmup_end_s));
        so_far.max_growth = context_.result.max_growth;
        so_far.requests_per_second = context_.result.requests_per_second;
        so_far.resources.tree = target_.log().tree();
        return so_far;
    }

    bool wants_requests() {
        const Evidence& now = so_far();
        const double done = now.series.requests.empty() ? 0 : now.series.requests.back();
        // Lines need all the requests that were asked for; memory that has stopped growing needs no more.
        return done < *requests_ && (context_.one_run || !does_not_grow(now.trend.verdict)) && context_.extension.fits(batch_s());
    }

    bool undecided() {
        const Evidence& now = so_far();
        // Growth that may still be a cache filling up is followed, and not counted as a retry.
        if (!context_.options.policy.filling_is_leak)
            if (const auto more = analysis::growth_unproven(now); more && worthwhile(*more, now)) return again(more->why, true);
        if (context_.options.retries && undecided_ >= *context_.options.retries) return false;
        auto why = analysis::memory_undecided(now);
        if (!why)
            why =
                analysis::resources_undecided(judged_counts(target_, count_options(context_, context_.result.rounds.size(), plan_.rounds)));
        if (!why) return false;
        if (!context_.extension.fits(next_s())) {
            context_.no_longer(fmt::format("{} more rounds", next_batches() * plan_.rounds), next_s(), *why);
            return false;
        }
        ++undecided_;
        return again(*why, false);
    }

    // Before lines are known, only what takes little time: they may ask for more or for less.
    bool worthwhile(const analysis::LongerRun& more, const Evidence& now) const {
        if (!more.all_or_nothing) return elapsed() + next_s() <= kLittleTime_s && context_.extension.fits(next_s());
        const double done = now.series.requests.empty() ? 0 : now.series.requests.back();
        return done > 0 && context_.extension.fits(std::max(next_s(), elapsed() * (more.requests / done - 1)));
    }

    bool again(const std::string& why, bool following) {
        std::vector<std::string>& retries = context_.result.retries;
        if (following_ == following) retries.pop_back();  // one line for all the rounds that this took
        following_ = following;
        retries.push_back(fmt::format("after {} rounds: {}", context_.result.rounds.size(), why));
        context_.longer(fmt::format("{} more rounds", next_batches() * plan_.rounds), why);
        return true;
    }

    static constexpr double kLittleTime_s = 40;

    RunContext& context_;
    const MeasuredTarget& target_;
    const RoundPlan& plan_;
    const std::optional<double> requests_;
    int batches_ = 0;  // done
    int granted_ = 1;
    std::optional<Evidence> judged_;
    double spent_until_ = 0;
    int undecided_ = 0;
    std::optional<bool> following_;  // of the last extension: growth was followed, or the run was undecided
};

// Rounds that follow those in which memory is measured: after each, a runtime with a garbage collector counts its live objects.
class ObjectRounds {
  public:
    ObjectRounds(RunContext& context, MeasuredTarget& target, const RoundPlan& plan)
        : context_(context), target_(target), plan_(plan), marks_(pids_of(target)) {}

    bool available() const { return marks_.available() && !context_.options.max_growth; }
    bool begun() const { return marks_.begun(); }
    void mark() {
        marks_.add(elapsed(), target_.progress().completed, [this] {
            target_.read_now();
            return target_.log().latest();
        });
    }

    // Asked after every plan.rounds rounds.
    bool wants_more() {
        if (!begun()) {
            mark();
            if (!begun())
                context_.result.warnings.emplace_back(
                    "the JVM of the service did not report its live objects (GC.class_histogram; it may run with -XX:+DisableAttachMechanism): "
                    "its heap is judged by memory alone");
            else
                context_.stage("counting live objects", 0.5);
            return begun();
        }
        if (!available() || context_.options.retries == 0) return false;
        Diagnosis so_far = context_.result;
        so_far.collected = marks_.judged();
        so_far.trend = judge(context_, measured(target_.log().copy()));
        so_far.replay.completed = target_.progress().completed;
        const auto why = analysis::objects_undecided(so_far, context_.options.policy);
        if (!why) return false;
        const double batch_s = (elapsed() - marks_.begin_s()) / static_cast<double>(batches_);
        if (!context_.extension.fits(batch_s)) {
            context_.no_longer(fmt::format("{} more rounds", plan_.rounds), batch_s, *why);
            return false;
        }
        context_.extension.spend(batch_s);
        ++batches_;
        context_.longer(fmt::format("{} more rounds", plan_.rounds), *why);
        return true;
    }
    // The series of memory as it was measured: full collections change what memory as a whole shows.
    Series measured(Series series) const { return begun() ? before(std::move(series), marks_.begin_s()) : series; }
    std::optional<CollectedHeap> judged() const { return marks_.judged(); }

  private:
    static std::vector<int> pids_of(const MeasuredTarget& target) {
        std::vector<int> pids;
        for (const memory::ProcessId& process : target.log().processes()) pids.push_back(process.pid);
        return pids;
    }
    double elapsed() const { return to_seconds(system_clock().monotonic() - target_.origin()); }

    RunContext& context_;
    MeasuredTarget& target_;
    const RoundPlan& plan_;
    CollectedHeapMarks marks_;
    int batches_ = 1;
};

// Of a run that is longer anyway, so that less of it is quiet time.
constexpr Nanoseconds kLongerRound = std::chrono::seconds(2);

// After the run with the agent. What memory has shown stays a result if there are no lines.
void judge_lines(RunContext& context, LineRecording& lines, const std::vector<Round>& rounds) {
    try {
        const HeapProfile profile = lines.judge(rounds);
        const double service_s = context.result.resources.tree.recorded_cpu_s;
        if (service_s > 0) context.recorder_share = heap::agent_cpu_s(profile) / service_s;
        // An interpreter's own lines say nothing about the program that it runs.
        if (context.no_lines.empty() || context.extensions) return;
        context.result.lines = {};
        context.result.held_by.reset();
        context.result.types.clear();
    } catch (const heap::NotRecordable& reason) {
        context.no_lines = no_lines_text(reason);
        context.extensions = false;
    } catch (const Error& error) {
        if (!context.stopped()) context.result.failures.push_back(fmt::format("the recording failed: {}", error.what()));
    }
}

}  // namespace

std::string no_lines_text(const Error& reason) {
    return fmt::format("lines cannot be recorded: {} {} ({})", file_name(reason.location()), reason.message(), reason.hint());
}

void run_bare(RunContext& context, std::optional<double> requests) {
    const std::string name = context.one_run ? "run" : "run without the recorder";
    context.stage(requests ? "longer " + name : name, context.one_run || requests ? 0.6 : 0.4);
    MeasuredTarget target(context, context.options.target, context.options.sample_interval,
                          context.one_run ? Lines::recorded : Lines::none);
    const TreeLog& log = target.log();
    std::optional<LineRecording> lines;
    if (heap::Recorder* const recorder = target.recorder()) lines.emplace(context, *recorder, target.progress());
    find_recorded_process(context, target);
    const MachineLoad load({static_cast<int>(::getpid()), target.pid()});
    RoundPlan plan = context.options.rounds;
    plan.replay.target = context.result.target;
    if (lines) plan.rounds = std::max(plan.rounds, kMinRounds);
    if (requests) plan.minimum_round = std::max(plan.minimum_round, kLongerRound);
    context.over_ceiling = false;
    RoundHooks hooks;
    target.mark();
    ObjectRounds objects(context, target, plan);
    if (lines)
        hooks.idle_mark = [&] {
            if (!objects.begun()) lines->idle_mark();
        };
    hooks.quiet_mark = [&](const Round& round, int number) {
        if (objects.begun()) {
            objects.mark();
        } else {
            context.result.rounds.push_back(round);
            if (lines) lines->quiet_mark(number);
        }
        target.mark();
    };
    std::atomic<int> rounds_planned{plan.rounds};
    RoundExtender extender(context, target, plan, requests);
    hooks.enough = [&] {
        if (objects.available() && objects.wants_more()) {
            rounds_planned += plan.rounds;
            return false;
        }
        if (objects.begun()) return true;
        const bool more = extender.wants_more();
        rounds_planned = extender.rounds_planned();
        return !more;
    };
    hooks.tick = [&](std::uint64_t completed, int round, double fraction) {
        context.show_round(round, rounds_planned, fraction, completed, log.latest());
        context.over_ceiling = context.over_ceiling || context.is_over_ceiling(log.latest());
        return !target.gone() && !context.over_ceiling && !target.exhausted();
    };
    RoundsResult rounds = run_rounds(plan, target.progress(), target.origin(), hooks);
    if (lines && !rounds.stopped && !objects.begun()) lines->rounds_end();
    // Memory is judged by the rounds alone: a flat end without traffic would say that growth stopped. A run that ended as decided is
    // not judged again: a few samples more may leave it undecided.
    if (extender.judged() && !rounds.stopped) {
        context.result.series = extender.judged()->series;
        context.result.trend = extender.judged()->trend;
    } else {
        context.result.series = objects.measured(log.copy());
        context.result.trend = judge(context, context.result.series);
    }
    context.result.collected = objects.judged();
    warn_if_busy(context, load);
    context.result.resources =
        final_counts(context, target, count_options(context, rounds.rounds.size(), plan.rounds, requests ? Longer::yes : Longer::no));
    context.result.metric = log.metric();
    context.result.file_growth_bytes = log.file_growth();
    if (const Bytes files = context.result.file_growth_bytes; files != 0)
        context.result.trend.reasons.push_back(files_left_out_text(files));
    if (const Bytes in_files = log.growth_in_files(); in_files != 0)
        context.result.trend.reasons.push_back(
            fmt::format("open files in memory (memfd, /dev/shm, or deleted on a tmpfs) grew by {} that no process maps; they are counted "
                        "as memory of the service",
                        format_bytes(static_cast<double>(in_files))));
    const bool grows = context.result.trend.verdict == Trend::growing;
    if (context.options.idle && !rounds.stopped && !objects.begun() && (grows || lines)) {
        const std::optional<IdleTime> idle = idle_time(context, log, lines ? &*lines : nullptr);
        if (grows) context.result.idle = idle;
    }
    if (lines && context.options.per_kind && !rounds.stopped && !objects.begun()) lines->record_mix(plan, rounds);
    context.result.oom_kill = target.finish(name.c_str(), rounds.rounds.size());
    if (lines) {
        context.recorded_s = to_seconds(system_clock().monotonic() - target.origin());
        context.recorded_replay = rounds.stats;
        judge_lines(context, *lines, rounds.rounds);
    }
    if (context.result.oom_kill) {
        context.result.series = log.copy();
        context.result.trend = judge(context, context.result.series);
    }
    context.result.replay = std::move(rounds.stats);
    context.warn_if_behind_schedule(context.result.replay, plan.replay.pace);
    if (context.over_ceiling && !context.result.oom_kill)
        context.result.warnings.push_back(fmt::format("stopped early: the service used {}, more than --max-memory ({})",
                                                      format_bytes(static_cast<double>(log.latest())),
                                                      context.options.max_memory ? "as given" : "default: half of what was available"));
    context.result.split = analysis::split_growth(
        analysis::increments_of(context.result.series, context.result.rounds, context.result.idle, context.result.trend.warmup_end_s));
}

}  // namespace leakline::diagnose
