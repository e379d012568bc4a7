#include "system/stopped_process.hpp"

#include <dirent.h>
#include <elf.h>
#include <fmt/format.h>
#include <sys/ptrace.h>
#include <sys/uio.h>
#include <sys/user.h>
#include <sys/wait.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <memory>
#include <string_view>

#include "base/error.hpp"
#include "base/strings.hpp"
#include "system/clock.hpp"
#include "system/proc_file.hpp"
#include "system/stop.hpp"

namespace leakline {

namespace {

std::vector<int> thread_ids(int pid, const SystemRoots& roots) {
    std::vector<int> ids;
    struct Close {
        void operator()(DIR* folder) const { ::closedir(folder); }
    };
    const std::unique_ptr<DIR, Close> folder(::opendir((roots.proc + "/" + std::to_string(pid) + "/task").c_str()));
    if (!folder) return ids;
    while (const dirent* entry = ::readdir(folder.get())) {
        const std::string_view name = entry->d_name;
        int id = 0;
        if (std::from_chars(name.data(), name.data() + name.size(), id).ec == std::errc{} && id > 0) ids.push_back(id);
    }
    return ids;
}

// A main thread that has ended stays listed for as long as others run.
bool has_ended(int pid, int thread, const SystemRoots& roots) {
    const auto text = read_small_file(fmt::format("{}/{}/task/{}/stat", roots.proc, pid, thread));
    const auto stat = text ? parse_stat(*text) : std::nullopt;
    if (thread != pid) return !stat || stat->state == 'Z' || stat->state == 'X';
    return stat && stat->state == 'Z' && stat->threads > 1;
}

// Why ptrace(2) refuses.
[[noreturn]] void refuse(int pid, int error_number, const SystemRoots& roots) {
    const std::string where = fmt::format("process {}", pid);
    const auto status = read_small_file(roots.proc + "/" + std::to_string(pid) + "/status");
    if (error_number == ESRCH || !status) throw Error(ErrorKind::system, where, "is not running");
    if (status_value(*status, "State").value_or("").starts_with('Z')) throw Error(ErrorKind::system, where, "has ended (a zombie)");
    const auto tracer = status_value(*status, "TracerPid").value_or("0");
    if (tracer != "0")
        throw Error(ErrorKind::system, where, fmt::format("is already traced by process {} (a debugger, strace)", tracer),
                    "end that one first");
    const auto scope = read_small_file(roots.proc + "/sys/kernel/yama/ptrace_scope");
    const std::string_view level = scope ? trim(*scope) : std::string_view("0");
    if (level == "3")
        throw Error(ErrorKind::system, where, "tracing is turned off on this machine (kernel.yama.ptrace_scope is 3)",
                    "it can be turned on only by a restart with another setting");
    throw Error(ErrorKind::system, where, "its memory may not be read: " + os_reason(error_number),
                level != "0" ? "run as root, or set kernel.yama.ptrace_scope to 0: sysctl kernel.yama.ptrace_scope=0"
                             : "run as root or as the user of the process; in a container, with the capability SYS_PTRACE "
                               "(docker run --cap-add SYS_PTRACE)");
}

}  // namespace

StoppedProcess::StoppedProcess(int pid, Nanoseconds patience, const SystemRoots& roots) : pid_(pid) {
    since_ = system_clock().monotonic();
    const Nanoseconds deadline = since_ + patience;
    try {
        // A thread that still runs can start another meanwhile: until there is no new one.
        for (bool more = true; more;) {
            more = false;
            const std::vector<int> ids = thread_ids(pid, roots);
            if (ids.empty()) refuse(pid, ESRCH, roots);
            for (const int id : ids) {
                const auto known = [&](const Seized& thread) { return thread.id == id; };
                if (std::any_of(seized_.begin(), seized_.end(), known)) continue;
                if (!seize(id)) {
                    const int reason = errno;
                    if (has_ended(pid, id, roots)) continue;
                    refuse(pid, reason, roots);
                }
                more = true;
            }
            wait_for_stops(deadline);
        }
        read_registers();
    } catch (...) {
        release();
        throw;
    }
}

StoppedProcess::~StoppedProcess() { release(); }

bool StoppedProcess::seize(int thread) {
    if (::ptrace(PTRACE_SEIZE, thread, nullptr, nullptr) != 0) return false;
    seized_.push_back({thread});
    ::ptrace(PTRACE_INTERRUPT, thread, nullptr, nullptr);
    return true;
}

void StoppedProcess::wait_for_stops(Nanoseconds deadline) {
    for (;;) {
        bool waiting = false;
        for (std::size_t i = 0; i < seized_.size();) {
            Seized& thread = seized_[i];
            int status = 0;
            const pid_t changed = thread.stopped ? 0 : ::waitpid(thread.id, &status, WNOHANG | __WALL);
            if (changed == thread.id && WIFSTOPPED(status)) {
                thread.stopped = true;
                // Not our own interruption: a signal was on its way to it.
                if (status >> 16 != PTRACE_EVENT_STOP) thread.signal = WSTOPSIG(status);
            } else if (changed == thread.id || (changed < 0 && errno == ECHILD)) {
                seized_.erase(seized_.begin() + static_cast<std::ptrdiff_t>(i));
                continue;
            }
            waiting = waiting || !thread.stopped;
            ++i;
        }
        if (!waiting || system_clock().monotonic() > deadline) return;
        sleep_for({}, std::chrono::microseconds(50));
    }
}

void StoppedProcess::read_registers() {
    for (const Seized& seized : seized_) {
        if (!seized.stopped) {
            ++running_;
            continue;
        }
        StoppedThread thread;
        thread.id = seized.id;
#if defined(__x86_64__)
        user_regs_struct values{};
        iovec into{&values, sizeof values};
        if (::ptrace(PTRACE_GETREGSET, seized.id, NT_PRSTATUS, &into) == 0) {
            thread.registers = {values.rax, values.rdx, values.rcx, values.rbx, values.rsi, values.rdi, values.rbp, values.rsp, values.r8,
                                values.r9,  values.r10, values.r11, values.r12, values.r13, values.r14, values.r15, values.rip};
            thread.stack_pointer = values.rsp;
            thread.thread_pointer = values.fs_base;
        }
#elif defined(__aarch64__)
        user_regs_struct values{};
        iovec into{&values, sizeof values};
        if (::ptrace(PTRACE_GETREGSET, seized.id, NT_PRSTATUS, &into) == 0) {
            thread.registers.assign(values.regs, values.regs + 31);
            thread.registers.push_back(values.sp);
            thread.registers.push_back(values.pc);
            thread.stack_pointer = values.sp;
            iovec pointer{&thread.thread_pointer, sizeof thread.thread_pointer};
            ::ptrace(PTRACE_GETREGSET, seized.id, NT_ARM_TLS, &pointer);
        }
#endif
        threads_.push_back(std::move(thread));
    }
}

void StoppedProcess::release() {
    for (const Seized& thread : seized_) {
        if (!thread.stopped) {
            // Only a stopped thread can be let go. Where it stops later, the end of the calling thread lets it go.
            int status = 0;
            if (::waitpid(thread.id, &status, WNOHANG | __WALL) != thread.id || !WIFSTOPPED(status)) continue;
        }
        ::ptrace(PTRACE_DETACH, thread.id, nullptr, reinterpret_cast<void*>(static_cast<std::uintptr_t>(thread.signal)));
    }
    seized_.clear();
}

}  // namespace leakline
