// What the runs of a service showed, as it was measured, with the figures that follow from it. Plain data.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/quantities.hpp"
#include "model/collected_heap.hpp"
#include "model/connections.hpp"
#include "model/coverage.hpp"
#include "model/follows.hpp"
#include "model/internal/soak.hpp"
#include "model/lines.hpp"
#include "model/request.hpp"
#include "model/resources.hpp"
#include "model/series.hpp"

namespace leakline {

// A stretch of replayed traffic between two quiet marks.
struct Round {
    double begin_s = 0, end_s = 0;  // since the start of the run; end_s is the quiet mark
    std::uint64_t requests = 0;     // completed in this round
    std::uint64_t connections = 0;  // opened in it
    double answered_s = 0;          // when the last answer came; from there to end_s it is quiet. 0: not known
};

// The time after the last round, in which nothing was requested.
struct IdleTime {
    double seconds = 0;
    double growth_bytes = 0;  // of memory
};

// The kernel killed the service for its memory limit, which is what the run was made to rehearse.
struct OomKill {
    double at_s = 0;             // since the start of the run
    std::uint64_t requests = 0;  // completed until then
    // What the first half of its requests alone predicted. Near the limit the kernel takes pages of files back, which
    // slows a service down: time then runs ahead of the prediction, requests do not.
    std::optional<Interval> predicted_at_s, predicted_requests;
    std::string text;  // "OOM-killed at its limit of 64 MiB (peak 64 MiB)"
};

// What one kind of request leaves behind, by a regression over blocks with a random mix of kinds.
struct EndpointGrowth {
    std::string endpoint;        // "POST /api/track"
    Interval bytes_per_request;  // of live heap bytes; infinite bounds where the mix could not tell
    bool leaks = false;
};

struct Evidence {
    std::string command;           // of the target
    std::string target;            // URL
    std::string traffic;           // the log's name
    std::string started;           // ISO 8601, UTC
    Series series;                 // memory of the bare run, with cumulative requests
    std::string metric = "rss";    // what series measures
    std::vector<Round> rounds;     // of the bare run
    std::optional<IdleTime> idle;  // of the bare run; nothing where memory did not grow
    TrendVerdict trend;
    GrowthSplit split;   // of memory's growth: what follows requests, and what follows time
    LineReport lines;    // of the recorded run
    ReplayStats replay;  // of the bare run
    std::optional<Bytes> memory_limit;
    std::optional<Growth> max_growth;           // the budget
    std::optional<double> requests_per_second;  // the log's own rate, which time to limit is stated at
    // What production would see: growth per request times that rate, and what follows time as it is. (The trend's own slope is
    // that of the run, whose traffic is usually much faster.) Nothing where it cannot be told.
    std::optional<Interval> projected_bytes_per_hour;
    std::optional<OomKill> oom_kill;
    std::optional<Soak> soak;                     // then series, trend and replay are those of the run of it that decides
    Resources resources;                          // of the bare run
    std::vector<EndpointGrowth> endpoints;        // largest first; empty where the traffic is of one kind
    std::optional<std::string> followed;          // behind the command: the executable that was recorded; not in reports
    std::optional<ConnectionGrowth> connections;  // nothing where no blocks of traffic could tell
    std::optional<CollectedHeap> collected;       // nothing where the service's runtime does not count its objects
    Coverage coverage;
    // Why the run was made longer before it was judged, once for each time: "after 8 rounds: ...".
    std::vector<std::string> retries;
    std::vector<std::string> failures;  // why a run did not measure, decisive first: then the verdict is invalid
    std::vector<std::string> warnings;

    bool failed() const { return !failures.empty(); }
};

// Every leaking line's growth follows the number of connections: then growth per request, and per hour at a rate of requests,
// says how many connections the run happened to open.
bool grows_by_connections_alone(const Evidence& evidence);
// Growth per request as the verdict states it; nothing where it is not measured or has none.
std::optional<Interval> stated_per_request(const Evidence& evidence);
// The share of memory's growth per request that the lines which leak account for, malloc's own part of their blocks included;
// 1 where either is not known, or memory does not grow.
double explained_growth(const Evidence& evidence);
// Where the lines have less, the growth is elsewhere, and none of them is named as the one at fault.
inline constexpr double kExplained = 0.5;

}  // namespace leakline
