#include "memory/resource_marks.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "base/strings.hpp"

namespace leakline::memory {

namespace {

constexpr std::size_t kMaxKindsOfRun = 400;  // over a whole run
constexpr double kNearLimit = 0.8, kMadeInRun = 0.5;

}  // namespace

// A process that begins adds its count without a step; one that ends removes its growth. The number of processes
// itself is counted directly.
std::array<ResourceMarks::Level, kResourceCount> ResourceMarks::levels_of(const ResourceSnapshot& snapshot) {
    const bool begins = resources_.mark_seconds.empty();
    constexpr auto kProcesses = static_cast<std::size_t>(Resource::processes);
    std::array<Level, kResourceCount> levels;
    for (const ProcessResources& process : snapshot.processes) {
        Base& base = bases_[{process.pid, process.start_ticks}];
        for (std::size_t r = 0; r < kResourceCount; ++r) {
            if (!process.count[r]) continue;
            Level& level = levels[r];
            level.readable = true;
            const auto count = static_cast<double>(*process.count[r]);
            if (r == kProcesses) {
                level.count += count;
                for (const auto& [kind, number] : process.kinds[r]) level.kinds[kind] += static_cast<double>(number);
                continue;
            }
            const bool first = !base.count[r];
            if (first) {
                base.count[r] = count;
                for (const auto& [kind, number] : process.kinds[r]) base.kinds[r][kind] = static_cast<double>(number);
                if (begins) {
                    initial_[r] += count;
                    for (const auto& [kind, number] : base.kinds[r]) initial_kinds_[r][kind] += number;
                }
            }
            level.count += count - *base.count[r];
            for (const auto& [kind, number] : process.kinds[r]) level.kinds[kind] += static_cast<double>(number);
            for (const auto& [kind, number] : base.kinds[r]) level.kinds[kind] -= number;
        }
    }
    for (std::size_t r = 0; r < kResourceCount; ++r) {
        levels[r].count += initial_[r];
        for (const auto& [kind, number] : initial_kinds_[r]) levels[r].kinds[kind] += number;
    }
    return levels;
}

ResourceGrowth& ResourceMarks::growth_of(Resource resource) {
    for (ResourceGrowth& growth : resources_.counts)
        if (growth.resource == resource) return growth;
    ResourceGrowth growth;
    growth.resource = resource;
    growth.at_marks.assign(resources_.mark_seconds.size(), 0);
    return resources_.counts.emplace_back(std::move(growth));
}

void ResourceMarks::add(double at_s, std::uint64_t requests, const ResourceSnapshot& snapshot) {
    if (snapshot.processes.empty()) return;
    const auto levels = levels_of(snapshot);
    for (std::size_t r = 0; r < kResourceCount; ++r) {
        if (!levels[r].readable) continue;
        ResourceGrowth& growth = growth_of(static_cast<Resource>(r));
        growth.at_marks.resize(resources_.mark_seconds.size(), growth.at_marks.empty() ? levels[r].count : growth.at_marks.back());
        growth.at_marks.push_back(levels[r].count);
        std::set<std::string> known;
        for (ResourceKind& kind : growth.kinds) {
            kind.at_marks.resize(growth.at_marks.size() - 1, kind.at_marks.back());  // a mark at which nothing could be read
            const auto level = levels[r].kinds.find(kind.name);
            kind.at_marks.push_back(level == levels[r].kinds.end() ? 0 : level->second);
            known.insert(kind.name);
        }
        for (const auto& [name, level] : levels[r].kinds) {
            if (known.contains(name) || growth.kinds.size() >= kMaxKindsOfRun) continue;
            ResourceKind kind{name, std::vector<double>(growth.at_marks.size() - 1, 0), 0, false};
            kind.at_marks.push_back(level);
            growth.kinds.push_back(std::move(kind));
        }
    }
    resources_.mark_seconds.push_back(at_s);
    resources_.mark_requests.push_back(static_cast<double>(requests));
    cut_ = cut_ || snapshot.kinds_cut;
    unreadable_ = unreadable_ || snapshot.unreadable;
    add_limits(snapshot);
}

// The kernel limits each kind of System V object; files in /dev/shm take memory instead. That of the kind that grew most matters.
void ResourceMarks::add_ipc_limit(ResourceGrowth& growth, const ResourceSnapshot& snapshot) {
    growth.limit.reset();
    double most = 0;
    const double all = growth.at_marks.back() - growth.at_marks.front();
    for (const IpcLimit& limit : snapshot.ipc_limits) {
        double grown = 0, used = static_cast<double>(limit.of_others);
        for (const ResourceKind& kind : growth.kinds) {
            if (!kind.name.starts_with(limit.kind)) continue;
            grown += kind.at_marks.back() - kind.at_marks.front();
            used += kind.at_marks.back();
        }
        if (grown <= most) continue;
        most = grown;
        growth.limit = limit.most;
        growth.limit_name = limit.name;
        growth.used = used;
        growth.limited_share = all > 0 ? std::clamp(grown / all, 0.0, 1.0) : 1;
    }
}

void ResourceMarks::add_limits(const ResourceSnapshot& snapshot) {
    for (ResourceGrowth& growth : resources_.counts) {
        const auto r = static_cast<std::size_t>(growth.resource);
        if (growth.resource == Resource::threads || growth.resource == Resource::processes) {
            growth.limit = snapshot.most_threads;
            growth.limit_name = snapshot.most_threads_name;
            growth.used = 0;
            for (const ProcessResources& process : snapshot.processes) growth.used += static_cast<double>(process.count[r].value_or(0));
            continue;
        }
        if (growth.resource == Resource::ipc_objects) {
            add_ipc_limit(growth, snapshot);
            continue;
        }
        // The process that grew most reaches its limit first.
        const ProcessResources* most = nullptr;
        double largest = 0, all = 0;
        for (const ProcessResources& process : snapshot.processes) {
            const auto& base = bases_[{process.pid, process.start_ticks}].count[r];
            if (!process.count[r] || !base) continue;
            const double grown = static_cast<double>(*process.count[r]) - *base;
            all += grown;
            if (most != nullptr && grown <= largest) continue;
            most = &process;
            largest = grown;
        }
        if (most == nullptr) continue;
        const bool descriptors = growth.resource == Resource::descriptors;
        growth.limit = descriptors ? most->limits.open_files : snapshot.most_mappings;
        growth.limit_name =
            fmt::format("{} of {} (pid {})", descriptors ? "RLIMIT_NOFILE" : "vm.max_map_count", printable(most->name), most->pid);
        growth.used = static_cast<double>(*most->count[r]);
        growth.limited_share = all > 0 ? std::clamp(largest / all, 0.0, 1.0) : 1;
    }
}

void ResourceMarks::add_idle(double idle_s, const ResourceSnapshot& snapshot) {
    const auto levels = levels_of(snapshot);
    resources_.idle_s = idle_s;
    for (ResourceGrowth& growth : resources_.counts) {
        const Level& level = levels[static_cast<std::size_t>(growth.resource)];
        if (level.readable && !growth.at_marks.empty()) growth.idle_growth = level.count - growth.at_marks.back();
    }
}

std::vector<std::string> ResourceMarks::warnings() const {
    std::vector<std::string> out;
    if (cut_)
        out.emplace_back(
            "the service has more than 4,096 descriptors or threads: the counts are exact, but the kinds are estimated from a sample");
    if (unreadable_)
        out.emplace_back(
            "descriptors or mappings of a process of the service could not be read (it belongs to another user, or it exited): "
            "they are not analyzed; run as root to include them");
    return out;
}

bool ResourceMarks::near_limit(Resource resource) const {
    return std::any_of(resources_.counts.begin(), resources_.counts.end(), [resource](const ResourceGrowth& growth) {
        if (growth.resource != resource || !growth.limit || growth.at_marks.size() < 2) return false;
        const auto limit = static_cast<double>(*growth.limit);
        const double made = (growth.at_marks.back() - growth.at_marks.front()) * growth.limited_share;
        // The limits of IPC objects are the machine's: other programs have a part.
        const double room = growth.resource == Resource::ipc_objects ? limit - (growth.used - made) : limit;
        return growth.used >= kNearLimit * limit && made > 0 && made >= kMadeInRun * room;
    });
}

}  // namespace leakline::memory
