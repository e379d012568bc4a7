#include "model/memory.hpp"

namespace leakline {

namespace {
constexpr std::array<std::string_view, kMetricCount> kNames = {"rss",
                                                               "pss",
                                                               "uss",
                                                               "anonymous",
                                                               "file",
                                                               "shmem",
                                                               "swap",
                                                               "cgroup",
                                                               "cgroup_anonymous",
                                                               "cgroup_limit",
                                                               "malloc_used",
                                                               "malloc_retained",
                                                               "threads",
                                                               "fds",
                                                               "cgroup_oom_kills",
                                                               "cgroup_limit_hits",
                                                               "mappings",
                                                               "processes",
                                                               "fds_limit",
                                                               "threads_limit",
                                                               "mappings_limit",
                                                               "processes_limit"};
}

std::string_view metric_name(Metric metric) { return kNames[static_cast<std::size_t>(metric)]; }

bool metric_is_bytes(Metric metric) { return metric < Metric::threads; }

std::optional<Metric> limit_of(Metric count) {
    switch (count) {
        case Metric::fds: return Metric::fds_limit;
        case Metric::threads: return Metric::threads_limit;
        case Metric::mappings: return Metric::mappings_limit;
        case Metric::processes: return Metric::processes_limit;
        default: return std::nullopt;
    }
}

std::string metric_column(Metric metric) { return std::string(metric_name(metric)) + (metric_is_bytes(metric) ? "_bytes" : ""); }

std::optional<Metric> metric_of_name(std::string_view name) {
    for (std::size_t i = 0; i < kNames.size(); ++i)
        if (kNames[i] == name) return static_cast<Metric>(i);
    return std::nullopt;
}

}  // namespace leakline
