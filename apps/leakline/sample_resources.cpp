#include "sample_resources.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "analysis/resource_words.hpp"
#include "base/error.hpp"
#include "base/quantities.hpp"

namespace leakline::cli {

namespace {

constexpr Nanoseconds kGap = std::chrono::seconds(5);
constexpr int kRest = 99;  // times what a look took

}  // namespace

SampleResources::SampleResources(const std::vector<Metric>& metrics) {
    const auto want = [&](Metric metric, Resource resource) {
        wanted_[static_cast<std::size_t>(resource)] = std::find(metrics.begin(), metrics.end(), metric) != metrics.end();
    };
    want(Metric::fds, Resource::descriptors);
    want(Metric::threads, Resource::threads);
    want(Metric::mappings, Resource::mappings);
    want(Metric::processes, Resource::processes);
}

void SampleResources::watch(int pid, bool descendants) {
    if (pid <= 0 || std::find(wanted_.begin(), wanted_.end(), true) == wanted_.end()) return;
    try {
        trees_.push_back(std::make_unique<memory::ProcessTree>(pid, SystemRoots{}));
        descendants_.push_back(descendants);
    } catch (const Error&) {
    }
}

void SampleResources::look() {
    std::vector<memory::ProcessId> processes;
    for (std::size_t i = 0; i < trees_.size(); ++i)
        for (const memory::ProcessReading& reading : trees_[i]->read(Depth::detailed))
            if (reading.root || descendants_[i]) processes.push_back({reading.pid, reading.start_ticks, reading.name, reading.zombie});
    const Nanoseconds now = system_clock().monotonic();
    if (begin_ == Nanoseconds::zero()) begin_ = now;
    marks_.add(to_seconds(now - begin_), 0, memory::probe_resources(processes, memory::IpcLook::left_out));
}

void SampleResources::tick(Nanoseconds now) {
    if (trees_.empty() || now < next_) return;
    look();
    const Nanoseconds end = system_clock().monotonic();
    next_ = end + std::max(kGap, (end - now) * kRest);
}

std::vector<std::string> SampleResources::lines() {
    std::vector<std::string> out;
    if (trees_.empty()) return out;
    look();
    for (ResourceGrowth growth : marks_.resources().counts) {
        if (!wanted_[static_cast<std::size_t>(growth.resource)] || growth.at_marks.empty()) continue;
        growth.growth = growth.at_marks.back() - growth.at_marks.front();
        if (growth.growth <= 0) continue;
        for (ResourceKind& kind : growth.kinds) kind.growth = kind.at_marks.back() - kind.at_marks.front();
        std::stable_sort(growth.kinds.begin(), growth.kinds.end(),
                         [](const ResourceKind& a, const ResourceKind& b) { return a.growth > b.growth; });
        const std::string kinds = analysis::growing_kinds_words(growth);
        out.push_back(
            fmt::format("{}: {:.0f} to {:.0f}{}{}", resource_words(growth.resource), growth.at_marks.front(), growth.at_marks.back(),
                        kinds.empty() ? "" : ": " + kinds,
                        growth.limit ? fmt::format("; the limit is {} ({})", format_count(*growth.limit), growth.limit_name) : ""));
    }
    return out;
}

}  // namespace leakline::cli
