// Memory of a process at one moment. Plain data.
#pragma once

#include <array>
#include <optional>
#include <string_view>

#include "base/text.hpp"

namespace leakline {

// What can be measured. Names (metric_name) are those of the CSV columns less "_bytes".
enum class Metric {
    rss,        // resident set: statm field 2
    pss,        // proportional set: smaps_rollup Pss
    uss,        // unique set: smaps_rollup Private_Clean + Private_Dirty
    anonymous,  // smaps_rollup Anonymous
    file,       // file-backed resident pages: status RssFile
    shmem,      // shared memory resident pages: status RssShmem
    swap,       // smaps_rollup Swap
    cgroup,     // memory.current (v2) or memory.usage_in_bytes (v1)
};
inline constexpr std::size_t kMetricCount = 8;

std::string_view metric_name(Metric metric);
std::optional<Metric> metric_of_name(std::string_view name);

struct MemorySample {
    Nanoseconds at{};  // since the Unix epoch
    std::array<std::optional<Bytes>, kMetricCount> values{};

    std::optional<Bytes>& operator[](Metric metric) { return values[static_cast<std::size_t>(metric)]; }
    const std::optional<Bytes>& operator[](Metric metric) const { return values[static_cast<std::size_t>(metric)]; }
};

}  // namespace leakline
