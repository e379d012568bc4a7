// Resources of a service besides memory (descriptors, threads, mappings, processes, IPC objects), and the share of each process. Plain data.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "model/series.hpp"

namespace leakline {

// IPC objects: System V and POSIX shared memory, semaphores and message queues, which outlive their process.
enum class Resource { descriptors, threads, mappings, processes, ipc_objects };
inline constexpr std::size_t kResourceCount = 5;
std::string_view resource_name(Resource resource);   // "descriptors": for JSON and labels
std::string_view resource_words(Resource resource);  // "file descriptors": for texts

// One kind of a resource: "TCP CLOSE_WAIT to 10.0.0.5:5432", "regular file /tmp/upload-*", "thread worker-*".
struct ResourceKind {
    std::string name;
    std::vector<double> at_marks;  // as ResourceGrowth::at_marks
    double growth = 0;             // over the judged marks
    bool grows = false;            // in every round to the end
};

// How much of a limit a run had used when it was stopped for it.
struct ResourceExhaustion {
    std::uint64_t count = 0;
    std::uint64_t requests = 0;  // completed until then
    double at_s = 0;
};

// One count over the marks of a run, summed over the service's processes: a process that begins causes no step (it is added with
// its initial count), and one that ends removes its growth.
struct ResourceGrowth {
    Resource resource = Resource::descriptors;
    std::vector<double> at_marks;
    Trend verdict = Trend::inconclusive;
    double growth = 0;                             // over the judged marks
    double idle_growth = 0;                        // during the time without traffic at the end
    bool follows_time = false;                     // it also grew without requests, at the same rate
    std::optional<Interval> per_request;           // where requests are known
    std::optional<Interval> per_hour;              // at the pace of the run
    std::optional<double> detectable_per_request;  // the smallest leak that is found 9 times out of 10
    std::optional<std::uint64_t> limit;            // of the process that grows most, or of the whole service
    std::string limit_name;                        // "RLIMIT_NOFILE of nginx (pid 12)"
    double used = 0;                               // of that limit, at the end
    double limited_share = 1;                      // the part of the growth that counts against that limit
    std::optional<double> time_to_limit_h;         // at the log's own rate if it follows requests
    std::optional<ResourceExhaustion> exhausted;
    std::vector<ResourceKind> kinds;   // largest growth first, at most eight
    std::vector<std::string> reasons;  // never empty once judged; the first is the decisive one
};

// One process of the service. Memory is resident memory without that of files, and swap; pages of shared memory count in each
// process that has touched them.
struct ProcessGrowth {
    int pid = 0;
    std::string name;
    bool recorded = false;          // the first process: the one that the heap recorder records
    bool ended = false;             // before the traffic began
    double begin_s = 0, end_s = 0;  // time when first and last seen
    double first_bytes = 0, last_bytes = 0;
    double growth_bytes() const { return last_bytes - first_bytes; }
    double cpu_s = 0;  // used during the run
    Trend verdict = Trend::inconclusive;
    std::optional<Interval> bytes_per_request;  // over all requests, answered by any process
};

struct ProcessTree {
    std::uint64_t seen = 0, ended = 0;                // processes
    std::uint64_t most = 0;                           // at once
    double recorded_cpu_s = 0, unrecorded_cpu_s = 0;  // under traffic
    double unrecorded_growth_bytes = 0;               // of memory, in processes that are not recorded and still ran at the end
    double ended_growth_bytes = 0;                    // the median growth of those that ended
    std::vector<ProcessGrowth> processes;             // largest growth first, at most 32
};

struct Resources {
    std::vector<double> mark_seconds, mark_requests;  // quiet marks; the first is before the traffic
    double idle_s = 0;                                // duration of the time without traffic at the end; 0: none
    std::vector<ResourceGrowth> counts;               // one per resource that could be read
    ProcessTree tree;

    bool empty() const { return counts.empty() && tree.seen == 0; }
};

}  // namespace leakline
