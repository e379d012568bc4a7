// Memory of a process at one moment. Plain data.
#pragma once

#include <array>
#include <optional>
#include <string>
#include <string_view>

#include "base/quantities.hpp"

namespace leakline {

// Metrics. Names (metric_name) are those of the CSV columns without "_bytes". Bytes, except threads and those after it,
// which are counts (see metric_is_bytes).
enum class Metric {
    rss,               // resident set: statm field 2
    pss,               // proportional set: smaps_rollup Pss
    uss,               // unique set: smaps_rollup Private_Clean + Private_Dirty
    anonymous,         // smaps_rollup Anonymous
    file,              // file-backed resident pages: status RssFile
    shmem,             // shared memory resident pages: status RssShmem
    swap,              // smaps_rollup Swap
    cgroup,            // memory.current (v2) or memory.usage_in_bytes (v1)
    cgroup_anonymous,  // memory.stat anon (v2) or total_rss (v1)
    cgroup_limit,      // the smallest limit of the cgroup and those above it; absent if there is none
    malloc_used,       // glibc malloc: allocated and not freed
    malloc_retained,   // glibc malloc: free, but not returned to the kernel
    threads,
    fds,                // open file descriptors
    cgroup_oom_kills,   // since the cgroup was made
    cgroup_limit_hits,  // times that the limit was reached and memory had to be reclaimed, since the cgroup was made
    mappings,           // lines of /proc/PID/maps
    processes,          // of a tree, zombies too; 1 of a single process
    // What the counts run into; absent where there is no limit, and for the first and third of several processes together.
    fds_limit,        // RLIMIT_NOFILE
    threads_limit,    // the smallest of threads-max, pid_max, pids.max and RLIMIT_NPROC
    mappings_limit,   // vm.max_map_count
    processes_limit,  // as threads_limit
};
inline constexpr std::size_t kMetricCount = 22;
// fds -> fds_limit, ...; nothing for what has none.
std::optional<Metric> limit_of(Metric count);

std::string_view metric_name(Metric metric);
bool metric_is_bytes(Metric metric);
// The name of its CSV column: "rss_bytes", "threads".
std::string metric_column(Metric metric);
std::optional<Metric> metric_of_name(std::string_view name);

struct MemorySample {
    Nanoseconds at{};  // since the Unix epoch
    std::array<std::optional<Bytes>, kMetricCount> values{};

    std::optional<Bytes>& operator[](Metric metric) { return values[static_cast<std::size_t>(metric)]; }
    const std::optional<Bytes>& operator[](Metric metric) const { return values[static_cast<std::size_t>(metric)]; }
};

}  // namespace leakline
