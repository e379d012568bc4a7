// Parsers of the files of /proc/PID. Pure: text in, record out; nothing if the text does not have the form.
//
// Thread-safety: functions without state.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/quantities.hpp"

namespace leakline {

// Where the kernel's files are; tests put directories of their own here.
struct SystemRoots {
    std::string proc = "/proc";
    std::string cgroup = "/sys/fs/cgroup";
};

// How much is read at once.
enum class Depth {
    quick,     // what one read of a small file gives: RSS, the cgroup's current bytes
    detailed,  // also what the kernel has to walk page tables or directories for
};

Bytes page_size();  // of this machine

// /proc/PID/statm. All zero: a zombie or a kernel thread (no address space).
struct Statm {
    Bytes size = 0, resident = 0, shared = 0;
};
std::optional<Statm> parse_statm(std::string_view text);

// /proc/PID/smaps_rollup (Linux 4.14); a field that this kernel does not print is absent.
struct SmapsRollup {
    std::optional<Bytes> rss, pss, pss_shmem, private_clean, private_dirty, anonymous, swap;  // pss_shmem: Linux 5.9
};
std::optional<SmapsRollup> parse_smaps_rollup(std::string_view text);

// /proc/PID/stat. comm can hold spaces and parentheses: it ends at the last ')'.
struct ProcessStat {
    int pid = 0, parent = 0;
    std::string comm;  // at most 15 characters: the kernel cuts
    char state = '?';
    std::uint64_t threads = 0;
    std::uint64_t start_ticks = 0;       // since boot, in clock ticks: with the pid it names a process for good
    std::uint64_t cpu_ticks = 0;         // user and system, of all its threads
    std::uint64_t waited_cpu_ticks = 0;  // the same, of the children that it has waited for
    Bytes resident = 0;
    std::uint64_t stack_start = 0;  // address; 0 where it may not be seen
};
std::optional<ProcessStat> parse_stat(std::string_view text);
// Also of a zombie, and of a process that is not there.
inline bool has_ended(const std::optional<ProcessStat>& stat) { return !stat || stat->state == 'Z' || stat->state == 'X'; }

// /proc/PID/status, the memory lines; readable where smaps_rollup is not (another user's process).
struct ProcessStatus {
    std::optional<Bytes> rss_anonymous, rss_file, rss_shmem, swap;
};
std::optional<ProcessStatus> parse_status(std::string_view text);
// The value of one line of it, such as "SigCgt", without the blanks around it.
std::optional<std::string_view> status_value(std::string_view text, std::string_view name);

// /proc/PID/task/TID/syscall: the system call in which a thread waits. Nothing if it runs, or waits outside of one.
struct WaitingCall {
    long number = -1;
    std::array<std::uint64_t, 6> arguments{};
    std::uint64_t stack = 0, instruction = 0;  // its stack and instruction pointers
};
std::optional<WaitingCall> parse_waiting_call(std::string_view text);

// A file with one number, in decimal; nothing for others such as "max". White space around it is passed over.
std::optional<std::uint64_t> parse_number(std::string_view text);

}  // namespace leakline
