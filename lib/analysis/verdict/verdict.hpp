// From what the two runs showed to one verdict. Pure.
#pragma once

#include "model/diagnosis.hpp"

namespace leakline::analysis {

// How far memory of the service may grow in a run.
struct MemoryRoom {
    Bytes ceiling = 0;  // a run ends there (--max-memory)
    Bytes machine = 0;  // the most that the service could have, by what was free before the run; at least the ceiling
};

// What the user and the machine decide about verdicts, beside the budget (Evidence::max_growth).
struct Policy {
    bool filling_is_leak = false;         // growth that may also be a cache which is still filling is a leak, not inconclusive
    bool extends = true;                  // runs are made longer by themselves, for as long as --max-time allows
    std::optional<MemoryRoom> room = {};  // nothing if the kernel does not say what is free
    bool scaled_clock = false;            // the service's clock runs faster than ours, so that timers free much within a second
};

// The evidence as the verdict reads it: lines of caches that filled up do not leak, growth that an allocator may hold back is
// none, and growth is split into what follows requests and what follows time, restated at the log's own rate of requests.
Evidence restate(Evidence measured);

// From restated evidence.
//
// The rule, from two measurements (memory as the kernel sees it, and exact live bytes by line):
//   a line leaks and memory grows          -> leak, if the run was long enough to rule out the usual caches; else inconclusive:
//                                             a leak or a cache that is still filling (Policy::filling_is_leak: leak)
//   a line leaks, memory is undecided      -> leak where the growth is large enough to be more than bookkeeping; inconclusive
//                                             where memory settled in the run without the recorder; where that run was much
//                                             longer and first grew as the lines do, they are those of a cache that is full
//   no line leaks, memory grows            -> leak, outside what the recorder sees (mmap, fragmentation), if it is twice the
//                                             detection limit and more than allocators and collectors hold back; inconclusive
//                                             where lines held as much and then stopped or freed it (timed cleaning)
//   no line leaks, memory is stable        -> no leak above the smallest growth that the run could have seen; where that
//                                             is more than one leaked request, inconclusive
//   no line leaks, memory is undecided     -> inconclusive
// A budget (max_growth) turns it into a gate (see analysis/growth_gate.hpp), which the growth of the leaking lines, being
// counted, can fail by itself.
// A line that leaks by less, in a run whose memory does not show it: inconclusive from 1 byte per request on.
// If most requests failed, or the replay was invalid, the verdict is invalid.
// A service that the kernel killed for its limit is judged by what it did until then.
// The rules are a table: see analysis/verdict/rules.hpp, also for how to add one.
Conclusion conclude(const Evidence& evidence, const Policy& policy = {});

// Restates the evidence of diagnosis, and sets its conclusion.
void judge(Diagnosis& diagnosis, const Policy& policy = {});

// Why traffic did not exercise the service: nothing was sent, or less than half of it succeeded (answers below 400);
// nothing where it did.
std::optional<std::string> traffic_fault(const ReplayStats& replay);

// The run was stopped because the service had used up its descriptors, mappings or IPC objects, which is why requests failed.
bool exhausted(const Evidence& evidence);

// Why more traffic might change what memory shows, or nothing where it would not: the trend allows both answers, it could
// only have seen a very large leak, or its interval holds the budget. Reads trend, series, max_growth and
// requests_per_second.
std::optional<std::string> memory_undecided(Evidence evidence);

// A longer run that would decide.
struct LongerRun {
    double requests = 0;          // that it has to have in all
    std::string why;              // what is undecided
    bool all_or_nothing = false;  // a run of fewer requests would decide nothing
};
// Of the bare run, before lines are known: a run whose memory grows has to go on before that may be called a leak, as a cache that
// is still filling would look the same. Nothing where it went on long enough. Reads command, lines.unavailable, rounds, trend, series
// and max_growth.
std::optional<LongerRun> growth_unproven(const Evidence& so_far);
// The same once lines are known: how many entries they keep per request, or that none grows.
std::optional<LongerRun> longer_run(const Evidence& so_far, const Policy& policy = {});
// Of lines that grow per connection: a run of so many requests, each with a connection of its own.
std::optional<LongerRun> longer_connection_run(const Evidence& so_far, const Policy& policy = {});
// Of the recorded run: a line leaks at a rate that matters, and by too little in all; or keeps too few entries to rule out a cache
// that is still filling, without memory confirming it. With a budget it is memory that decides, and more traffic is never asked
// for here.
std::optional<LongerRun> longer_recording(const Evidence& evidence, const Policy& policy = {});
// Of a sampled recording, where one with more samples would decide: memory grows and no line does, or a line's growth is known from so few
// samples that its rate is vague, or that it may follow requests as well as time.
std::optional<LongerRun> finer_recording(const Evidence& evidence);

// Why more rounds with counts of live objects might decide; nothing where they do, and where none were counted. Reads collected and
// replay.completed.
std::optional<std::string> objects_undecided(const Evidence& so_far, const Policy& policy = {});

// A run that could not detect a leak of this many bytes per request is inconclusive: one request of the sample traffic,
// if it leaks, keeps about that much.
inline constexpr double kTooCoarseBytesPerRequest = 1024;

}  // namespace leakline::analysis
