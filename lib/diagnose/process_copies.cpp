#include "diagnose/process_copies.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <optional>

#include "memory/cgroup.hpp"
#include "system/proc_file.hpp"

namespace leakline::diagnose {

namespace {

// Below the limit of a process's memory cgroup; nothing if it has none.
std::optional<Bytes> room_in_cgroup(int pid) {
    const auto directory = memory::memory_cgroup_of(pid);
    if (!directory) return std::nullopt;
    memory::CgroupReader cgroup(*directory);
    MemorySample sample;
    std::array<bool, kMetricCount> wanted{};
    wanted[static_cast<std::size_t>(Metric::cgroup)] = true;
    const auto limit = cgroup.limit();
    if (!limit || !cgroup.read(Depth::quick, wanted, sample) || !sample[Metric::cgroup]) return std::nullopt;
    return *limit - std::min(*limit, *sample[Metric::cgroup]);
}

}  // namespace

std::string reason_against_copies(const std::vector<int>& pids, Bytes largest) {
    Bytes resident = 0;
    std::optional<Bytes> room = available_memory();
    for (const int pid : pids) {
        const auto stat = read_stat(pid);
        if (!stat) continue;
        const Bytes bytes = stat->resident;
        resident += bytes;
        if (bytes > largest)
            return fmt::format("process {} has {}; only processes of up to {} are copied", pid, format_bytes(static_cast<double>(bytes)),
                               format_bytes(static_cast<double>(largest)));
        if (const auto cgroup = room_in_cgroup(pid)) room = std::min(room.value_or(*cgroup), *cgroup);
    }
    if (room && resident > *room / 2)
        return fmt::format("copies of its processes may need {}, and {} are free", format_bytes(static_cast<double>(resident)),
                           format_bytes(static_cast<double>(*room)));
    return {};
}

}  // namespace leakline::diagnose
