// What all users of ptrace(2) need.
//
// Thread-safety: functions without state.
#pragma once

#include <vector>

#include "system/procfs.hpp"

namespace leakline {

// The threads of a process, in the kernel's order; none where it is gone.
std::vector<int> thread_ids(int pid, const SystemRoots& roots = {});

// Throws Error{system}: why ptrace has refused a process with this errno, with what to do.
[[noreturn]] void refuse_tracing(int pid, int error_number, const SystemRoots& roots = {});

}  // namespace leakline
