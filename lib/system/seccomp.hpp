// What a process's seccomp filters (seccomp(2)) answer to a system call, without making it.
//
// Thread-safety: functions without state. seccomp_filters: only by the thread that has stopped the other (system/stopped_process.hpp).
#pragma once

#include <linux/filter.h>
#include <linux/seccomp.h>

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

namespace leakline {

using SeccompFilter = std::vector<sock_filter>;

// Those of a stopped thread in a sandbox, the latest first. Nothing where the kernel does not tell: that takes CAP_SYS_ADMIN of the
// machine (not of a container), no filter of our own, and CONFIG_CHECKPOINT_RESTORE.
std::optional<std::vector<SeccompFilter>> seccomp_filters(int thread);

// What a filter returns, SECCOMP_RET_KILL_PROCESS to SECCOMP_RET_ALLOW with data. Nothing for a program that the kernel would not take.
std::optional<std::uint32_t> run_filter(std::span<const sock_filter> program, const seccomp_data& call);

enum class SeccompAnswer {
    allowed,
    fails,     // the call returns an error
    dangerous  // it ends the process or thread, raises a signal, or another process decides
};
// The kernel takes the strictest of all.
SeccompAnswer answer_of(std::span<const SeccompFilter> filters, const seccomp_data& call);

// What the filters of this process answer. A child makes the call, without open files 0 and 3: the arguments must do no harm there, and let the
// kernel itself not refuse it with EPERM, EACCES or ENOSYS. x86-64 only.
SeccompAnswer answer_to_us(const seccomp_data& call);

}  // namespace leakline
