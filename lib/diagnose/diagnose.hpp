// The whole diagnosis: starts a service, or attaches to one that runs (Options::target.pid), and replays its traffic in rounds. The agent
// records the lines that allocate while memory is measured; with heaptrack's tracker, a second run has the lines.
#pragma once

#include <functional>
#include <string>

#include "analysis/verdict/verdict.hpp"
#include "base/quantities.hpp"
#include "diagnose/internal/rounds.hpp"
#include "diagnose/internal/target.hpp"
#include "heap/recorder.hpp"
#include "model/diagnosis.hpp"

namespace leakline::diagnose {

// Days of traffic in minutes, at two speeds (see analysis/soak.hpp), instead of the bare run.
struct SoakPlan {
    Nanoseconds length = std::chrono::hours(72);  // of traffic, at the log's own rate
    std::optional<double> time_scale;             // of the faster run; nothing: what the service can serve
    Nanoseconds time = std::chrono::hours(1);     // that both runs may take together; the faster one no more than half
};

enum class Runs {
    one,  // the agent records lines while memory is measured; memory is measured again without it if it takes more than 5 % of the CPU time
    two,  // lines are recorded in a run of their own
};

struct Options {
    TargetSpec target;
    RoundPlan rounds;             // its target is filled in once the service listens; its replay.stop ends all that is done
    std::string traffic_name;     // what reports call the traffic; "" = the logs' names
    bool clock_from_log = false;  // the service's wall clock starts at the log's first request
    std::string clock_refused;    // why the service's clock is not set, where a soak goes on without it; filled in by diagnose()
    std::optional<Bytes> memory_limit;
    std::optional<SoakPlan> soak;
    std::optional<Growth> max_growth;  // the budget; none: any growth that does not end is a leak
    // How often an undecided run gets more rounds before it is judged; nothing: as often as max_time allows; 0: a run that grows is
    // not made longer either, to rule out that a cache is still filling.
    std::optional<int> retries;
    // How long runs may be made longer for, in all, by an estimate before each; the rounds that were asked for do not count.
    Nanoseconds max_time = std::chrono::minutes(2);
    std::optional<Bytes> max_memory;  // of the service, where a run ends early; nothing: half of what is available
    analysis::Policy policy;
    Nanoseconds sample_interval = std::chrono::milliseconds(20);
    // Initial rounds that are not judged; nothing: the trend and the lines detect the warm-up.
    std::optional<int> warmup_rounds;
    bool per_kind = true;      // blocks of a random mix follow the recorded rounds, for growth per kind of request
    bool idle = true;          // time without requests follows the rounds, to see what grows by time
    bool holders = true;       // the recorded process is stopped twice for a copy of its memory, to see what holds what leaks
    std::optional<Runs> runs;  // nothing: one with the agent, two with heaptrack
    std::optional<heap::RecordWith> tracker;  // what records the lines; nothing: heap::default_tracker()
    // Of the agent: mean bytes between samples; nothing: the recorder chooses it, and a longer run samples more.
    std::optional<Bytes> allocation_interval;
    heap::Children children = heap::Children::sum;
    std::string recording;                // where the recording is kept; "" = it is not
    std::vector<std::string> skip, only;  // paths, for the lines (see analysis/lines/lines.hpp)
    std::string table_function;           // also show this function's table

    const std::stop_token& stop() const { return rounds.replay.stop; }
};

// Progress that the caller may show. Calls come from several threads, one at a time.
struct Observer {
    // A stage began: "run without the recorder", "soak at 600x", "recorded run", "reading the recording". share: roughly its
    // part (0..1) of the time that the diagnosis takes from here on; how often a run is extended is not known.
    std::function<void(const std::string& stage, double share)> stage;
    // 0..1 of the stage, and what happens now: "round 3 of 8, RSS 40 MiB (+12 MiB), 12,345 requests".
    std::function<void(double fraction, const std::string& text)> progress;
    // Reports an extension of the run, and why: "8 more rounds: memory grows, ...".
    std::function<void(const std::string& text)> note;
    // What only somebody who asks for details wants to know.
    std::function<void(const std::string& text)> detail;
};

// Throws Error where the run cannot begin (usage, input) or the service cannot be measured at all (system). A service
// that exits during a run, or traffic that mostly fails, is a result: verdict invalid, with what was measured until then.
// options.stop() ends it early in the same way.
Diagnosis diagnose(const Options& options, const Observer& observer = {});

}  // namespace leakline::diagnose
