// What `leakline sample` watches: its target options as memory sources.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "memory/source.hpp"

namespace leakline::cli {

enum class ChildrenMode { none, sum, each };

struct SampleTargets {
    std::vector<int> pids;
    std::vector<std::string> names;
    std::vector<int> ports;
    std::vector<std::string> cgroups, containers;
    std::vector<std::string> command;
    ChildrenMode children = ChildrenMode::none;
};

// "rss", "pss", ...; "all" is every metric. Throws Error{usage} with a suggestion.
std::vector<Metric> metrics_of(const std::vector<std::string>& names);

// With the limit of each count (fds, threads, mappings, processes), from which `trend` computes the time until it is reached.
std::vector<Metric> with_limits(std::vector<Metric> metrics);

// Throws Error{usage} unless there is a command or other targets, and not both.
void check_targets(const SampleTargets& targets);

// Sources of everything but the command. What a user's metrics cannot say of a target is an Error{usage}.
std::vector<std::unique_ptr<memory::MemorySource>> open_targets(const SampleTargets& targets, const std::vector<Metric>& metrics);
// Of one process, as `children` asks.
std::unique_ptr<memory::MemorySource> open_process(int pid, const std::vector<Metric>& metrics, ChildrenMode children);

}  // namespace leakline::cli
