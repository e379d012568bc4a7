// The measurements of the runs of a service, with figures derived from them. Plain data.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/quantities.hpp"
#include "model/audit.hpp"
#include "model/collected_heap.hpp"
#include "model/connections.hpp"
#include "model/coverage.hpp"
#include "model/follows.hpp"
#include "model/holders.hpp"
#include "model/internal/soak.hpp"
#include "model/lines.hpp"
#include "model/request.hpp"
#include "model/resources.hpp"
#include "model/series.hpp"

namespace leakline {

// A part of the replayed traffic between two quiet marks.
struct Round {
    double begin_s = 0, end_s = 0;  // since the start of the run; end_s is the quiet mark
    std::uint64_t requests = 0;     // completed in this round
    std::uint64_t connections = 0;  // opened in it
    double answered_s = 0;          // time of the last response; from then to end_s there is no traffic. 0: not known
};

// The time after the last round, without requests.
struct IdleTime {
    double seconds = 0;
    double growth_bytes = 0;  // of memory
};

// The kernel killed the service at its memory limit, as the run was meant to test.
struct OomKill {
    double at_s = 0;             // since the start of the run
    std::uint64_t requests = 0;  // completed until then
    // The prediction from the first half of its requests. Near the limit the kernel reclaims pages of files, which
    // slows a service down: then the time exceeds the prediction, the number of requests does not.
    std::optional<Interval> predicted_at_s, predicted_requests;
    std::string text;  // "OOM-killed at its limit of 64 MiB (peak 64 MiB)"
};

// Memory retained by one kind of request, by a regression over blocks with a random mix of kinds.
struct EndpointGrowth {
    std::string endpoint;        // "POST /api/track"
    Interval bytes_per_request;  // of live heap bytes; infinite bounds if the mix could not determine them
    bool leaks = false;
};

struct Evidence {
    std::string command;           // of the target
    std::string target;            // URL
    std::string traffic;           // the log's name
    std::string started;           // ISO 8601, UTC
    std::string commit;            // of the repository of the service; empty if there is none
    Series series;                 // memory of the bare run, with cumulative requests
    std::string metric = "rss";    // the metric of series
    Bytes file_growth_bytes = 0;   // of mapped files' pages, where series leaves them out; not in reports
    std::vector<Round> rounds;     // of the bare run
    std::optional<IdleTime> idle;  // of the bare run; nothing if memory did not grow
    TrendVerdict trend;
    GrowthSplit split;   // of memory's growth: the part that follows requests and the part that follows time
    LineReport lines;    // of the recorded run
    ReplayStats replay;  // of the bare run
    std::optional<Bytes> memory_limit;
    std::optional<Growth> max_growth;           // the budget
    std::optional<double> requests_per_second;  // the log's own rate, for the time to the limit
    // Growth in production: growth per request times that rate, plus the part that follows time. (The trend's own slope is
    // that of the run, whose traffic is usually much faster.) Nothing if it is not known.
    std::optional<Interval> projected_bytes_per_hour;
    std::optional<OomKill> oom_kill;
    std::optional<Soak> soak;               // then series, trend and replay are those of its deciding run
    Resources resources;                    // of the bare run
    std::vector<EndpointGrowth> endpoints;  // largest first; empty if the traffic is of one kind
    std::optional<std::string> followed;    // the executable that was recorded, if the command started another program; not in reports
    std::optional<ConnectionGrowth> connections;  // nothing if the blocks of traffic could not determine it
    // Of what the lines leak, in the recorded run; of all that grew, if no line leaks (Python). Nothing if no holder accounts for most of it.
    std::optional<HeldBy> held_by;
    std::vector<ObjectType> types;        // of Python, that grew in the recorded run, largest growth first; empty if they were not counted
    std::optional<AuditFinding> audited;  // the container that grows at the leaking line, and its removals, by the source; see --audit
    std::optional<CollectedHeap> collected;  // nothing if the runtime of the service does not count its objects
    Coverage coverage;
    // Why the run was extended before it was judged, once per extension: "after 8 rounds: ...".
    std::vector<std::string> retries;
    std::vector<std::string> failures;  // why a run is invalid, decisive reason first: then the verdict is invalid
    std::vector<std::string> warnings;

    bool failed() const { return !failures.empty(); }
};

// Every leaking line's growth follows the number of connections: then growth per request, and per hour at a rate of requests,
// depends on how many connections the run opened.
bool grows_by_connections_alone(const Evidence& evidence);
// Growth per request as the verdict states it; nothing where it is not measured or has none.
std::optional<Interval> stated_per_request(const Evidence& evidence);
// The share of memory's growth per request that the leaking lines account for, malloc's overhead of their blocks included;
// 1 if either is not known, or memory does not grow.
double explained_growth(const Evidence& evidence);
// If the lines have less, the growth is elsewhere, and none of them is named as the cause.
inline constexpr double kExplained = 0.5;

}  // namespace leakline
