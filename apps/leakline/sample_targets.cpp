#include "sample_targets.hpp"
#include "base/did_you_mean.hpp"
#include "base/error.hpp"
#include "base/strings.hpp"
#include "memory/cgroup.hpp"
#include "system/find_process.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <set>

namespace leakline::cli {

std::vector<Metric> metrics_of(const std::vector<std::string>& names) {
    std::vector<Metric> all, metrics;
    std::vector<std::string> known;
    for (std::size_t i = 0; i < kMetricCount; ++i) {
        all.push_back(static_cast<Metric>(i));
        known.emplace_back(metric_name(all.back()));
    }
    for (const std::string& name : names) {
        if (name == "all") return all;
        const auto metric = metric_of_name(name);
        if (!metric)
            throw Error(ErrorKind::usage, "--metrics", "unknown metric '" + printable(name) + "'" + did_you_mean_text(name, known),
                        fmt::format("one of {}, all", fmt::join(known, ", ")));
        if (std::find(metrics.begin(), metrics.end(), *metric) == metrics.end()) metrics.push_back(*metric);
    }
    return metrics;
}

std::vector<Metric> with_limits(std::vector<Metric> metrics) {
    for (std::size_t i = 0; i < metrics.size(); ++i)
        if (const auto limit = limit_of(metrics[i]); limit && std::find(metrics.begin(), metrics.end(), *limit) == metrics.end())
            metrics.push_back(*limit);
    return metrics;
}

void check_targets(const SampleTargets& targets) {
    const bool others = !targets.pids.empty() || !targets.names.empty() || !targets.ports.empty() || !targets.cgroups.empty() ||
                        !targets.containers.empty();
    const std::string hint =
        "leakline sample --pid 1234, --name api, --port 8080, --cgroup DIR, --container ID, or "
        "leakline sample -- CMD ARG...";
    if (!others && targets.command.empty()) throw Error(ErrorKind::usage, "leakline sample", "nothing to sample", hint);
    if (others && !targets.command.empty())
        throw Error(ErrorKind::usage, "leakline sample", "both a running target and a command to start", hint);
    for (const int port : targets.ports)
        if (port < 1 || port > 65535) throw Error(ErrorKind::usage, "--port", std::to_string(port) + " is not a TCP port");
}

std::unique_ptr<memory::MemorySource> open_process(int pid, const std::vector<Metric>& metrics, ChildrenMode children) {
    if (children == ChildrenMode::none) return memory::process_source(pid, metrics);
    return memory::tree_source(pid, metrics, children == ChildrenMode::sum ? memory::Descendants::summed : memory::Descendants::each);
}

std::vector<std::unique_ptr<memory::MemorySource>> open_targets(const SampleTargets& targets, const std::vector<Metric>& metrics) {
    std::vector<int> pids = targets.pids;
    for (const std::string& name : targets.names)
        for (const int pid : processes_named(name)) pids.push_back(pid);
    for (const int port : targets.ports)
        for (const int pid : processes_on_port(static_cast<std::uint16_t>(port))) pids.push_back(pid);

    std::vector<std::unique_ptr<memory::MemorySource>> sources;
    std::set<int> seen;
    for (const int pid : pids)
        if (seen.insert(pid).second) sources.push_back(open_process(pid, metrics, targets.children));
    const auto add_cgroup = [&](const memory::CgroupDirectory& directory) {
        const bool any = std::any_of(metrics.begin(), metrics.end(),
                                     [](Metric metric) { return std::string_view(metric_name(metric)).starts_with("cgroup"); });
        if (!any)
            throw Error(ErrorKind::usage, directory.path, "a cgroup provides none of the requested metrics",
                        "--metrics cgroup,cgroup_anonymous,cgroup_limit,cgroup_oom_kills,cgroup_limit_hits");
        sources.push_back(memory::cgroup_source(directory, metrics));
    };
    for (const std::string& directory : targets.cgroups) add_cgroup(memory::open_cgroup(directory));
    for (const std::string& id : targets.containers) add_cgroup(memory::container_cgroup(id));
    return sources;
}

}  // namespace leakline::cli
