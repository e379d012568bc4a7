// The alert options, shared by trackd and `leakline sample`.
#pragma once

#include <optional>
#include <stop_token>
#include <string>
#include <vector>

#include "alert/monitor.hpp"
#include "base/quantities.hpp"
#include "cli11_names.hpp"

namespace leakline::cli {

struct AlertSettings {
    std::optional<double> at;  // absent: nothing is watched
    Nanoseconds hold = std::chrono::seconds(30), minimum_gap = std::chrono::hours(1);
    std::vector<std::string> channels;
};

// --alert-at, --alert-for, --alert-every, --alert-to.
void add_alert_options(CLI::App& app, AlertSettings& settings);

// What to watch with; nothing without --alert-at. Throws Error{usage} where the options contradict each other.
std::optional<alert::MonitorOptions> monitor_options(const AlertSettings& settings, const std::string& source, const std::stop_token& stop);

Bytes physical_memory();  // of the machine

// The memory that the process can use before it is killed: the smallest of its cgroup's limit and the configured one;
// where there is neither, the machine's physical memory.
Bytes effective_memory_limit(int pid, std::optional<Bytes> configured);

}  // namespace leakline::cli
