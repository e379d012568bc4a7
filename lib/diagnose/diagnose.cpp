#include "diagnose/diagnose.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <utility>

#include "analysis/coverage.hpp"
#include "analysis/resources.hpp"
#include "analysis/verdict/rules.hpp"
#include "analysis/verdict/verdict.hpp"
#include "base/error.hpp"
#include "base/quantities.hpp"
#include "base/strings.hpp"
#include "base/time_text.hpp"
#include "diagnose/internal/log_slices.hpp"
#include "diagnose/internal/recorded_process.hpp"
#include "diagnose/internal/run_context.hpp"
#include "diagnose/internal/running_service.hpp"
#include "heap/preflight.hpp"
#include "heap/recorder.hpp"
#include "heap/tracker.hpp"
#include "replay/log.hpp"
#include "replay/selected_log.hpp"
#include "replay/stub.hpp"
#include "system/child_process.hpp"
#include "system/clock.hpp"
#include "system/executables.hpp"
#include "system/output_file.hpp"
#include "system/temporary_directory.hpp"

namespace leakline::diagnose {

namespace {

// The log is read once before anything starts: a broken one costs no run, and it says how fast it was recorded.
replay::LogSpan read_traffic(const Options& options, Diagnosis& result) {
    const std::vector<std::string>& logs = options.rounds.replay.logs;
    const replay::LogSpan span = replay::measure_selected(options.rounds.replay);
    result.requests_per_second = span.rate();
    if (options.soak && !span.rate())
        throw Error(ErrorKind::input, logs[0], "its requests have no timestamps, so the rate for the soak is unknown",
                    "use a log with times, or generate one with `leakline traffic`");
    if (!result.traffic.empty()) return span;
    result.traffic = file_name(logs[0]);
    if (logs.size() > 1) result.traffic += fmt::format(" and {} more", logs.size() - 1);
    return span;
}

// A recorded time is one of a calendar, and not a count from the beginning of a test.
constexpr Nanoseconds kEarliestDate = std::chrono::hours(24 * 365 * 20);

// The clock of the service, where it is set from outside. What cannot be done is refused before anything starts; a soak, which does
// it without being asked, goes on without it.
void plan_clock(Options& options, const replay::LogSpan& span) {
    TargetSpec& target = options.target;
    if (!target.clock) return;
    if (options.clock_from_log) {
        if (!span.first || *span.first < kEarliestDate)
            throw Error(ErrorKind::input, options.rounds.replay.logs[0], "its requests have no dates at which a clock could start",
                        "give the time: --clock 2026-11-29T08:00:00Z");
        target.clock->wall_start = *span.first;
    }
    if (options.soak && !takes_time_scale(target) && !target.clock->wall_start) {
        options.clock_refused = clock::why_not_scalable(require_executable(target.arguments[0]));
        if (!options.clock_refused.empty()) target.clock.reset();
        return;
    }
    clock::ClockOptions chosen = *target.clock;
    if (!takes_time_scale(target)) chosen.scale = target.time_scale;
    if (chosen.changes_time()) const clock::ServiceClock probe(chosen, target.arguments);
}

// Growth over time is measured by our clock, whatever the service's shows.
void explain_clock(const Options& options, Diagnosis& result) {
    if (options.soak || options.target.time_scale == 1) return;
    result.warnings.push_back(
        fmt::format("the service's clock ran {:.6g} times as fast as the machine's: all times and rates per hour in this report are of the "
                    "machine's clock",
                    options.target.time_scale));
    if (takes_time_scale(options.target) || !options.target.clock) return;
    result.warnings.push_back(fmt::format(
        "waits of less than {} kept their length (--clock-threshold): what the service frees after a number of its own shorter timer ticks, "
        "instead of by the clock, was freed at the machine's pace, and may look like a leak",
        format_duration(options.target.clock->shortest_wait)));
}

// What a round under the recorder lasts at most, where the log is longer than that.
constexpr double kLongestRecordedRound_s = 10;

// Whether the recorder would record none of the work; adds a warning.
bool only_launches(const Options& options, Diagnosis& result) {
    if (!options.recording.empty() || analysis::unrecorded_share(result.resources.tree) < analysis::kOnlyLaunches) return false;
    result.warnings.emplace_back(
        "the recorded run was skipped: the first process, which is the only one that can be recorded, does none of the "
        "work");
    return true;
}

// The rounds that name the lines, after a soak whose memory is not flat at both speeds. The recorder slows a service down to
// about half of its capacity, and its clock is to run as fast as its traffic. A soak's log can be days long: then parts of it
// make the rounds.
void record_after_soak(const RunContext& soaked, const Observer& observer, const replay::LogSpan& span) {
    const Options& options = soaked.options;
    Diagnosis& result = soaked.result;
    const Soak& soak = *result.soak;
    if (soak.growth == Soak::Growth::none || only_launches(options, result)) return;
    Options recorded = options;
    const TemporaryDirectory scratch;
    // If the capacity was not measured, it is at least the speed of the faster run.
    const SoakRun* fast = soak.runs.empty() ? nullptr : &soak.runs.front();
    const double given = fast != nullptr && fast->duration_s > 0 ? static_cast<double>(fast->requests) / fast->duration_s : 0;
    if (const double served = soak.capacity > 0 ? soak.capacity / 2 : given; served > 0) {
        recorded.target.time_scale = std::max(1.0, served / *result.requests_per_second);
        const auto wanted = static_cast<std::uint64_t>(served * kLongestRecordedRound_s);
        if (span.requests > wanted) {
            const std::string log = scratch.path() + "/slices.jsonl";
            const std::uint64_t written = write_log_slices(options.rounds.replay, span.requests, wanted, log);
            recorded.rounds.replay = replay::for_selected(options.rounds.replay, {log});
            result.warnings.push_back(fmt::format("the recorded run replays {} of the {} requests of the log, in segments spread over it",
                                                  format_count(written), format_count(span.requests)));
        }
    }
    RunContext context(recorded, observer, result);
    context.follow = soaked.follow;
    context.no_lines = soaked.no_lines;
    context.tracker = soaked.tracker;
    context.extensions = soaked.extensions;
    run_recorded(context, recorded.rounds.rounds);
}

// However often --retries doubles them; as many as --rounds takes.
constexpr int kMaxRecordedRounds = 10'000;

// Most of the service's CPU time that the agent may take in a run by which memory is judged.
constexpr double kMaxCpuShare = 0.05;

// What is not known of a service that was not started for the run.
void explain_running(const TargetSpec& target, Diagnosis& result) {
    result.warnings.push_back(fmt::format(
        "process {} ran before this run, was not restarted and still runs: what it allocated earlier is not in the lines, and nothing was "
        "measured in a second, fresh start",
        target.pid));
}

// Measures memory, and records lines in the same run where that is asked for and possible.
void measure(RunContext& context) {
    Diagnosis& result = context.result;
    if (context.one_run) {
        try {
            run_bare(context);
            if (context.recorder_share <= kMaxCpuShare || context.stopped() || result.failed() || result.oom_kill) return;
            if (context.options.target.pid != 0) {
                result.warnings.push_back(
                    fmt::format("the agent took about {:.0f} % of the service's CPU time: --sample-interval {} takes less",
                                100 * context.recorder_share,
                                format_bytes(8 * static_cast<double>(context.allocation_interval.value_or(heap::kSampleInterval)))));
                return;
            }
            result.retries.push_back(
                fmt::format("after {} rounds with the agent, which took about {:.0f} % of the CPU time: memory was measured without it",
                            result.rounds.size(), 100 * context.recorder_share));
        } catch (const heap::NotRecordable& reason) {
            context.no_lines = no_lines_text(reason);
        }
        context.one_run = false;
        result.rounds.clear();
        result.series = {};
    }
    run_bare(context);
}

// As many rounds as the bare run took (it may have been stopped early for its memory), and more where the lines need them.
void record_until_decided(RunContext& context) {
    Diagnosis& result = context.result;
    bool recorded = context.recorded_replay.completed > 0;
    if (!recorded && only_launches(context.options, result)) return;
    const std::vector<std::string> warnings = result.warnings;
    // A longer bare run was for memory alone: what lines grow by is counted, and shows in the rounds that were planned.
    int again = 0;
    for (int rounds = context.extensions ? kMinRounds : std::min(static_cast<int>(result.rounds.size()), context.options.rounds.rounds);;) {
        if (!std::exchange(recorded, false)) run_recorded(context, rounds);
        if (context.stopped() || result.failed() || result.oom_kill) return;
        if (context.options.retries && again++ >= *context.options.retries) return;
        const auto more = analysis::longer_recording(result, context.options.policy);
        if (!more || context.recorded_replay.completed == 0) return;
        const double times = std::max(1.0, more->requests / static_cast<double>(context.recorded_replay.completed));
        const double wanted = std::min<double>(kMaxRecordedRounds, std::ceil(times * rounds));
        if (!context.extension.fits(times * context.recorded_s)) {
            context.no_longer(fmt::format("a recorded run of {:.0f} rounds", wanted), times * context.recorded_s, more->why);
            return;
        }
        result.retries.push_back(fmt::format("after {} rounds under the recorder: {}", rounds, more->why));
        context.longer(fmt::format("a recorded run of {:.0f} rounds", wanted), more->why);
        result.warnings = warnings;  // those of the recording that is made again
        rounds = static_cast<int>(wanted);
        context.extension.spend(times * context.recorded_s);
    }
}

// The bare run once more, for that many requests; its figures take the place of the shorter one's. False: there was no time for it, or
// it was cut short.
bool run_longer(RunContext& context, const analysis::LongerRun& more, const std::vector<std::string>& of_the_shorter_run) {
    Diagnosis& result = context.result;
    const double seconds =
        result.series.duration() / static_cast<double>(std::max<std::uint64_t>(1, result.replay.completed)) * more.requests;
    const std::string what = fmt::format("a run of {} requests", analysis::about(more.requests));
    if (!context.extension.fits(seconds)) {
        context.no_longer(what, seconds, more.why);
        return false;
    }
    context.longer(fmt::format("{}, about {}", what, format_duration(std::chrono::seconds(std::llround(seconds)))), more.why);
    Diagnosis again = result;
    again.rounds.clear();
    for (const std::string& warning : of_the_shorter_run) std::erase(again.warnings, warning);
    again.retries.push_back(fmt::format("after {} requests: {}", format_count(result.replay.completed), more.why));
    RunContext longer(context, again);
    try {
        run_bare(longer, more.requests);
    } catch (const heap::NotRecordable& reason) {
        result.warnings.push_back(fmt::format("{} was not possible: {}", what, reason.what()));
        return false;
    }
    context.extension = longer.extension;
    // If the service exits in it, or its memory does not allow it to be longer, the result of the shorter one is kept.
    if (again.failed() || context.stopped()) {
        result.warnings.push_back(fmt::format("{} was cut short: {}", what, again.failed() ? again.failures.back() : "interrupted"));
        return false;
    }
    if (longer.over_ceiling && !again.oom_kill && again.replay.completed < result.replay.completed) {
        result.warnings.push_back(fmt::format("{} was cut short: the service used as much memory as it may (--max-memory)", what));
        return false;
    }
    std::vector<std::string> once;
    for (std::string& warning : again.warnings) add_once(once, std::move(warning));
    again.warnings = std::move(once);
    result = std::move(again);
    if (!context.one_run) return true;
    context.recorded_replay = longer.recorded_replay;
    context.recorded_s = longer.recorded_s;
    context.no_lines = longer.no_lines;
    context.extensions = longer.extensions;
    context.recorder_share = longer.recorder_share;
    return true;
}

// A longer run samples more, as far as the agent's share of the CPU time allows. False: it does so already, or cannot.
bool sample_more(RunContext& context) {
    constexpr double kMostTimes = 8, kWorthIt = 2;
    const auto& sampling = context.result.lines.totals.sampling;
    if (context.allocation_interval || !sampling) return false;
    const double affordable = context.recorder_share > 0 ? kMaxCpuShare / 2 / context.recorder_share : kMostTimes;
    const double interval = static_cast<double>(sampling->interval) / std::min(affordable, kMostTimes);
    if (affordable < kWorthIt || interval < 1) return false;
    context.allocation_interval = static_cast<Bytes>(interval);
    return true;
}

// One run is made longer until its lines are decided.
void run_longer_for_lines(RunContext& context, const std::vector<std::string>& warnings_of_run) {
    const Diagnosis& result = context.result;
    for (int again = 0; !context.options.retries || again < *context.options.retries; ++again) {
        auto more = analysis::longer_recording(result, context.options.policy);
        if (context.stopped() || result.failed() || result.oom_kill || result.replay.completed == 0) return;
        const bool finer = sample_more(context);
        if (!more && finer) more = analysis::finer_recording(result);
        if (!more || !run_longer(context, *more, warnings_of_run)) return;
    }
}

// What both runs leave open for want of requests or connections.
void run_longer_where_undecided(RunContext& context, const std::vector<std::string>& warnings_of_bare_run) {
    Diagnosis& result = context.result;
    // If most requests failed, a longer run would not help.
    if (analysis::traffic_fault(result.replay)) return;
    const auto goes_on = [&] { return context.options.retries != 0 && !context.stopped() && !result.failed(); };
    if (const auto more = analysis::longer_run(result, context.options.policy); more && goes_on())
        run_longer(context, *more, warnings_of_bare_run);
    const auto more = analysis::longer_connection_run(result, context.options.policy);
    if (!more || !goes_on()) return;
    // A connection costs about twice as much as a request.
    const double seconds =
        2 * result.series.duration() / static_cast<double>(std::max<std::uint64_t>(1, result.replay.completed)) * more->requests;
    const std::string what = fmt::format("a run of {} connections", analysis::about(more->requests));
    if (!context.extension.fits(seconds)) return context.no_longer(what, seconds, more->why);
    context.longer(fmt::format("{}, about {}", what, format_duration(std::chrono::seconds(std::llround(seconds)))), more->why);
    result.retries.push_back(fmt::format("after {} connections: {}", format_count(result.connections->connections), more->why));
    run_connections(context, more->requests);
}

}  // namespace

namespace {

// The path of a running program's file; its link in /proc where the file was replaced, or is in another mount namespace.
std::string program_of(const TargetSpec& target) {
    const std::string link = fmt::format("/proc/{}/exe", target.pid);
    std::error_code error;
    return std::filesystem::equivalent(link, target.arguments[0], error) ? target.arguments[0] : link;
}

// Whether the program's lines can be recorded; else it is judged by memory alone.
void check_lines(RunContext& context) {
    const TargetSpec& target = context.options.target;
    try {
        // Of a running process, only the language matters: whether the agent can be attached is seen when it is.
        heap::Preflight preflight = heap::check_program(target.pid != 0 ? std::vector{program_of(target)} : target.arguments);
        if (preflight.wrapper) context.follow.emplace();
        take_preflight(context, std::move(preflight));
    } catch (const heap::NotRecordable& reason) {
        if (target.pid == 0) context.no_lines = no_lines_text(reason);
    }
}

// The options of a run of a service that runs already.
void take_running(Options& options) {
    describe_running(options.target);
    options.target.clock.reset();
    options.tracker = heap::RecordWith::agent;
    options.runs = Runs::one;
    if (!options.memory_limit) options.memory_limit = own_memory_limit(options.target.pid);
}

}  // namespace

Diagnosis diagnose(const Options& given, const Observer& observer) {
    Options options = given;
    options.target.connect = options.rounds.replay.connect;
    Diagnosis result;
    if (options.target.pid != 0) take_running(options);
    Command command;
    command.arguments = options.target.arguments;
    result.command = command.text();
    result.traffic = options.traffic_name;
    result.started = format_utc_time(system_clock().wall());
    result.memory_limit = options.memory_limit;
    result.max_growth = options.max_growth;
    replay::check(options.rounds.replay);
    std::optional<replay::StubServer> stub;
    if (!options.target.stub_logs.empty()) {
        stub.emplace(replay::StubOptions{.logs = options.target.stub_logs, .listen = {}});
        options.target.stub_url = fmt::format("http://127.0.0.1:{}", stub->port());
    }
    replay::require_repeatable(options.rounds.replay.logs);
    const replay::LogSpan span = read_traffic(options, result);
    options.rounds.replay.variable_segments = replay::find_variable_segments(options.rounds.replay);
    plan_clock(options, span);
    explain_clock(options, result);
    if (options.target.pid != 0) explain_running(options.target, result);
    plan_fresh_identifiers(options.rounds);
    // Checked before the bare run, which would otherwise be wasted.
    if (!options.recording.empty()) const OutputFile probe(options.recording);
    options.policy.extends = options.retries != 0;
    options.policy.scaled_clock = options.target.time_scale != 1;
    RunContext context(options, observer, result);
    options.policy.room = context.room;
    check_lines(context);
    if (context.no_lines.empty() && context.tracker == heap::RecordWith::heaptrack) heap::find_tracker();
    const std::size_t warnings_before = result.warnings.size();
    const bool with_agent = context.tracker == heap::RecordWith::agent;
    context.one_run = options.runs.value_or(with_agent ? Runs::one : Runs::two) == Runs::one && !options.soak && context.no_lines.empty();
    if (options.soak)
        run_soak(context, span);
    else
        measure(context);
    const std::vector<std::string> of_bare_run(result.warnings.begin() + static_cast<std::ptrdiff_t>(warnings_before),
                                               result.warnings.end());
    // What the bare run has shown is a result, whatever becomes of the recorded one.
    try {
        // If most requests failed in the bare run, they would fail under the recorder too.
        const bool was_served = result.oom_kill || analysis::exhausted(result) || !analysis::traffic_fault(result.replay);
        if (!context.stopped() && !result.failed() && was_served && (context.no_lines.empty() || context.extensions)) {
            if (options.soak)
                record_after_soak(context, observer, span);
            else if (context.one_run)
                run_longer_for_lines(context, of_bare_run);
            else if (options.target.pid == 0)
                record_until_decided(context);
        }
    } catch (const heap::NotRecordable& reason) {
        context.no_lines = no_lines_text(reason);
        context.extensions = false;
    } catch (const Error& error) {
        if (!context.stopped()) result.failures.push_back(fmt::format("the recorded run failed: {}", error.what()));
    }
    if (!context.no_lines.empty()) result.lines.unavailable = context.no_lines;
    if (stub)
        if (const std::string unknown = replay::unknown_text(stub->counts()); !unknown.empty())
            result.warnings.push_back("--stub: " + unknown);
    result.followed = context.follow;
    if (!options.soak) run_longer_where_undecided(context, of_bare_run);
    result.coverage = analysis::coverage_of(result.replay);
    if (context.stopped() && !result.failed())
        result.reasons = {"interrupted: this is a partial result"};
    else
        analysis::judge(result, options.policy);
    if (result.verdict == Verdict::inconclusive)
        result.caveats.insert(result.caveats.end(), context.not_longer.begin(), context.not_longer.end());
    return result;
}

}  // namespace leakline::diagnose
