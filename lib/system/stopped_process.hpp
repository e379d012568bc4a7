// Another process, with all of its threads stopped for as long as this object lives.
//
// By ptrace and not by SIGSTOP: the kernel lets the threads go when the thread that stopped them ends, however that happens, SIGKILL
// included. A process that something else has stopped stays stopped afterwards. On x86-64, a thread that
// waits in epoll_wait, recv with a timeout and a few others makes the call again; elsewhere it can see EINTR, as after any stop (signal(7)).
//
// Thread-safety: made, used and destroyed by one thread: only the one that attached may ask. That thread should end soon
// afterwards: a thread of the process that could not be stopped in time is let go only then.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/quantities.hpp"
#include "system/procfs.hpp"

namespace leakline {

struct StoppedThread {
    int id = 0;
    // By DWARF numbers: x86-64: rax rdx rcx rbx rsi rdi rbp rsp r8 to r15 rip; AArch64: x0 to x30, sp, pc.
    std::vector<std::uint64_t> registers;
    std::uint64_t stack_pointer = 0, thread_pointer = 0;  // thread_pointer: where its thread-local storage is
};

// registers: as the kernel gives them (NT_PRSTATUS), for this kind of machine; without them if there are too few bytes. AArch64 has the thread
// pointer elsewhere.
StoppedThread stopped_thread(int id, std::string_view registers);

class StoppedProcess {
  public:
    // Throws Error{system} if the process is not there or may not be traced, or if it is traced already, with what to do. Threads that do
    // not stop within patience (they wait in the kernel for a device) run on and are counted.
    explicit StoppedProcess(int pid, Nanoseconds patience, const SystemRoots& roots = {});
    ~StoppedProcess();
    StoppedProcess(const StoppedProcess&) = delete;
    StoppedProcess& operator=(const StoppedProcess&) = delete;

    const std::vector<StoppedThread>& threads() const { return threads_; }
    std::size_t running() const { return running_; }
    Nanoseconds since() const { return since_; }  // by the monotonic clock: when the first thread was asked to stop

  private:
    struct Seized {
        int id = 0;
        bool stopped = false;
        int signal = 0;  // it stopped before a signal, which it gets when it goes on
    };
    bool seize(int thread);
    void wait_for_stops(Nanoseconds deadline);
    void read_registers();
    void release();

    int pid_;
    std::vector<Seized> seized_;
    std::vector<StoppedThread> threads_;
    std::size_t running_ = 0;
    Nanoseconds since_{};
};

}  // namespace leakline
