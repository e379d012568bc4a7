#include "system/stopped_process.hpp"

#include <elf.h>
#include <fmt/format.h>
#include <sys/ptrace.h>
#include <sys/uio.h>
#include <sys/user.h>
#include <sys/wait.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "system/clock.hpp"
#include "system/proc_file.hpp"
#include "system/stop.hpp"
#include "system/tracing.hpp"

namespace leakline {

namespace {

// A main thread that has ended stays listed for as long as others run.
bool has_ended(int pid, int thread, const SystemRoots& roots) {
    const auto text = read_small_file(fmt::format("{}/{}/task/{}/stat", roots.proc, pid, thread));
    const auto stat = text ? parse_stat(*text) : std::nullopt;
    if (thread != pid) return leakline::has_ended(stat);
    return stat && stat->state == 'Z' && stat->threads > 1;
}

}  // namespace

StoppedThread stopped_thread(int id, std::string_view registers) {
    StoppedThread thread;
    thread.id = id;
    user_regs_struct values{};
    if (registers.size() < sizeof values) return thread;
    std::memcpy(&values, registers.data(), sizeof values);
#if defined(__x86_64__)
    thread.registers = {values.rax, values.rdx, values.rcx, values.rbx, values.rsi, values.rdi, values.rbp, values.rsp, values.r8,
                        values.r9,  values.r10, values.r11, values.r12, values.r13, values.r14, values.r15, values.rip};
    thread.stack_pointer = values.rsp;
    thread.thread_pointer = values.fs_base;
#elif defined(__aarch64__)
    thread.registers.assign(values.regs, values.regs + 31);
    thread.registers.push_back(values.sp);
    thread.registers.push_back(values.pc);
    thread.stack_pointer = values.sp;
#endif
    return thread;
}

StoppedProcess::StoppedProcess(int pid, Nanoseconds patience, const SystemRoots& roots) : pid_(pid) {
    since_ = system_clock().monotonic();
    const Nanoseconds deadline = since_ + patience;
    try {
        // A thread that still runs can start another meanwhile: until there is no new one.
        for (bool more = true; more;) {
            more = false;
            const std::vector<int> ids = thread_ids(pid, roots);
            if (ids.empty()) refuse_tracing(pid, ESRCH, roots);
            for (const int id : ids) {
                const auto known = [&](const Seized& thread) { return thread.id == id; };
                if (std::any_of(seized_.begin(), seized_.end(), known)) continue;
                if (!seize(id)) {
                    const int reason = errno;
                    if (has_ended(pid, id, roots)) continue;
                    refuse_tracing(pid, reason, roots);
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
        user_regs_struct values{};
        iovec into{&values, sizeof values};
        const bool known = ::ptrace(PTRACE_GETREGSET, seized.id, NT_PRSTATUS, &into) == 0;
        StoppedThread thread = stopped_thread(seized.id, {reinterpret_cast<const char*>(&values), known ? sizeof values : 0});
#if defined(__aarch64__)
        iovec pointer{&thread.thread_pointer, sizeof thread.thread_pointer};
        if (known) ::ptrace(PTRACE_GETREGSET, seized.id, NT_ARM_TLS, &pointer);
#endif
        threads_.push_back(std::move(thread));
    }
}

namespace {

// epoll_wait, recv with a timeout and a few others return EINTR after a stop (signal(7)), which many programs take for an error.
void continue_system_call([[maybe_unused]] int thread) {
#ifdef __x86_64__
    user_regs_struct registers{};
    if (::ptrace(PTRACE_GETREGS, thread, nullptr, &registers) != 0 || registers.orig_rax == kNoSystemCall) return;
    if (static_cast<std::int64_t>(registers.rax) != -EINTR) return;
    registers.rax = static_cast<std::uint64_t>(kRestartNoHandler);
    ::ptrace(PTRACE_SETREGS, thread, nullptr, &registers);
#endif
}

}  // namespace

void StoppedProcess::release() {
    for (const Seized& thread : seized_) {
        if (!thread.stopped) {
            // Only a stopped thread can be let go. Where it stops later, the end of the calling thread lets it go.
            int status = 0;
            if (::waitpid(thread.id, &status, WNOHANG | __WALL) != thread.id || !WIFSTOPPED(status)) continue;
        }
        if (thread.signal == 0) continue_system_call(thread.id);
        ::ptrace(PTRACE_DETACH, thread.id, nullptr, reinterpret_cast<void*>(static_cast<std::uintptr_t>(thread.signal)));
    }
    seized_.clear();
}

}  // namespace leakline
