// The functions that the hooks call to record a block, and the process-wide filter. Any thread.
#pragma once

#include <pthread.h>
#include <time.h>

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "agent/internal/address_filter.hpp"
#include "agent/internal/sample_table.hpp"
#include "agent/own_allocator.hpp"

namespace leakline::agent {

extern AddressFilter address_filter __attribute__((visibility("hidden")));

// The time of the machine, not that of a preloaded library that scales clocks.
std::uint64_t now_ns(clockid_t clock);

// Called when the bytes to the next sample are used up. Returns whether to sample this block, and draws the next distance.
bool choose(std::size_t size);
// Records a chosen block. frame: the frame of the hook, with the caller's frame pointer in [0] and the return address in [1].
enum class BlockOrigin { allocated, resized };
void record(void* block, std::size_t size, const void* frame, BlockOrigin origin = BlockOrigin::allocated);
// Removes the sample of a block that is about to be freed. True if it was sampled: `was` is then its sample.
bool forget(void* block, SampledBlock& was);
// Puts the sample back after a failed realloc.
void remember(const SampledBlock& was);
// The same for what is left of a block of `size` bytes, which is kept with the ratio of the probabilities of the sizes. False if it is not.
bool remember_part(const SampledBlock& part, std::uint64_t size);

// A descriptor of this process was opened. frame: as in record().
void descriptor_opened(int number, const void* frame);
// Descriptors first to last, inclusive, are about to be closed. Safe in signal handlers.
void descriptors_close(unsigned first, unsigned last);

// A thread that is being started.
struct ThreadStart {
    void* (*routine)(void*);
    void* argument;
    std::uint32_t stack;
    // With the lock. begun: in the program's code, or about to be. Until then it may be joined or detached under the handle, if that is known.
    bool begun, detached, joined;
    pthread_t handle;
    std::atomic<int> users;  // the thread that starts it, and itself; 0: unused
};
// A thread is about to be started; null if it is not recorded. frame: as in record().
ThreadStart* thread_starts(const void* frame, void* (*routine)(void*), void* argument, bool detached);
// Afterwards; handle: null if it failed.
void thread_created(ThreadStart& start, const pthread_t* handle);
// By the new thread; the start is unused then.
void thread_began(ThreadStart& start);
// Another thread has joined it or waits for it; it is about to be detached.
void thread_joined(pthread_t thread);
void thread_detached(pthread_t thread);

// Begins the search for Python's variables, if a reader has asked for it (SearchState). The segment must stay meanwhile. Attached: by the agent's
// thread, which waits for the interpreter's lock.
void begin_asked_search(bool by_python = false);

// Of a library that was loaded with the program. argument_count, arguments: as main gets them.
void start(int argument_count, char** arguments);
// Of one that was attached: begins to record in a new segment in this open file, or begins again after end_attached(). The hooks may be in
// place already. command: each argument ends with a 0. False if the segment cannot be mapped.
bool start_attached(int file, std::uint64_t interval, std::string_view command);
// Readers may read it: all hooks are in place.
void attached_ready(PythonState python, const OwnAllocator& own);
// Ends the recording and unmaps the segment. The hooks may stay.
void end_attached();
// Replaces what sandbox_begins() does, if set.
extern void (*before_sandbox)() __attribute__((visibility("hidden")));
// Called before the program enters a seccomp sandbox: the agent requests its last memory now.
void sandbox_begins();
// Before a call that replaces the program.
void exec_begins();
// Called before and after code is unloaded.
void code_unloads();
void code_unloaded();

}  // namespace leakline::agent
