#include "diagnose/process_copies.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <optional>

#include "memory/cgroup.hpp"
#include "system/proc_file.hpp"

namespace leakline::diagnose {

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
        if (const auto cgroup = memory::cgroup_room(pid)) room = std::min(room.value_or(cgroup->unused), cgroup->unused);
    }
    if (room && resident > *room / 2)
        return fmt::format("copies of its processes may need {}, and {} are free", format_bytes(static_cast<double>(resident)),
                           format_bytes(static_cast<double>(*room)));
    return {};
}

}  // namespace leakline::diagnose
