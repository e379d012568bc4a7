// What all users of ptrace(2) need.
//
// Thread-safety: functions without state.
#pragma once

#include <cstdint>
#include <vector>

#include "system/procfs.hpp"

namespace leakline {

// ERESTARTNOHAND of the kernel (include/linux/errno.h), in rax: it makes an interrupted system call again if no handler runs.
inline constexpr std::int64_t kRestartNoHandler = -514;
inline constexpr std::uint64_t kNoSystemCall = ~std::uint64_t{0};  // in orig_rax

// The threads of a process, in the kernel's order; none where it is gone.
std::vector<int> thread_ids(int pid, const SystemRoots& roots = {});

// Throws Error{system}: why ptrace has refused a process with this errno, with what to do.
[[noreturn]] void refuse_tracing(int pid, int error_number, const SystemRoots& roots = {});

}  // namespace leakline
