// The descriptors, threads, mappings and IPC objects of processes at one moment, by number and kind.
//
// Thread-safety: functions without state.
#pragma once

#include <array>
#include <map>
#include <span>
#include <string_view>
#include <vector>

#include "memory/resource_kinds.hpp"
#include "model/resources.hpp"
#include "system/procfs.hpp"

namespace leakline::memory {

struct ProcessResources {
    int pid = 0;
    std::uint64_t start_ticks = 0;
    std::string name;
    bool zombie = false;
    // Indexed by Resource; processes is 1. Nothing: it may not be read (another user's process), or it has ended.
    std::array<std::optional<std::uint64_t>, kResourceCount> count;
    std::array<std::map<std::string, std::uint64_t>, kResourceCount> kinds;
    ProcessLimits limits;
};

// The limits of one process; nothing where it is unlimited or unreadable.
struct CountLimits {
    std::optional<std::uint64_t> descriptors, mappings;
    std::optional<std::uint64_t> threads;  // of the whole service: the smallest of threads-max, pid_max, pids.max and RLIMIT_NPROC
    std::string threads_name;              // which of them
};
CountLimits read_count_limits(int pid, const SystemRoots& roots = {});

// How many objects of a kind the kernel allows in all.
struct IpcLimit {
    std::string_view kind, name;
    std::uint64_t most = 0;
    std::uint64_t of_others = 0;  // what other programs have of it
};

struct ResourceSnapshot {
    std::vector<ProcessResources> processes;
    bool kinds_cut = false;                      // there were too many to examine all: the counts are exact, kinds come from every n-th
    bool unreadable = false;                     // something of a process could not be read
    std::optional<std::uint64_t> most_mappings;  // vm.max_map_count, of each process
    std::optional<std::uint64_t> most_threads;   // of the whole service: the smallest of threads-max, pids.max and RLIMIT_NPROC
    std::string most_threads_name;
    std::vector<IpcLimit> ipc_limits;
};

struct ProcessId {
    int pid = 0;
    std::uint64_t start_ticks = 0;
    std::string name;
    bool zombie = false;
};

enum class IpcLook { taken, left_out };

// processes: the root first. Sockets whose other end is held by this process, the connections of a replay, are not counted.
// Never throws. Costs a readlink for each of at most 4,096 descriptors and reads the list of mappings, at most 16 MiB of it.
ResourceSnapshot probe_resources(std::span<const ProcessId> processes, IpcLook ipc_objects, const SystemRoots& roots = {});

}  // namespace leakline::memory
