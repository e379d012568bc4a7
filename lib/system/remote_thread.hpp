// A thread of another process that is made to call functions there (ptrace(2), x86-64). Only this thread stops; no code is written.
//
// A call looks to the thread like a signal's handler: below its stack pointer stands a frame as the kernel writes it for a signal, with the
// thread's registers and signal mask, and the function returns to the C library's rt_sigreturn(2). So if this process is killed during a
// call, the thread finishes the function and goes on as before. An interrupted system call goes on too: it is made again.
//
// Thread-safety: made, used and destroyed by one thread, which is the tracer.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <memory>
#include <optional>
#include <string_view>
#include <vector>

#include "base/quantities.hpp"
#include "system/procfs.hpp"

namespace leakline {

// mov $15, %rax; syscall: where handlers return to. To be found in the C library of the process.
inline constexpr std::string_view kSignalReturnCode{"\x48\xc7\xc0\x0f\0\0\0\x0f\x05", 9};

// Threads that wait in a system call which holds no lock of an allocator or a loader, best first: never futex, which may be such a lock.
// Only those whose stack has room for a small call.
std::vector<int> waiting_threads(int pid, const SystemRoots& roots = {});

class RemoteThread {
  public:
    struct SystemCall {
        long number = 0, result = 0;  // result: as the kernel gives it, -errno on failure
    };

    // Stops the thread of process pid if it still waits; nothing if it went on. signal_return: the address of kSignalReturnCode. Throws Error{system}
    // if it may not be traced (refuse_tracing), or if this is another kind of machine.
    static std::optional<RemoteThread> stop(int pid, int thread, std::uint64_t signal_return);
    ~RemoteThread();  // as release()
    RemoteThread(RemoteThread&&) noexcept;
    RemoteThread& operator=(RemoteThread&&) noexcept;

    // Calls a function with up to six arguments, all signals blocked, and returns the system calls that it made. Its result is not known.
    // Throws Error{system} if the thread ends, the function crashes, or it takes longer than kPatience; the thread then goes on as
    // if it had not been called.
    std::vector<SystemCall> call(std::uint64_t function, std::initializer_list<std::uint64_t> arguments);
    static constexpr Nanoseconds kPatience = std::chrono::seconds(3);

    // Further calls use this stack, which ends at `top`. The thread's own may be small: a first call must use little of it.
    void use_stack(std::uint64_t top);
    // The thread that the last call has started; 0: none. It stands still until take_started().
    int started() const;
    // Lets it run until it makes one of these system calls, which is then left out. All its signals are blocked.
    static RemoteThread take_started(int pid, int thread, std::uint64_t signal_return, std::initializer_list<long> system_calls);

    // Calls a function and lets the thread go at once: it goes on after the function has returned.
    void call_and_release(std::uint64_t function, std::initializer_list<std::uint64_t> arguments);
    // Lets the thread go on as if nothing had been called.
    void release();

  private:
    struct State;
    explicit RemoteThread(std::unique_ptr<State> state);
    std::unique_ptr<State> state_;
};

}  // namespace leakline
