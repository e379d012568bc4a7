// A process that outlives this one and cleans up when nothing else can: after SIGKILL (the OOM killer, a CI job's
// end, `timeout -s KILL`) it ends the programs that we have started, unless they are the user's own (leave_programs_running), and
// removes our temporary files and folders.
//
// PR_SET_PDEATHSIG would end a child when the *thread* that started it ends, reaches none of the child's own children, and
// removes no folder. The guard waits on a socket that the kernel closes however this process ends.
//
// A daemon that has left the groups of our programs (setsid) is known by a mark in the environment that it came from
// (LEAKLINE_GUARD), by guard_process(), or by descending from such a process.
//
// Thread-safety: one object, made before other threads and before any child or temporary folder.
#pragma once

#include <sys/mman.h>

#include <new>
#include <optional>

namespace leakline {

class Guard {
  public:
    // arguments: main's, so that lists of processes show the guard as one. Without a guard (no socket, no process) all works as
    // before.
    explicit Guard(char** arguments);
    ~Guard();  // lets it go: nothing is left to be cleaned up
    Guard(const Guard&) = delete;
    Guard& operator=(const Guard&) = delete;

  private:
    int alive_ = -1;  // our end of the socket
};

// From now on SIGKILL of us does not end what we have started: for commands whose program is the user's own and works on without
// us. A second signal still ends it. Call it before the program is started. Safe from any thread.
void leave_programs_running();

// The guard ends this process as well, wherever it goes: for one whose environment does not show (nginx writes its titles over
// it). It must be our child, so that its pid is its own until we have reaped it. At most 256 of them. Safe from any thread.
void guard_process(int pid);

// Whether this process was started by one that descends from us: its environment has our mark. Nothing where that cannot be told: no
// guard was made, or its environment is unreadable, empty or written over.
std::optional<bool> has_guard_mark(int pid);

// A table that the guard sees as we fill it in: memory that a fork shares. Never freed.
template <class Table>
Table& shared_with_guard() {
    void* memory = ::mmap(nullptr, sizeof(Table), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    return *(memory == MAP_FAILED ? new Table() : new (memory) Table());
}

}  // namespace leakline
