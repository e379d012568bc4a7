#include "model/memory.hpp"

namespace leakline {

namespace {
constexpr std::array<std::string_view, kMetricCount> kNames = {"rss",  "pss",   "uss",  "anonymous",
                                                               "file", "shmem", "swap", "cgroup"};
}

std::string_view metric_name(Metric metric) { return kNames[static_cast<std::size_t>(metric)]; }

std::optional<Metric> metric_of_name(std::string_view name) {
    for (std::size_t i = 0; i < kNames.size(); ++i)
        if (kNames[i] == name) return static_cast<Metric>(i);
    return std::nullopt;
}

}  // namespace leakline
