// Whether an agent can be attached to a running process: reads its files in /proc, and changes nothing in it.
//
// Thread-safety: functions without state. check_running: by a thread that ends soon (system/stopped_process.hpp).
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "system/loaded_object.hpp"

namespace leakline::heap {

struct RunningProgram {
    LoadedObject libc;
    std::vector<Mapping> mappings;
};

// Throws Error{input} or Error{system} if not, with the reason and what to do instead. If the process is in a seccomp sandbox, its threads
// are stopped for a moment.
RunningProgram check_running(int pid);

// Whether two processes have the same memory, as after vfork: an agent in one would be in both. Nothing: that may not be asked (kcmp).
std::optional<bool> share_memory(int a, int b);
// The same of a process and the one that started it. Nothing: that may not be asked, and the latter waits as it does in vfork.
std::optional<bool> shares_with_parent(int pid, int parent);

// The agent's library in the process; nothing if it was never attached.
std::optional<LoadedObject> find_attached(int pid, const std::vector<Mapping>& mappings);
// The name of its mapping, by the content of this build's library.
std::string attached_name();

}  // namespace leakline::heap
