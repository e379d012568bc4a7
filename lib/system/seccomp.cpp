#include "system/seccomp.hpp"

#include <signal.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>

#include "system/clock.hpp"
#include "system/stop.hpp"

namespace leakline {

namespace {

// As the kernel's struct seccomp_data: where a filter may read.
constexpr std::uint32_t kInstructionPointer = offsetof(seccomp_data, instruction_pointer);

class Machine {
  public:
    Machine(std::span<const sock_filter> program, const seccomp_data& call) : program_(program), call_(call) {}

    std::optional<std::uint32_t> run() {
        // Jumps go forward only, so each instruction runs once at most.
        while (at_ < program_.size()) {
            const sock_filter& now = program_[at_++];
            switch (BPF_CLASS(now.code)) {
                case BPF_LD:
                    if (!load(now, a_)) return std::nullopt;
                    break;
                case BPF_LDX:
                    if (BPF_MODE(now.code) == BPF_ABS || !load(now, x_)) return std::nullopt;
                    break;
                case BPF_ST:
                case BPF_STX:
                    if (now.k >= memory_.size()) return std::nullopt;
                    memory_[now.k] = BPF_CLASS(now.code) == BPF_ST ? a_ : x_;
                    break;
                case BPF_ALU:
                    if (!calculate(now)) return std::nullopt;
                    break;
                case BPF_JMP:
                    if (!jump(now)) return std::nullopt;
                    break;
                case BPF_RET: return BPF_RVAL(now.code) == BPF_A ? a_ : now.k;
                case BPF_MISC:
                    if (BPF_MISCOP(now.code) == BPF_TAX)
                        x_ = a_;
                    else
                        a_ = x_;
                    break;
                default: return std::nullopt;
            }
        }
        return std::nullopt;
    }

  private:
    bool load(const sock_filter& now, std::uint32_t& to) const {
        switch (BPF_MODE(now.code)) {
            case BPF_IMM: to = now.k; return true;
            case BPF_LEN: to = sizeof call_; return true;
            case BPF_MEM:
                if (now.k >= memory_.size()) return false;
                to = memory_[now.k];
                return true;
            case BPF_ABS:
                // From where the call will come is not known.
                if (now.k % sizeof to != 0 || now.k > sizeof call_ - sizeof to) return false;
                if (now.k >= kInstructionPointer && now.k < kInstructionPointer + sizeof call_.instruction_pointer) return false;
                std::memcpy(&to, reinterpret_cast<const char*>(&call_) + now.k, sizeof to);
                return true;
            default: return false;
        }
    }

    std::uint32_t operand(const sock_filter& now) const { return BPF_SRC(now.code) == BPF_X ? x_ : now.k; }

    bool calculate(const sock_filter& now) {
        const std::uint32_t by = operand(now);
        switch (BPF_OP(now.code)) {
            case BPF_ADD: a_ += by; return true;
            case BPF_SUB: a_ -= by; return true;
            case BPF_MUL: a_ *= by; return true;
            case BPF_AND: a_ &= by; return true;
            case BPF_OR: a_ |= by; return true;
            case BPF_XOR: a_ ^= by; return true;
            case BPF_NEG: a_ = 0 - a_; return true;
            case BPF_LSH: a_ = by < 32 ? a_ << by : 0; return true;
            case BPF_RSH: a_ = by < 32 ? a_ >> by : 0; return true;
            case BPF_DIV: return by != 0 && (a_ /= by, true);
            case BPF_MOD: return by != 0 && (a_ %= by, true);
            default: return false;
        }
    }

    bool jump(const sock_filter& now) {
        const std::uint32_t by = operand(now);
        bool holds = false;
        switch (BPF_OP(now.code)) {
            case BPF_JA: at_ += now.k; return true;
            case BPF_JEQ: holds = a_ == by; break;
            case BPF_JGT: holds = a_ > by; break;
            case BPF_JGE: holds = a_ >= by; break;
            case BPF_JSET: holds = (a_ & by) != 0; break;
            default: return false;
        }
        at_ += holds ? now.jt : now.jf;
        return true;
    }

    std::span<const sock_filter> program_;
    const seccomp_data& call_;
    std::size_t at_ = 0;
    std::uint32_t a_ = 0, x_ = 0;
    std::array<std::uint32_t, BPF_MEMWORDS> memory_{};
};

}  // namespace

std::optional<std::vector<SeccompFilter>> seccomp_filters(int thread) {
    constexpr auto kGetFilter = static_cast<__ptrace_request>(0x420c);  // PTRACE_SECCOMP_GET_FILTER
    std::vector<SeccompFilter> filters;
    for (std::size_t i = 0;; ++i) {
        const long size = ::ptrace(kGetFilter, thread, i, nullptr);
        if (size < 0) return errno == ENOENT && i > 0 ? std::optional(std::move(filters)) : std::nullopt;
        SeccompFilter filter(static_cast<std::size_t>(size));
        if (::ptrace(kGetFilter, thread, i, filter.data()) != size) return std::nullopt;
        filters.push_back(std::move(filter));
    }
}

std::optional<std::uint32_t> run_filter(std::span<const sock_filter> program, const seccomp_data& call) {
    return Machine(program, call).run();
}

SeccompAnswer answer_of(std::span<const SeccompFilter> filters, const seccomp_data& call) {
    // By the kernel's order: as signed numbers, the strictest is the smallest.
    const auto action = [](std::uint32_t value) { return static_cast<std::int32_t>(value & SECCOMP_RET_ACTION_FULL); };
    std::int32_t strictest = action(SECCOMP_RET_ALLOW);
    for (const SeccompFilter& filter : filters)
        strictest = std::min(strictest, action(run_filter(filter, call).value_or(SECCOMP_RET_KILL_PROCESS)));
    if (strictest >= action(SECCOMP_RET_LOG)) return SeccompAnswer::allowed;
    return strictest == action(SECCOMP_RET_ERRNO) ? SeccompAnswer::fails : SeccompAnswer::dangerous;
}

#ifdef __x86_64__

namespace {

// The error number, or 0. What clone makes ends at once.
long call_and_end_others(const seccomp_data& call) {
    register std::uint64_t fourth asm("r10") = call.args[3];
    register std::uint64_t fifth asm("r8") = call.args[4];
    register std::uint64_t sixth asm("r9") = call.args[5];
    std::uint64_t result = static_cast<std::uint64_t>(call.nr);
    const std::uint64_t makes_another = call.nr == SYS_clone ? 1 : 0;
    asm volatile(
        "syscall\n\t"
        "test %%rax, %%rax\n\t"
        "jnz 1f\n\t"
        "test %[other], %[other]\n\t"
        "jz 1f\n\t"
        "mov %[exit], %%eax\n\t"
        "xor %%edi, %%edi\n\t"
        "syscall\n"
        "1:"
        : "+a"(result)
        : "D"(call.args[0]), "S"(call.args[1]), "d"(call.args[2]), "r"(fourth), "r"(fifth),
          "r"(sixth), [other] "b"(makes_another), [exit] "i"(SYS_exit)
        : "rcx", "r11", "memory");
    const auto value = static_cast<long>(result);
    if (value > 0 && makes_another != 0) ::syscall(SYS_wait4, value, nullptr, __WALL, nullptr);  // an orphan would be process 1's
    return value < 0 && value > -4096 ? -value : 0;
}

// False: another process may be deciding about the call (SECCOMP_RET_USER_NOTIF).
bool ends_soon(pid_t child, int& status) {
    const Nanoseconds deadline = system_clock().monotonic() + std::chrono::seconds(2);
    for (;;) {
        const pid_t ended = ::waitpid(child, &status, WNOHANG);
        if (ended != 0) return ended == child;
        if (system_clock().monotonic() > deadline) break;
        sleep_for({}, std::chrono::microseconds(100));
    }
    ::kill(child, SIGKILL);
    ::waitpid(child, &status, 0);
    return false;
}

}  // namespace

SeccompAnswer answer_to_us(const seccomp_data& call) {
    const pid_t child = ::fork();
    if (child == 0) {
        const rlimit none{0, 0};
        ::setrlimit(RLIMIT_CORE, &none);
        ::syscall(SYS_close, 0);
        ::syscall(SYS_close, 3);
        const long error = call_and_end_others(call);
        ::syscall(SYS_exit_group, error == EPERM || error == EACCES || error == ENOSYS ? 1 : 0);
    }
    int status = 0;
    if (child < 0 || !ends_soon(child, status)) return SeccompAnswer::dangerous;
    if (WIFEXITED(status)) return WEXITSTATUS(status) == 0 ? SeccompAnswer::allowed : SeccompAnswer::fails;
    // Some calls crash with such arguments.
    return WTERMSIG(status) == SIGSEGV ? SeccompAnswer::allowed : SeccompAnswer::dangerous;
}

#else

SeccompAnswer answer_to_us(const seccomp_data&) { return SeccompAnswer::dangerous; }

#endif

}  // namespace leakline
