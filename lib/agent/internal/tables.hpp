// What the recording of blocks, descriptors and threads has in common: the lock of the tables, and stacks.
#pragma once

#include <errno.h>

#include <cstddef>
#include <cstdint>

#include "agent/internal/agent.hpp"
#include "agent/internal/floating_point.hpp"
#include "agent/internal/segment_view.hpp"
#include "agent/internal/thread_state.hpp"

namespace leakline::agent {

// While it exists, this thread is inside the agent: a signal handler of the program records nothing, and its frees follow at the end.
class Inside {
  public:
    explicit Inside(ThreadState& thread) : thread_(thread) { thread.busy = true; }
    ~Inside() {
        asm volatile("" : : : "memory");
        thread_.busy = false;
        while (thread_.deferred_count > 0) {
            void* const block = thread_.deferred[--thread_.deferred_count];
            SampledBlock was;
            forget(block, was);
        }
    }

  private:
    ThreadState& thread_;
};

// Holds the lock, if the agent is on.
class LockedTables {
  public:
    LockedTables();
    ~LockedTables();
    LockedTables(const LockedTables&) = delete;
    LockedTables& operator=(const LockedTables&) = delete;
    explicit operator bool() const { return locked_; }

  private:
    bool locked_ = false;
};

// Calls f with the tables locked, unless this thread is inside the agent already. Keeps errno and the program's floating-point state.
template <class F>
void with_tables(F f) {
    const int error = errno;
    if (ThreadState& thread = thread_state; !thread.busy) {
        const Inside inside(thread);
        const OwnFloatingPoint floating_point;
        if (const LockedTables locked; locked) f();
    }
    errno = error;
}

// The stack of a call of a hook, in the thread's frames.
struct CapturedStack {
    const void* python_frame;
    unsigned depth;
};
// frame: as in record().
CapturedStack capture(ThreadState& thread, const void* frame);
// Its index in the table. With the lock.
std::uint32_t put_stack(ThreadState& thread, CapturedStack& captured);

// Whether descriptors and threads of this process are recorded. A process that has the memory of this one (vfork) has descriptors of its own. Of
// a forked child, in which the agent has not begun: begins when it is called often, as most children call exec soon.
bool records_resources();
// The same, but never begins.
bool has_recorded_resources();
// Whether the agent is on, in this process or in one whose memory this one has.
bool is_recording();
// The program is in a sandbox: the agent makes no system call that it need not make.
bool is_sandboxed();

// Attached to a running program: the segment is unmapped when recording ends, and may be used with the lock only.
bool segment_may_go();

// Descriptors and threads (resources.cpp). With the lock, or before the agent is on.
void begin_resources(const SegmentView& segment, bool all_there);
void last_request_of_resources(std::size_t bytes);

}  // namespace leakline::agent
