// The rules of the verdict: an ordered table of small pure functions from evidence to a conclusion.
//
// To add a rule: write one function of type Rule in a file of its own (NAME.cpp), declare it in the last section of this header, and
// add one row to the table in rules.cpp. Safe from any thread.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "analysis/verdict/verdict.hpp"
#include "base/quantities.hpp"
#include "model/conclusion.hpp"
#include "model/evidence.hpp"
#include "model/words.hpp"

namespace leakline::analysis {

// Share of memory's growth that explains it: the recorded run is slower than the bare one, and not of the same length.
inline constexpr double kExplainingShare = 0.5;

// What the rules read: the evidence, and what several of them need to know of it.
struct Facts {
    const Evidence& evidence;                // restated (see verdict.hpp)
    std::vector<const LineGrowth*> leaking;  // lines that the line analysis calls leaking, largest growth first
    double leaking_bytes = 0;                // that they grew by together
    double leaking_bytes_per_request = 0;
    double leaking_bytes_per_hour_by_time = 0;  // of those that follow time

    explicit Facts(const Evidence& of);
    bool memory_grows() const { return evidence.trend.verdict == Trend::growing; }
};

// What a rule is about. Of each subject the first rule that concludes anything decides; over the subjects the strongest verdict
// wins: leak, then inconclusive, then no leak. A rule about coverage or resources therefore never hides a leak of memory, and
// makes "no leak" inconclusive. validity is asked before all others, and ends the matter.
enum class Subject {
    validity,   // was anything measured? concludes invalid
    memory,     // memory and its lines
    resources,  // descriptors, threads, mappings, processes, IPC objects
    coverage,   // what the run did not exercise or record, so that "no leak" would say too much
};

using Rule = std::optional<Conclusion> (*)(const Facts&, const Policy&);

// The first conclusion of that subject's rules.
std::optional<Conclusion> first_conclusion(Subject subject, const Facts& facts, const Policy& policy);

// The share of requests that succeeded, and what went wrong most often.
struct TrafficOutcome {
    std::uint64_t sent = 0, succeeded = 0;
    std::string most_common_failure;  // "status 404 (812 times)", and what may help
    double share() const { return sent == 0 ? 0 : static_cast<double>(succeeded) / static_cast<double>(sent); }
};
TrafficOutcome traffic_outcome_of(const ReplayStats& replay);

// Words that several rules share.
std::string line_reason(const LineGrowth& line);
// The headline line, else the largest that leaks. Only where a line leaks.
const LineGrowth& main_leaking_line(const Facts& facts);
std::string too_coarse(const TrendVerdict& trend);
// Whether lines that grew by that much in all are a leak, given what memory shows.
bool lines_leak(const Facts& facts);
// No run shows which lines grow: none was recorded, or the program has no lines to record.
bool without_lines(const Evidence& evidence);
// Lines grow, but memory settled in a run that would have shown it: the run that the lines come from is slower, and a cache that has
// filled up in the bare run can still fill there.
bool contradicted(const Facts& facts);
// Lines leak that memory does not confirm, in a recorded run too short to rule out a cache that is still filling.
bool lines_unproven(const Facts& facts);
// The bare run was much longer than the recorded one, grew as the lines do, and then stopped: the cache was full.
bool cache_has_filled(const Facts& facts);
// The same of a cache of sessions, in the run in which each request had a connection of its own.
bool sessions_have_filled(const Evidence& evidence);
// What leaks follows connections, but for such details as kDetail allows: more requests decide nothing.
bool connections_decide(const Facts& facts);
// A line that explains the growth of memory and grew to the end, in too few rounds to be significant: samples of blocks are noisy. Null:
// there is none.
const LineGrowth* undecided_growth(const Facts& facts);
std::string undecided_growth_words(const LineGrowth& line);
// Lines of such a cache do not leak: they filled up, and then stayed flat. Says so in the warnings.
void take_filled_caches(Evidence& evidence);
// Lines whose blocks replace others that are older than the recording do not leak: says so, or why that is not known.
void take_replaced_blocks(Evidence& evidence);
// Memory that grows by a few bytes per request although no line does (fragmentation of a cache that is full) is stable, and the
// detection limit is what it may grow by.
void take_small_growth(Evidence& evidence);
// Takes away the count of mappings that are the heap of a collected runtime (V8 maps its heap in parts), unless memory is level: it may be a
// leak or none, as memory is.
void take_heap_mappings(Evidence& evidence);
// Of the growth of the lines that leak: less is a part of what the others keep, as the vector of pointers to it, which doubles in
// steps that follow neither requests, connections nor time.
inline constexpr double kDetail = 0.05;
bool follows_time_alone(const Facts& facts);  // every line that leaks, but for such details
// Growth of a series from its first value to its largest.
double grown(const Series& series);
// Memory at the end of the first round (in a soak, which has no rounds, of the warm-up), and its growth since then.
double level_after_first_round(const Evidence& evidence);
double late_growth(const Evidence& evidence);
// Requests after which memory has grown by more than `needed` bytes, at the rate of this run of `requests`; 0 if it does not grow.
double requests_for_growth(const Evidence& evidence, double requests, double needed);
// Growth after the first round that an allocator, interpreter or collector may hold back, where memory grew by less and nothing else
// proves a leak: what a leak has to exceed.
std::optional<double> retained_growth(const Facts& facts);

// The runtime has counted its live objects, precisely enough to detect growth of more than this per request.
inline constexpr double kHiddenBytesPerRequest = 64;
bool objects_decide(const Evidence& evidence);
bool objects_grow(const Evidence& evidence);
// Where they do not grow, the detection limit is the coarser of theirs and memory's.
void take_object_counts(Evidence& evidence);

// Entries that most caches are bounded below; so many of large entries, where they take this much memory; and the memory that no
// cache takes by default.
inline constexpr double kEnoughEntries = 150'000, kEnoughLargeEntries = 10'000, kMuchMemory = 1024 * kMiB, kEnoughMemory = 4096 * kMiB;
// In words, where a large part of the growth is live heap whose source lines are not known.
std::optional<std::string> lines_unknown(const Evidence& evidence);

// Requests that rule out most caches where only memory as a whole is known: one entry per request at most. Entries, in Python: its
// services are slower than those in C++ by more than this, and so are their caches smaller.
inline constexpr double kEnoughRequests = 75'000;
// The same of connections: caches of sessions hold fewer.
inline constexpr double kEnoughSessions = 75'000;
// What the lines that leak kept by requests in the run that shows it best.
struct Kept {
    double requests = 0, entries = 0, bytes = 0;
    double enough_entries = kEnoughEntries;  // for a cache that is still filling to be ruled out
};
double recorded_requests(const Evidence& evidence);  // in the window that lines are judged in
double entries_per_request(const Facts& facts);      // at most 1; without what connections leave behind
Kept kept_by_lines(const Facts& facts);
Kept kept_by_objects(const Evidence& evidence);  // where they grow
bool enough(const Kept& kept);
double requests_for_enough(const Kept& kept);  // how many a run needs for that at the same rate; 0: not known
std::string about(double count);               // rounded up to two digits: "790,000"
// "to decide, run at least 750,000 requests (--max-time 2m)"
std::string what_decides(const Evidence& evidence, double requests, const Policy& policy);
// "a cache with a limit of more than 117,000 entries or data that a timer frees after more than 11s would look the same"; empty where
// nothing would.
std::string alternative_explanation(const Facts& facts);
// "java", "node", ...: where the command, or a process of the service that grew, is a runtime whose garbage collector decides when
// memory is given back. The text is static.
std::optional<std::string_view> collected_runtime(const Evidence& evidence);
// "its 3 MiB/h are less than twice ...": growth that is close to the detection limit. nullopt if it is clearly above.
std::optional<std::string> near_detection_limit(const TrendVerdict& trend);
// Growth of live bytes below this, where memory itself shows nothing, is taken for the bookkeeping of a service that
// still warms up (log buffers, connection state), not for a leak.
inline constexpr double kBookkeepingBytes = 64 * 1024;
// Below these rates (bytes per request, and bytes per hour of what follows time) the leaking lines are the bookkeeping of a
// healthy service.
inline constexpr double kBookkeepingRate = 1, kBookkeepingPerHour = kMiB;
// Whether the leaking lines grow by more than that.
bool lines_matter(const Facts& facts);

// A leaking count that explains the growth of memory and of lines (the stacks of leaked threads), and so leads the report. Null if
// memory or a line grows by more than it explains.
const ResourceGrowth* count_behind_memory(const Facts& facts);

// Memory, restated at the log's own rate, and lines against the budget (max_growth).
Gate check_budget(const Facts& facts);
// Adds what a soak found to the reasons about memory.
void explain_soak(const Evidence& evidence, Conclusion& memory);
// Sets split, projected_bytes_per_hour and trend.time_to_limit_h, and removes figures per request from growth that follows time.
void project(Evidence& evidence);
// Growth as reports state it: of memory, or counted, of the leaking lines.
StatedGrowth stated_growth(const Evidence& evidence);
// The trend as it would be at the log's own rate, which a budget per hour is about.
TrendVerdict at_own_rate(const Evidence& evidence);

// The rules themselves.
std::optional<Conclusion> requests_failed(const Facts&, const Policy&);
std::optional<Conclusion> replay_not_valid(const Facts&, const Policy&);
std::optional<Conclusion> soak_speeds_disagree(const Facts&, const Policy&);
std::optional<Conclusion> live_objects_grow(const Facts&, const Policy&);
std::optional<Conclusion> live_objects_do_not_grow(const Facts&, const Policy&);
std::optional<Conclusion> soak_grows_with_time(const Facts&, const Policy&);
std::optional<Conclusion> killed_before_growth(const Facts&, const Policy&);
std::optional<Conclusion> queue_is_behind(const Facts&, const Policy&);
std::optional<Conclusion> cache_still_filling(const Facts&, const Policy&);
std::optional<Conclusion> memory_may_be_a_cache(const Facts&, const Policy&);
std::optional<Conclusion> lines_grow(const Facts&, const Policy&);
std::optional<Conclusion> lines_grow_by_too_little(const Facts&, const Policy&);
std::optional<Conclusion> growth_was_freed_later(const Facts&, const Policy&);
std::optional<Conclusion> memory_grows_too_little(const Facts&, const Policy&);
std::optional<Conclusion> memory_used_first(const Facts&, const Policy&);
std::optional<Conclusion> memory_grows_without_lines(const Facts&, const Policy&);
std::optional<Conclusion> memory_undecided_by_trend(const Facts&, const Policy&);
std::optional<Conclusion> detection_limit_too_coarse(const Facts&, const Policy&);
std::optional<Conclusion> heap_hides_growth(const Facts&, const Policy&);
std::optional<Conclusion> nothing_grows(const Facts&, const Policy&);
std::optional<Conclusion> unrecorded_processes_grow(const Facts&, const Policy&);
std::optional<Conclusion> one_process_grew(const Facts&, const Policy&);
std::optional<Conclusion> work_was_not_recorded(const Facts&, const Policy&);
std::optional<Conclusion> resources_leak(const Facts&, const Policy&);
std::optional<Conclusion> resources_may_leak(const Facts&, const Policy&);
std::optional<Conclusion> lines_grow_per_connection(const Facts&, const Policy&);
std::optional<Conclusion> attached_memory_grows(const Facts&, const Policy&);
std::optional<Conclusion> attached_lines_unconfirmed(const Facts&, const Policy&);
std::optional<Conclusion> requests_not_served(const Facts&, const Policy&);
std::optional<Conclusion> filled_by_first_pass(const Facts&, const Policy&);
std::optional<Conclusion> lines_explain_too_little(const Facts&, const Policy&);
std::optional<Conclusion> lines_not_recordable(const Facts&, const Policy&);

}  // namespace leakline::analysis
