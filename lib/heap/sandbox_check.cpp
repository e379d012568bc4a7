#include "heap/internal/sandbox_check.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <linux/audit.h>
#include <linux/futex.h>
#include <sched.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>

#include <algorithm>
#include <array>
#include <filesystem>
#include <vector>

#include "base/strings.hpp"
#include "system/proc_file.hpp"
#include "system/procfs.hpp"
#include "system/seccomp.hpp"
#include "system/stopped_process.hpp"
#include "system/tracing.hpp"

namespace leakline::heap {

namespace {

struct Call {
    const char* name;
    long number;
    std::array<std::uint64_t, 4> arguments;
    bool may_fail = false;  // the C library or the agent knows another way
};

#ifdef __x86_64__
constexpr std::uint64_t kThread = CLONE_VM | CLONE_FS | CLONE_FILES | CLONE_SIGHAND | CLONE_THREAD | CLONE_SYSVSEM | CLONE_SETTLS |
                                  CLONE_PARENT_SETTID | CLONE_CHILD_CLEARTID;
constexpr std::uint64_t kHere = static_cast<std::uint32_t>(AT_FDCWD);
constexpr std::uint64_t kSize = 4096;
constexpr std::uint64_t kNoProcess = 0x3fffffff;  // above the kernel's limit

// What an attach, the agent and the C library's functions that it calls ask the kernel for, with the arguments that filters look at. Not those of a copy that
// searches Python's variables: a filter may end that. None does harm where it is made for a trial (answer_to_us).
constexpr Call kCalls[] = {
    {"mmap", SYS_mmap, {0, kSize, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS}},
    {"mmap", SYS_mmap, {0, kSize, PROT_READ | PROT_EXEC, MAP_PRIVATE | MAP_FIXED | MAP_DENYWRITE}},
    {"mmap", SYS_mmap, {0, kSize, PROT_READ | PROT_WRITE, MAP_SHARED}},
    {"munmap", SYS_munmap, {0, kSize}},
    {"mprotect", SYS_mprotect, {0, kSize, PROT_READ}},
    {"mprotect", SYS_mprotect, {0, kSize, PROT_READ | PROT_WRITE}},
    {"mprotect", SYS_mprotect, {0, kSize, PROT_NONE}},
    {"madvise", SYS_madvise, {0, kSize, MADV_DONTFORK}},
    {"madvise", SYS_madvise, {0, kSize, MADV_DONTNEED}},
    {"brk", SYS_brk, {0}},
    {"memfd_create", SYS_memfd_create, {0, MFD_CLOEXEC}},
    {"ftruncate", SYS_ftruncate, {3, kSize}},
    {"openat", SYS_openat, {kHere, 0, O_RDONLY | O_CLOEXEC}},
    {"read", SYS_read, {3, 0, kSize}},
    {"pread64", SYS_pread64, {3, 0, kSize}},
    {"write", SYS_write, {3, 0, kSize}},
    {"close", SYS_close, {3}},
    {"newfstatat", SYS_newfstatat, {3}},
    {"futex", SYS_futex, {0, FUTEX_WAIT}},
    {"futex", SYS_futex, {0, FUTEX_WAKE}},
    {"futex", SYS_futex, {0, FUTEX_WAIT_PRIVATE}},
    {"futex", SYS_futex, {0, FUTEX_WAKE_PRIVATE}},
    {"futex", SYS_futex, {0, FUTEX_WAIT_BITSET | FUTEX_CLOCK_REALTIME}},
    {"rt_sigprocmask", SYS_rt_sigprocmask, {SIG_SETMASK}},
    {"rt_sigaction", SYS_rt_sigaction, {}},
    {"rt_sigreturn", SYS_rt_sigreturn, {}},
    {"clock_nanosleep", SYS_clock_nanosleep, {}},
    {"nanosleep", SYS_nanosleep, {}},
    {"clone", SYS_clone, {kThread}},
    {"clone", SYS_clone, {0}},
    {"exit", SYS_exit, {}},
    {"getpid", SYS_getpid, {}},
    {"gettid", SYS_gettid, {}},
    {"tgkill", SYS_tgkill, {}},
    {"kill", SYS_kill, {kNoProcess, 9}},
    {"wait4", SYS_wait4, {kNoProcess}},
    {"prctl", SYS_prctl, {PR_SET_NAME}},
    {"prctl", SYS_prctl, {0x53564d41 /* PR_SET_VMA */}, true},
    // Of the code for an allocator that is linked into the program, which is not recorded without it.
    {"mmap", SYS_mmap, {0, kSize, PROT_READ, MAP_PRIVATE}, true},
    {"mmap", SYS_mmap, {0, kSize, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE}, true},
    {"mprotect", SYS_mprotect, {0, kSize, PROT_READ | PROT_EXEC}, true},
    {"mprotect", SYS_mprotect, {0, kSize, PROT_READ | PROT_WRITE | PROT_EXEC}, true},
    {"arch_prctl", SYS_arch_prctl, {0x5005 /* ARCH_SHSTK_STATUS */}, true},
    {"restart_syscall", SYS_restart_syscall, {}, true},
    {"clone3", SYS_clone3, {}, true},
    {"fstat", SYS_fstat, {3}, true},
    {"statx", SYS_statx, {}, true},
    {"lseek", SYS_lseek, {3}, true},
    {"access", SYS_access, {}, true},
    {"fcntl", SYS_fcntl, {3, F_GETFL}, true},
    {"fallocate", SYS_fallocate, {3}, true},
    {"readlink", SYS_readlink, {}, true},
    {"readlinkat", SYS_readlinkat, {kHere}, true},
    {"getrandom", SYS_getrandom, {}, true},
    {"sched_getaffinity", SYS_sched_getaffinity, {}, true},
    {"sched_yield", SYS_sched_yield, {}, true},
    {"set_robust_list", SYS_set_robust_list, {}, true},
    {"rseq", SYS_rseq, {}, true},
    {"prlimit64", SYS_prlimit64, {}, true},
    {"clock_gettime", SYS_clock_gettime, {}, true},
    {"mremap", SYS_mremap, {}, true},
};

template <class Answer>
std::optional<std::string> forbidden_by(const Answer& answer_to) {
    for (const Call& call : kCalls) {
        seccomp_data data{};
        data.nr = static_cast<int>(call.number);
        data.arch = AUDIT_ARCH_X86_64;
        std::copy(call.arguments.begin(), call.arguments.end(), data.args);
        const SeccompAnswer answer = answer_to(data);
        if (answer == SeccompAnswer::dangerous)
            return fmt::format("runs in a seccomp sandbox, which may end it for a system call of the agent ({})", call.name);
        if (answer == SeccompAnswer::fails && !call.may_fail)
            return fmt::format("runs in a seccomp sandbox, which forbids a system call of the agent ({})", call.name);
    }
    return std::nullopt;
}

std::optional<std::string> forbidden_in(int pid, const StoppedProcess& process) {
    constexpr const char* kUnknown = "runs in a seccomp sandbox, which may end it for a system call of the agent";
    if (process.running() > 0) return "runs in a seccomp sandbox, and some of its threads could not be stopped to read what it forbids";
    for (const StoppedThread& thread : process.threads()) {
        const auto status = read_small_file(fmt::format("/proc/{}/task/{}/status", pid, thread.id));
        if (!status || count_filters(*status) == 0) continue;
        const auto filters = seccomp_filters(thread.id);
        if (!filters) return fmt::format("{} (only root of the machine, outside of any sandbox, can read what it forbids)", kUnknown);
        if (auto reason = forbidden_by([&](const seccomp_data& call) { return answer_of(*filters, call); })) return reason;
    }
    return std::nullopt;
}

bool same_namespace(const char* name, int pid) {
    std::error_code error;
    const auto read = [&](const std::string& process) {
        return std::filesystem::read_symlink(fmt::format("/proc/{}/ns/{}", process, name), error).string();
    };
    const std::string own = read("self");
    return !own.empty() && read(std::to_string(pid)) == own && read("1") == own;
}

// Whether a process has the filters that this one has too: those with which a container was started. Each process in it inherits them, or gets
// them from the runtime as we did (docker exec), and can only add more: all have as many as the container's first process.
bool has_our_filters(int pid) {
    const auto filters = [](const std::string& status_file) { return count_filters(read_small_file(status_file).value_or("")); };
    const unsigned own = filters("/proc/thread-self/status");
    if (own == 0 || own == kUncounted || filters("/proc/1/status") != own) return false;
    for (const char* const name : {"pid", "mnt", "user"})
        if (!same_namespace(name, pid)) return false;
    const std::vector<int> threads = thread_ids(pid);
    return std::all_of(threads.begin(), threads.end(),
                       [&](int thread) { return filters(fmt::format("/proc/{}/task/{}/status", pid, thread)) == own; });
}
#endif

}  // namespace

unsigned count_filters(std::string_view status) {
    if (status_value(status, "Seccomp").value_or("0") == "0") return 0;
    const auto count = parse_number(status_value(status, "Seccomp_filters").value_or(""));
    return count ? static_cast<unsigned>(*count) : kUncounted;
}

std::optional<std::string> sandbox_that_forbids_agent([[maybe_unused]] int pid) {
#ifdef __x86_64__
    // In a container, the kernel does not tell what its filters are, but they can be tried.
    if (has_our_filters(pid)) return forbidden_by(&answer_to_us);
    return forbidden_in(pid, StoppedProcess(pid, std::chrono::milliseconds(200)));
#else
    return std::nullopt;
#endif
}

}  // namespace leakline::heap
