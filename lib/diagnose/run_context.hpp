// What both runs of a diagnosis share: the options, the result that they write into, and how they tell what they do.
// Inside lib/diagnose only.
#pragma once

#include <optional>
#include <string>

#include "base/error.hpp"
#include "diagnose/diagnose.hpp"
#include "diagnose/target.hpp"
#include "replay/log.hpp"

namespace leakline::diagnose {

// Thread-safety: one thread, but stage and show_round, which may be called from any (one at a time).
class RunContext {
  public:
    RunContext(const Options& what, const Observer& observer, Diagnosis& into)
        : options(what), result(into), observer_(observer) {}

    const Options& options;
    Diagnosis& result;
    // Where the command starts other programs: the executable that answers requests, which is the one to record; empty: not known.
    // Nothing where the command itself is recorded.
    std::optional<std::string> follow;
    bool extensions = false;      // of an interpreter, with lines of their own, which are recorded all the same
    std::string no_lines;         // why no lines can be recorded; empty where they can
    ReplayStats recorded_replay;  // of the recorded run; result has that of the bare one

    void stage(const std::string& name) const;
    void progress(double fraction, const std::string& text) const;
    // rss 0: not shown.
    void show_round(int round, int rounds, double round_fraction, std::uint64_t completed, Bytes rss) const;
    // Starts the service and waits until it is ready; result.target says where it listens.
    Child start(const Launch& launch);
    void warn_if_late(const ReplayStats& stats, const replay::Pace& pace);
    // The verdict is invalid: the target ended in round whole_rounds + 1 of the run while it was measured.
    void died(const Child& child, const Launch& launch, const char* run, std::size_t whole_rounds);

  private:
    const Observer& observer_;
};

// A leaking service must not take the machine with it: the rounds end when it holds this share of what was free.
inline constexpr double kMemoryShare = 0.5;
// --max-memory, else that share; nothing where the kernel does not tell what is free.
std::optional<Bytes> memory_ceiling(const Options& options);

// "lines cannot be recorded: ...", for RunContext::no_lines.
std::string no_lines_text(const Error& reason);

// After the last round of each run, nothing is requested for this long, to see what grows by time alone; it begins when the
// service has had time to put away the connections of the rounds.
inline constexpr Nanoseconds kIdleTime = std::chrono::seconds(1), kAfterConnections = std::chrono::milliseconds(100);

// Below this, growth in every round cannot be told from chance.
inline constexpr int kFewestRounds = 5;

// The bare run: fills in target, series, rounds, replay, trend and oom_kill.
void run_bare(RunContext& context);

// The soak, instead: fills in target, series, replay, trend and soak. Where the service grew or the soak cannot tell, a
// recorded run has something to show. span: of the log, which must have a rate of its own.
void run_soak(RunContext& context, const replay::LogSpan& span);

// The recorded run of that many rounds (at least what the lines need): fills in lines and endpoints.
void run_recorded(RunContext& context, int rounds);

}  // namespace leakline::diagnose
