#include "system/remote_thread.hpp"

#include <fmt/format.h>

#include "base/error.hpp"

#if defined(__x86_64__)

#include <elf.h>
#include <sched.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <ucontext.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <cstddef>
#include <cstring>
#include <utility>

#include "system/clock.hpp"
#include "system/loaded_object.hpp"
#include "system/mappings.hpp"
#include "system/proc_file.hpp"
#include "system/stop.hpp"
#include "system/tracing.hpp"

namespace leakline {

namespace {

using Registers = user_regs_struct;

constexpr std::uint64_t kRedZone = 128, kRoomOnStack = 8192;
// What the kernel has put into rax where a stop has interrupted a system call (include/linux/errno.h). It makes the call again as each says.
constexpr std::int64_t kRestartSystem = -512, kRestartNoInterrupt = -513, kRestartBlock = -516;

// How long another thread has waited there does not matter, but these come back soon, perhaps within a lock's spinning.
constexpr std::uint64_t kShortestSleep_ns = 10'000'000;

// 0: the best. Nothing: not harmless.
std::optional<int> rank_of(long number) {
    switch (number) {
        case SYS_epoll_wait:
        case SYS_epoll_pwait:
        case SYS_epoll_pwait2:
        case SYS_poll:
        case SYS_ppoll:
        case SYS_select:
        case SYS_pselect6:
        case SYS_accept:
        case SYS_accept4:
        case SYS_wait4:
        case SYS_waitid:
        case SYS_pause:
        case SYS_rt_sigsuspend:
        case SYS_rt_sigtimedwait: return 0;
        case SYS_recvfrom:
        case SYS_recvmsg: return 1;
        case SYS_read: return 2;
        case SYS_clock_nanosleep:
        case SYS_nanosleep: return 3;
        default: return std::nullopt;
    }
}

// The system call that a thread is in. After a stop, the kernel goes on with some as restart_syscall(2): then by the instructions before,
// mov $NUMBER, %eax; syscall. -1: not known.
long number_of(int pid, long number, std::uint64_t ip) {
    if (number != SYS_restart_syscall) return number;
    std::array<unsigned char, 7> code{};
    if (!read_memory(pid, ip - code.size(), code.data(), code.size()) || code[0] != 0xb8 || code[5] != 0x0f || code[6] != 0x05) return -1;
    std::int32_t made = 0;
    std::memcpy(&made, &code[1], sizeof made);
    return made;
}

bool sleeps_long(int pid, const WaitingCall& waiting) {
    constexpr std::uint64_t kAbsolute = 1;  // TIMER_ABSTIME
    const bool by_clock = number_of(pid, waiting.number, waiting.instruction) == SYS_clock_nanosleep;
    if (by_clock && (waiting.arguments[1] & kAbsolute) != 0) return true;
    std::uint64_t time[2];
    return read_memory(pid, waiting.arguments[by_clock ? 2 : 0], time, sizeof time) && (time[0] != 0 || time[1] >= kShortestSleep_ns);
}

// The kernel extends the first thread's stack when needed.
bool has_room(const std::vector<Mapping>& mappings, std::uint64_t stack) {
    return std::any_of(mappings.begin(), mappings.end(), [&](const Mapping& mapping) {
        return mapping.writable && mapping.begin <= stack && stack < mapping.end &&
               (mapping.path == "[stack]" || stack - mapping.begin >= kRoomOnStack);
    });
}

bool is_restarted(std::int64_t result) {
    return result == kRestartSystem || result == kRestartNoInterrupt || result == kRestartNoHandler || result == kRestartBlock;
}

// Signals of the processor stay unblocked, and two of the C library's own: setuid(2) waits for all threads to handle one of them.
std::uint64_t blocked_mask() {
    std::uint64_t mask = ~std::uint64_t{0};
    constexpr int kCancel = 32, kSetUser = 33;
    for (const int signal : {SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGTRAP, kCancel, kSetUser}) mask &= ~(std::uint64_t{1} << (signal - 1));
    return mask;
}

// What rt_sigreturn reads (arch/x86/include/asm/sigframe.h), and the x87 and SSE registers.
struct Frame {
    std::uint64_t return_address;
    std::array<std::byte, offsetof(ucontext_t, uc_sigmask) + sizeof(std::uint64_t)> context;
};

// A thread that is ours but was not made use of: it goes on.
void let_go(int thread) {
    ::ptrace(PTRACE_INTERRUPT, thread, nullptr, nullptr);
    for (int tries = 0; tries < 100; ++tries) {
        int status = 0;
        const pid_t changed = ::waitpid(thread, &status, WNOHANG | __WALL);
        if (changed != 0) break;
        sleep_for({}, std::chrono::milliseconds(1));
    }
    ::ptrace(PTRACE_DETACH, thread, nullptr, nullptr);
}

}  // namespace

std::vector<int> waiting_threads(int pid, const SystemRoots& roots) {
    const std::string folder = fmt::format("{}/{}", roots.proc, pid);
    std::optional<std::vector<Mapping>> mappings;  // only where a thread waits: reading them takes the process's lock of its memory
    std::vector<std::pair<int, int>> ranked;
    for (const int thread : thread_ids(pid, roots)) {
        const auto text = read_small_file(fmt::format("{}/task/{}/syscall", folder, thread));
        const auto waiting = text ? parse_waiting_call(*text) : std::nullopt;
        const long number = waiting ? number_of(pid, waiting->number, waiting->instruction) : -1;
        const auto rank = rank_of(number);
        if (!rank) continue;
        if (!mappings) mappings = parse_mappings(read_small_file(folder + "/maps").value_or(""));
        if (!has_room(*mappings, waiting->stack)) continue;
        const bool sleeps = number == SYS_nanosleep || number == SYS_clock_nanosleep;
        if (!sleeps || sleeps_long(pid, *waiting)) ranked.emplace_back(*rank, thread);
    }
    std::stable_sort(ranked.begin(), ranked.end(), [](const auto& a, const auto& b) { return a.first < b.first; });
    std::vector<int> threads;
    for (const auto& [rank, thread] : ranked) threads.push_back(thread);
    return threads;
}

struct RemoteThread::State {
    int pid, thread;
    std::uint64_t signal_return;
    Registers saved{}, fallback{};  // fallback: where it goes on if the calls end without us
    std::uint64_t mask = 0, stack = 0;
    std::array<std::byte, sizeof(user_fpregs_struct)> floating_point{};
    std::vector<std::byte> extended;  // all of the processor's vector registers
    int started = 0;
    bool masked = false;
    bool stopped = true;
    bool in_system_call = false;  // stopped at the entry of one, which is not to be made
    bool crashed = false;
    bool ours = false;  // it exists for these calls only

    State(int process, int of_thread, std::uint64_t signal_return_at) : pid(process), thread(of_thread), signal_return(signal_return_at) {}

    [[noreturn]] void fail(const std::string& what) const { throw Error(ErrorKind::system, fmt::format("process {}", pid), what); }
    bool request(int what, void* value) const { return ::ptrace(static_cast<__ptrace_request>(what), thread, nullptr, value) == 0; }
    bool request_sized(int what, std::uint64_t size, void* value) const {
        return ::ptrace(static_cast<__ptrace_request>(what), thread, size, value) >= 0;  // PTRACE_GET_SYSCALL_INFO returns a size
    }
    bool set(const Registers& registers) const { return request(PTRACE_SETREGS, const_cast<Registers*>(&registers)); }
    bool set_mask(std::uint64_t value) const { return request_sized(PTRACE_SETSIGMASK, sizeof value, &value); }

    // PTRACE_SYSCALL, PTRACE_CONT or PTRACE_DETACH, with a signal for the thread; 0: none.
    bool resume(int what, int signal) const {
        return ::ptrace(static_cast<__ptrace_request>(what), thread, nullptr,
                        reinterpret_cast<void*>(static_cast<std::intptr_t>(signal))) == 0;
    }
    std::optional<int> wait(Nanoseconds deadline) const;
    int wait_for_stop(Nanoseconds deadline) const;
    int step(int signal, Nanoseconds deadline);
    void save();
    Registers prepare(std::uint64_t function, std::initializer_list<std::uint64_t> arguments);
    void run(std::vector<SystemCall>& made, std::uint64_t frame, Nanoseconds deadline);
    void run_to(std::initializer_list<long> system_calls, Nanoseconds deadline);
    void go_on();
    void abandon();
};

// Its status when it stops or ends; nothing at the deadline. Stops come within microseconds: first without sleeping.
std::optional<int> RemoteThread::State::wait(Nanoseconds deadline) const {
    const Nanoseconds start = system_clock().monotonic();
    constexpr Nanoseconds kSpin = std::chrono::milliseconds(1);
    for (;;) {
        int status = 0;
        const pid_t changed = ::waitpid(thread, &status, WNOHANG | __WALL);
        if (changed == thread) return status;
        if (changed < 0 && errno != EINTR) return 0;  // "exited"
        const Nanoseconds now = system_clock().monotonic();
        if (now > deadline) return std::nullopt;
        if (now - start < kSpin)
            ::sched_yield();
        else
            sleep_for({}, std::chrono::microseconds(50));
    }
}

int RemoteThread::State::wait_for_stop(Nanoseconds deadline) const {
    const auto status = wait(deadline);
    if (!status) fail("a call in it takes too long");
    if (!WIFSTOPPED(*status)) fail("ended during the attach");
    return *status;
}

// To its next stop, at a system call's entry or exit or before.
int RemoteThread::State::step(int signal, Nanoseconds deadline) {
    if (!resume(PTRACE_SYSCALL, signal)) fail("ended during the attach");
    stopped = in_system_call = false;
    const int status = wait_for_stop(deadline);
    stopped = true;
    return status;
}

void RemoteThread::State::save() {
    if (!request(PTRACE_GETREGS, &saved) || !request_sized(PTRACE_GETSIGMASK, sizeof mask, &mask) ||
        !request(PTRACE_GETFPREGS, floating_point.data()))
        fail("its registers cannot be read");
    extended.resize(1 << 16);
    iovec all{extended.data(), extended.size()};
    if (::ptrace(PTRACE_GETREGSET, thread, NT_X86_XSTATE, &all) == 0)
        extended.resize(all.iov_len);
    else
        extended.clear();
    // Not part of the registers, but of what sigreturn would take for the mark of a longer frame.
    constexpr std::size_t kSoftwareReserved = 464;
    std::fill(floating_point.begin() + kSoftwareReserved, floating_point.end(), std::byte{});
    stack = saved.rsp - kRedZone;
    fallback = saved;
    fallback.orig_rax = kNoSystemCall;
    constexpr std::uint64_t kInstruction = 2;  // bytes of `syscall`
    const auto result = static_cast<std::int64_t>(saved.rax);
    if (saved.orig_rax != kNoSystemCall && (is_restarted(result) || result == -EINTR)) {
        fallback.rip -= kInstruction;
        fallback.rax = static_cast<std::uint64_t>(number_of(pid, static_cast<long>(saved.orig_rax), saved.rip));
    }
    // For the C library, epoll_wait and others end when the thread stops; for the program, nothing has happened.
    if (result == -EINTR) saved.rax = static_cast<std::uint64_t>(kRestartNoHandler);
}

// Writes the frame, and returns the registers at the function's entry.
Registers RemoteThread::State::prepare(std::uint64_t function, std::initializer_list<std::uint64_t> arguments) {
    const std::uint64_t vectors = (stack - floating_point.size()) & ~std::uint64_t{63};
    const std::uint64_t at = ((vectors - sizeof(Frame)) & ~std::uint64_t{15}) - 8;
    ucontext_t context{};
    constexpr unsigned long kStrictSegments = 6;  // UC_SIGCONTEXT_SS | UC_STRICT_RESTORE_SS
    context.uc_flags = kStrictSegments;
    const Registers& r = fallback;
    const unsigned long long values[] = {r.r8,
                                         r.r9,
                                         r.r10,
                                         r.r11,
                                         r.r12,
                                         r.r13,
                                         r.r14,
                                         r.r15,
                                         r.rdi,
                                         r.rsi,
                                         r.rbp,
                                         r.rbx,
                                         r.rdx,
                                         r.rax,
                                         r.rcx,
                                         r.rsp,
                                         r.rip,
                                         r.eflags,
                                         r.cs | r.ss << 48};
    for (std::size_t i = 0; i < std::size(values); ++i) context.uc_mcontext.gregs[i] = static_cast<long long>(values[i]);
    context.uc_mcontext.fpregs = reinterpret_cast<fpregset_t>(vectors);
    std::memcpy(&context.uc_sigmask, &mask, sizeof mask);
    std::vector<std::byte> bytes(vectors + floating_point.size() - at);
    std::memcpy(bytes.data() + offsetof(Frame, return_address), &signal_return, sizeof signal_return);
    std::memcpy(bytes.data() + offsetof(Frame, context), &context, sizeof(Frame::context));
    std::memcpy(bytes.data() + (vectors - at), floating_point.data(), floating_point.size());
    if (!write_memory(pid, at, bytes.data(), bytes.size())) fail("its stack cannot be written");
    Registers entry = fallback;
    unsigned long long* const registers[] = {&entry.rdi, &entry.rsi, &entry.rdx, &entry.rcx, &entry.r8, &entry.r9};
    std::size_t i = 0;
    for (const std::uint64_t argument : arguments) *registers[i++] = argument;
    constexpr unsigned long long kTrap = 0x100, kDirection = 0x400;
    entry.eflags &= ~(kTrap | kDirection);
    entry.rip = function;
    entry.rsp = at;
    entry.rax = 0;
    entry.orig_rax = kNoSystemCall;
    return entry;
}

// Until it makes the call of rt_sigreturn with this frame.
void RemoteThread::State::run(std::vector<SystemCall>& made, std::uint64_t frame, Nanoseconds deadline) {
    long entered = -1;
    int deliver = 0;
    for (;;) {
        const int status = step(std::exchange(deliver, 0), deadline), signal = WSTOPSIG(status);
        if (status >> 16 == PTRACE_EVENT_CLONE) {
            unsigned long id = 0;
            if (request(PTRACE_GETEVENTMSG, &id)) started = static_cast<int>(id);
        } else if (signal == (SIGTRAP | 0x80)) {
            __ptrace_syscall_info info{};
            if (!request_sized(PTRACE_GET_SYSCALL_INFO, sizeof info, &info)) fail("its system calls cannot be seen");
            if (info.op == PTRACE_SYSCALL_INFO_ENTRY) {
                entered = static_cast<long>(info.entry.nr);
                if (entered == SYS_rt_sigreturn && info.stack_pointer == frame + 8) {
                    in_system_call = true;
                    return;
                }
            } else if (info.op == PTRACE_SYSCALL_INFO_EXIT && entered >= 0) {
                made.push_back({entered, static_cast<long>(info.exit.rval)});
                entered = -1;
            }
        } else if (status >> 16 == 0) {
            crashed = signal == SIGSEGV || signal == SIGBUS || signal == SIGILL || signal == SIGFPE;
            if (crashed) fail("a call in it has failed");
            deliver = signal;
        }
    }
}

// Stopped anywhere: continues as saved. Every step leaves it in a state in which it can go on without us.
void RemoteThread::State::go_on() {
    if (masked) set_mask(mask);
    if (in_system_call || (ours && crashed)) set(fallback);
    if (in_system_call && !ours) {
        // To a stop as the first one was: there, the kernel makes interrupted system calls again.
        ::ptrace(PTRACE_INTERRUPT, thread, nullptr, nullptr);
        ::ptrace(PTRACE_CONT, thread, nullptr, nullptr);
        const auto status = wait(system_clock().monotonic() + kPatience);
        if (!status || !WIFSTOPPED(*status)) return;
        if (*status >> 16 != PTRACE_EVENT_STOP) {  // a signal came first
            resume(PTRACE_DETACH, WSTOPSIG(*status));
            return;
        }
    }
    if (!ours) {
        iovec all{extended.data(), extended.size()};
        if (!extended.empty()) ::ptrace(PTRACE_SETREGSET, thread, NT_X86_XSTATE, &all);
        set(saved);
    }
    ::ptrace(PTRACE_DETACH, thread, nullptr, nullptr);
}

// A call did not come back: it has crashed, or waits for a lock, which is safe to leave. A thread of our own finishes by itself.
void RemoteThread::State::abandon() {
    if (!stopped) {
        ::ptrace(PTRACE_INTERRUPT, thread, nullptr, nullptr);
        const auto status = wait(system_clock().monotonic() + std::chrono::milliseconds(100));
        stopped = status && WIFSTOPPED(*status);
    }
    if (stopped) go_on();
    if (started != 0) let_go(started);
}

RemoteThread::RemoteThread(std::unique_ptr<State> state) : state_(std::move(state)) {}
RemoteThread::RemoteThread(RemoteThread&&) noexcept = default;
RemoteThread& RemoteThread::operator=(RemoteThread&& other) noexcept {
    release();
    state_ = std::move(other.state_);
    return *this;
}
RemoteThread::~RemoteThread() { release(); }

std::optional<RemoteThread> RemoteThread::stop(int pid, int thread, std::uint64_t signal_return) {
    if (::ptrace(PTRACE_SEIZE, thread, nullptr, nullptr) != 0) {
        const int reason = errno;
        if (reason == ESRCH) return std::nullopt;
        refuse_tracing(pid, reason);
    }
    ::ptrace(PTRACE_INTERRUPT, thread, nullptr, nullptr);
    auto state = std::make_unique<State>(pid, thread, signal_return);
    const Nanoseconds deadline = system_clock().monotonic() + kPatience;
    for (;;) {
        const int status = state->wait_for_stop(deadline);
        if (status >> 16 == PTRACE_EVENT_STOP) break;
        state->resume(PTRACE_CONT, status >> 16 == 0 ? WSTOPSIG(status) : 0);
    }
    Registers now{};
    if (!state->request(PTRACE_GETREGS, &now) || !rank_of(number_of(pid, static_cast<long>(now.orig_rax), now.rip))) {
        ::ptrace(PTRACE_DETACH, thread, nullptr, nullptr);
        return std::nullopt;
    }
    RemoteThread stopped(std::move(state));
    stopped.state_->save();
    // Not before it stands still: a thread that it starts by itself would be ours as well.
    constexpr long kOptions = PTRACE_O_TRACESYSGOOD | PTRACE_O_TRACECLONE;
    if (::ptrace(PTRACE_SETOPTIONS, thread, nullptr, kOptions) != 0) stopped.state_->fail("ended during the attach");
    return stopped;
}

std::vector<RemoteThread::SystemCall> RemoteThread::call(std::uint64_t function, std::initializer_list<std::uint64_t> arguments) {
    State& state = *state_;
    std::vector<SystemCall> made;
    const Registers entry = state.prepare(function, arguments);
    if (!state.set(entry)) state.fail("ended during the attach");
    if (!state.masked) state.masked = state.set_mask(blocked_mask());
    try {
        state.run(made, entry.rsp, system_clock().monotonic() + kPatience);
    } catch (const Error&) {
        state.abandon();
        state_.reset();
        throw;
    }
    return made;
}

void RemoteThread::use_stack(std::uint64_t top) { state_->stack = top; }

int RemoteThread::started() const { return state_->started; }

RemoteThread RemoteThread::take_started(int pid, int thread, std::uint64_t signal_return, std::initializer_list<long> system_calls) {
    auto state = std::make_unique<State>(pid, thread, signal_return);
    state->ours = true;
    const Nanoseconds deadline = system_clock().monotonic() + kPatience;
    try {
        state->run_to(system_calls, deadline);
    } catch (const Error&) {
        let_go(thread);
        throw;
    }
    return RemoteThread(std::move(state));
}

// From its first stop until it is about to make one of these calls.
void RemoteThread::State::run_to(std::initializer_list<long> system_calls, Nanoseconds deadline) {
    wait_for_stop(deadline);
    for (int deliver = 0;;) {
        const int status = step(deliver, deadline);
        deliver = status >> 16 == 0 && WSTOPSIG(status) != (SIGTRAP | 0x80) ? WSTOPSIG(status) : 0;
        __ptrace_syscall_info info{};
        if (WSTOPSIG(status) != (SIGTRAP | 0x80) || !request_sized(PTRACE_GET_SYSCALL_INFO, sizeof info, &info) ||
            info.op != PTRACE_SYSCALL_INFO_ENTRY)
            continue;
        const auto entered = static_cast<long>(info.entry.nr);
        if (std::find(system_calls.begin(), system_calls.end(), entered) != system_calls.end()) break;
    }
    save();
    in_system_call = true;
    fallback = saved;
    fallback.rax = 0;  // as if the call had been made
    fallback.orig_rax = kNoSystemCall;
}

void RemoteThread::call_and_release(std::uint64_t function, std::initializer_list<std::uint64_t> arguments) {
    State& state = *state_;
    const Registers entry = state.prepare(function, arguments);
    const std::unique_ptr<State> gone = std::move(state_);
    if (!state.set(entry) || ::ptrace(PTRACE_DETACH, state.thread, nullptr, nullptr) != 0) state.fail("ended during the attach");
}

void RemoteThread::release() {
    if (state_) state_->go_on();
    state_.reset();
}

}  // namespace leakline

#else

namespace leakline {

struct RemoteThread::State {};

std::vector<int> waiting_threads(int, const SystemRoots&) { return {}; }
RemoteThread::RemoteThread(std::unique_ptr<State> state) : state_(std::move(state)) {}
RemoteThread::RemoteThread(RemoteThread&&) noexcept = default;
RemoteThread& RemoteThread::operator=(RemoteThread&&) noexcept = default;
RemoteThread::~RemoteThread() = default;
std::optional<RemoteThread> RemoteThread::stop(int pid, int, std::uint64_t) {
    throw Error(ErrorKind::system, fmt::format("process {}", pid), "attaching is implemented for x86-64 only");
}
std::vector<RemoteThread::SystemCall> RemoteThread::call(std::uint64_t, std::initializer_list<std::uint64_t>) { return {}; }
void RemoteThread::use_stack(std::uint64_t) {}
int RemoteThread::started() const { return 0; }
RemoteThread RemoteThread::take_started(int, int, std::uint64_t, std::initializer_list<long>) { return RemoteThread(nullptr); }
void RemoteThread::call_and_release(std::uint64_t, std::initializer_list<std::uint64_t>) {}
void RemoteThread::release() {}

}  // namespace leakline

#endif
