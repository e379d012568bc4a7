// Objects that outlive the process that made them: System V shared memory segments, semaphore sets and message queues, files in /dev/shm
// and POSIX message queues. A service that leaks them holds no descriptor, no mapping and no resident memory.
//
// Thread-safety: functions without state.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "system/procfs.hpp"

namespace leakline::memory {

struct IpcObjects {
    std::uint64_t count = 0;
    std::map<std::string, std::uint64_t> kinds;      // "System V shared memory segment", "file /dev/shm/session-*"
    std::map<std::string, std::uint64_t> of_others;  // System V objects that are not counted, but take from the same limits
};

// One row of /proc/sysvipc/shm, sem or msg.
struct SysvObject {
    std::uint64_t owner = 0;             // user id
    std::optional<std::uint64_t> maker;  // pid; only shared memory tells it
    std::uint64_t attached = 0;          // processes; only of shared memory
};
inline constexpr const char* kSysvMemory = "System V shared memory segment";
inline constexpr const char* kSysvSemaphores = "System V semaphore set";
inline constexpr const char* kSysvQueue = "System V message queue";

std::vector<SysvObject> parse_sysv_objects(std::string_view table);

// pids: the service's processes, the first of which says in which namespaces to look. The kernel does not keep who made an object:
// counted are those of the processes' users, but none made by another program that still runs, and none of leakline's own.
// Nothing if the processes have ended, are in another IPC namespace (a container), or have a /dev/shm that cannot be read.
std::optional<IpcObjects> ipc_objects_of(const std::vector<int>& pids, const SystemRoots& roots);

}  // namespace leakline::memory
