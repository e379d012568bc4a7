// The calls of the hooks of descriptors and threads.
#include <errno.h>
#include <sys/syscall.h>

#include <utility>

#include "agent/internal/descriptor_table.hpp"
#include "agent/internal/floating_point.hpp"
#include "agent/internal/tables.hpp"
#include "agent/internal/thread_table.hpp"
#include "unwind/system_call.hpp"

namespace leakline::agent {

namespace {

// Written as ProcessState is.
SegmentHeader* header;
constinit DescriptorTable descriptors;
constinit ThreadTable threads;
constinit ThreadStart starts[256] = {};

ThreadStart* free_start() {
    for (ThreadStart& start : starts)
        if (start.users.load(std::memory_order_acquire) == 0) return &start;
    return nullptr;
}
// That of a thread that has not begun.
ThreadStart* start_of(pthread_t handle) {
    for (ThreadStart& start : starts)
        if (start.users.load(std::memory_order_acquire) != 0 && !start.begun && start.handle == handle) return &start;
    return nullptr;
}

void close_recorded(unsigned first, unsigned last) {
    bool own = false;
    // Numbers are cleared without the lock; those of a child that has the parent's memory are not.
    for (unsigned number = first; number <= last && number < descriptors.used(); ++number) {
        if (!descriptors.has(number)) continue;
        own = own || has_recorded_resources();
        if (!own) return;
        descriptors.clear(number);
    }
}

}  // namespace

void begin_resources(const SegmentView& segment, bool all_there) {
    header = segment.header;
    descriptors.begin(segment, all_there);
    threads.begin(segment, all_there);
    // Threads of this process may be starting that an earlier recording knew.
    static long process;
    if (const long now = unwind::system_call(SYS_getpid); std::exchange(process, now) == now) return;
    for (ThreadStart& start : starts) start.users.store(0, std::memory_order_relaxed);
}

void last_request_of_resources(std::size_t bytes) {
    descriptors.last_request(bytes);
    threads.last_request(bytes);
}

void descriptor_opened(int number, const void* frame) {
    const int error = errno;
    ThreadState& thread = thread_state;
    const auto place = static_cast<unsigned>(number);
    if (thread.busy) {
        descriptors_close(place, place);
    } else if (records_resources()) {
        const Inside inside(thread);
        const OwnFloatingPoint floating_point;
        CapturedStack captured = capture(thread, frame);
        if (const LockedTables locked; locked && !descriptors.put(place, put_stack(thread, captured)))
            header->lost_descriptors.fetch_add(1, std::memory_order_relaxed);
    }
    errno = error;
}

void descriptors_close(unsigned first, unsigned last) {
    if (!is_recording()) return;
    if (!segment_may_go()) return close_recorded(first, last);
    // A signal handler inside the agent leaves its entry, which readers see to be closed.
    if (has_recorded_resources()) with_tables([&] { close_recorded(first, last); });
}

ThreadStart* thread_starts(const void* frame, void* (*routine)(void*), void* argument, bool detached) {
    const int error = errno;
    ThreadStart* found = nullptr;
    // The thread asks for its number, which a sandbox may forbid.
    if (ThreadState& thread = thread_state; !thread.busy && !is_sandboxed() && records_resources()) {
        const Inside inside(thread);
        const OwnFloatingPoint floating_point;
        CapturedStack captured = capture(thread, frame);
        const LockedTables locked;
        if (locked) found = free_start();
        if (found != nullptr) {
            found->routine = routine;
            found->argument = argument;
            found->stack = put_stack(thread, captured);
            found->detached = detached;
            found->begun = found->joined = false;
            found->handle = 0;
            found->users.store(2, std::memory_order_release);
        }
    }
    errno = error;
    return found;
}

void thread_created(ThreadStart& start, const pthread_t* handle) {
    if (handle == nullptr) {
        start.users.store(0, std::memory_order_release);
        return;
    }
    // A thread that has begun may have freed the memory of its handle.
    with_tables([&] {
        if (!start.begun) start.handle = *handle;
    });
    start.users.fetch_sub(1, std::memory_order_acq_rel);
}

void thread_began(ThreadStart& start) {
    with_tables([&] {
        start.begun = true;
        if (!start.joined && !is_sandboxed())
            threads.add(::pthread_self(), static_cast<std::uint32_t>(unwind::system_call(SYS_gettid)), start.stack, start.detached);
    });
    start.users.fetch_sub(1, std::memory_order_acq_rel);
}

void thread_joined(pthread_t thread) {
    if (!has_recorded_resources()) return;
    with_tables([&] {
        if (ThreadStart* const start = start_of(thread))
            start->joined = true;
        else
            threads.remove(thread);
    });
}
void thread_detached(pthread_t thread) {
    if (!has_recorded_resources()) return;
    with_tables([&] {
        if (ThreadStart* const start = start_of(thread))
            start->detached = true;
        else
            threads.detach(thread);
    });
}

}  // namespace leakline::agent
