// Whether an agent can be attached to a running process: reads its files in /proc, and changes nothing in it.
//
// Thread-safety: functions without state. check_running: by a thread that ends soon (system/stopped_process.hpp).
#pragma once

#include <map>
#include <optional>
#include <stop_token>
#include <string>
#include <vector>

#include "base/quantities.hpp"
#include "system/loaded_object.hpp"
#include "system/program_memory.hpp"

namespace leakline::heap {

struct RunningProgram {
    LoadedObject libc;
    std::vector<Mapping> mappings;
    ProgramMemory memory;
    std::map<int, unsigned> sandboxes;  // how many seccomp filters each thread has (count_filters)
};

// Throws Error{input} or Error{system} if not, with the reason and what to do instead. If the process is in a seccomp sandbox, its threads
// are stopped for a moment. A process that is just starting is looked at again: while its loader is at work, while it has the memory of the process
// that started it (vfork), and after an exec. patience: for how long; 0: one look.
RunningProgram check_running(int pid, const std::stop_token& stop, Nanoseconds patience);

// Whether the process still runs the program that was checked, and one of its threads is still in the same sandbox.
bool is_unchanged(int pid, int thread, const RunningProgram& program);

// Whether two processes have the same memory, as after vfork: an agent in one would be in both. Nothing: that may not be asked (kcmp).
std::optional<bool> share_memory(int a, int b);
// The same of a process and the one that started it. Nothing: that may not be asked, and the latter waits as it does in vfork.
std::optional<bool> shares_with_parent(int pid, int parent);

// The agent's library in the process; nothing if it was never attached.
std::optional<LoadedObject> find_attached(int pid, const std::vector<Mapping>& mappings);
// The name of its mapping, by the content of this build's library.
std::string attached_name();

}  // namespace leakline::heap
