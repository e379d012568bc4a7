#include "sample_alerts.hpp"
#include "base/quantities.hpp"
#include "base/strings.hpp"
#include "memory/cgroup.hpp"
#include "print_error.hpp"
#include "system/clock.hpp"

#include <fmt/format.h>

#include <cstdio>

namespace leakline::cli {

namespace {

// A cgroup without a limit has the machine's.
Bytes cgroup_limit(const std::string& path) { return memory::CgroupReader(memory::open_cgroup(path)).limit().value_or(physical_memory()); }

}  // namespace

SampleAlerts::SampleAlerts(const AlertSettings& settings, std::optional<Bytes> memory_limit, const std::stop_token& stop)
    : settings_(settings), memory_limit_(memory_limit), stop_(stop) {
    if (const auto options = monitor_options(settings, "leakline sample", stop))
        for (const std::string& spec : options->channels) alert::make_channel(spec);
}

SampleAlerts::Watched SampleAlerts::watch(const memory::Subject& subject) const {
    const std::string name = printable(subject.name);
    const std::string source = subject.pid > 0 ? fmt::format("{} (pid {})", name, subject.pid) : name;
    Watched watched;
    watched.monitor = std::make_unique<alert::MemoryMonitor>(*monitor_options(settings_, source, stop_),
                                                             [](const std::string& line) { print_error("leakline: {}\n", line); });
    watched.limit = subject.pid > 0 ? effective_memory_limit(subject.pid, memory_limit_) : cgroup_limit(subject.name);
    return watched;
}

void SampleAlerts::observe(const memory::Subject& subject, const MemorySample& sample) {
    if (!settings_.at) return;
    const auto& used = sample[Metric::rss] ? sample[Metric::rss] : sample[Metric::cgroup];
    if (!used) return;
    const std::pair key{subject.pid, subject.name};
    auto place = watched_.find(key);
    if (place == watched_.end()) {
        if (watched_.size() == kMax) return;
        place = watched_.emplace(key, watch(subject)).first;
    }
    const Bytes limit = sample[Metric::cgroup_limit] ? *sample[Metric::cgroup_limit] : place->second.limit;
    place->second.monitor->observe(*used, limit, system_clock().monotonic(), sample.at);
}

}  // namespace leakline::cli
