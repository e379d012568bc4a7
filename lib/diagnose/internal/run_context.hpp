// Shared by both runs of a diagnosis: the options, the result, and the reporting of progress.
// Inside lib/diagnose only.
#pragma once

#include <atomic>
#include <functional>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "base/error.hpp"
#include "base/quantities.hpp"
#include "diagnose/diagnose.hpp"
#include "diagnose/internal/target.hpp"
#include "replay/log.hpp"

namespace leakline::diagnose {

// How much of --max-time is left. Thread-safety: one thread.
class ExtensionTime {
  public:
    explicit ExtensionTime(Nanoseconds most) : left_s_(to_seconds(most)) {}
    bool fits(double seconds) const { return seconds <= left_s_; }
    void spend(double seconds) { left_s_ -= seconds; }

  private:
    double left_s_;
};

// A leaking service must not exhaust the memory of the machine, or of its container: the rounds end when it has taken this share of
// what was available.
inline constexpr double kMemoryShare = 0.5;
// The limit of the memory cgroup of a running service, as a container has one. Nothing where other processes have much of it: the service
// cannot grow that far then.
std::optional<Bytes> own_memory_limit(int pid);

// Thread-safety: one thread, but stage and show_round, which may be called from any (one at a time).
class RunContext {
  public:
    RunContext(const Options& what, const Observer& observer, Diagnosis& into);
    // The same, but into another result.
    RunContext(const RunContext& other, Diagnosis& into)
        : options(other.options),
          result(into),
          follow(other.follow),
          extensions(other.extensions),
          no_lines(other.no_lines),
          tracker(other.tracker),
          allocation_interval(other.allocation_interval),
          one_run(other.one_run),
          extension(other.extension),
          room(other.room),
          observer_(other.observer_) {}

    const Options& options;
    Diagnosis& result;
    const std::stop_token& stop() const { return options.stop(); }
    bool stopped() const { return stop().stop_requested(); }
    // Where the command starts other programs: the executable that answers requests, which is the one to record; empty: not known.
    // Nothing where the command itself is recorded.
    std::optional<std::string> follow;
    bool extensions = false;   // of an interpreter, with their own lines, which are recorded nevertheless
    std::string no_lines;      // why no lines can be recorded; empty if they can
    heap::RecordWith tracker;  // what records the lines
    // Of the agent: the option, or less in a run that samples more than the one before.
    std::optional<Bytes> allocation_interval;
    bool one_run = false;         // memory is measured and lines are recorded in the same run
    double recorder_share = 0;    // of the service's CPU time that the agent took in that run, as estimated
    ReplayStats recorded_replay;  // of the recorded run; result has that of the bare one
    double recorded_s = 0;        // how long its rounds took
    ExtensionTime extension;
    std::optional<analysis::MemoryRoom> room;  // of the service's memory
    bool is_over_ceiling(Bytes memory) const { return room && memory > room->ceiling; }
    bool over_ceiling = false;  // the run ended there
    // Extensions that were not run for lack of time, and what is undecided without them.
    std::vector<std::string> not_longer;

    // share: see Observer::stage. Most stages are short beside the runs.
    void stage(const std::string& name, double share = 0.05) const;
    void detail(const std::string& text) const;
    void progress(double fraction, const std::string& text) const;
    // Reports that the run is extended, and why; show_round repeats the reason.
    void longer(const std::string& what, const std::string& why);
    // seconds: that it would have taken.
    void no_longer(const std::string& what, double seconds, const std::string& why);
    // Shows rss and its growth since round 1; 0: neither.
    void show_round(int round, int rounds, double round_fraction, std::uint64_t completed, Bytes rss) const;
    // Starts the service and waits until it is ready; result.target says where it listens.
    Child start(const Launch& launch);
    void warn_if_behind_schedule(const ReplayStats& stats, const replay::Pace& pace);
    // The verdict is invalid: the target ended in round whole_rounds + 1 of the run while it was measured.
    // how: "exit code 3"; "" where it is not known.
    void service_exited(const std::string& how, const Launch& launch, const char* run, std::size_t whole_rounds);

  private:
    const Observer& observer_;
    mutable std::mutex mutex_;
    std::string why_longer_;                   // guarded by mutex_
    mutable std::atomic<Bytes> first_rss_{0};  // of the stage, when its round 2 began
};

// "lines cannot be recorded: ...", for RunContext::no_lines.
std::string no_lines_text(const Error& reason);

// After the last round of a run, nothing is requested for a second, to see what grows by time alone. It begins, with a call of
// begins(), when the service has had time to put away the connections of the rounds. False: a stop was requested meanwhile.
bool pass_idle_time(const RunContext& context, const std::function<void()>& begins);

// How the service is recorded.
heap::RecordOptions recording_options(const RunContext& context, const Launch& launch);

// Below this, growth in every round does not differ significantly from chance.
inline constexpr int kMinRounds = 5;

// The bare run: fills in target, series, rounds, replay, trend and oom_kill. With context.one_run the service is recorded in it, which
// fills in lines and endpoints as well; throws NotRecordable if that is not possible. requests: where it is made for that many, which end it,
// as does memory that no longer grows, or the time for longer runs; else it is as long as asked for, and longer where it is undecided.
void run_bare(RunContext& context, std::optional<double> requests = std::nullopt);

// A bare run with a connection for each request, for that many: fills in connections->long_run.
void run_connections(RunContext& context, double connections);

// The soak, instead: fills in target, series, replay, trend and soak. If the service grew or the soak is undecided, a
// recorded run has something to show. span: of the log, which must have a rate of its own.
void run_soak(RunContext& context, const replay::LogSpan& span);

// The recorded run of that many rounds (at least what the lines need): fills in lines and endpoints.
void run_recorded(RunContext& context, int rounds);

}  // namespace leakline::diagnose
