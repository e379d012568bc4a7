// The state of each thread. All zeroes when a thread begins; needs no cleanup when it ends.
#pragma once

#include <cstdint>

#include "agent/segment.hpp"

namespace leakline::agent {

struct ThreadState {
    // Bytes up to and including the next sample: a block of at least this size may be sampled.
    std::uint64_t left;
    std::uint64_t interval;  // at which `left` was drawn; 0: not drawn yet
    std::uint64_t random;
    // Inside the agent: allocations of a signal handler are not sampled then, and its frees are deferred.
    bool busy;
    // Inside a function of an allocator that is linked into the program (entry_hooks.cpp), which counts the block: 1 plus the number of calls
    // of hooks since then. Otherwise 0.
    std::uint8_t nesting;
    std::uint8_t deferred_count;
    void* deferred[4];
    std::uint64_t frames[kMaxFrames];  // not on the stack, which may be small (sigaltstack, coroutines)
};

// The thread draws its next sample as at its beginning.
inline void draw_again(ThreadState& thread) { thread.left = thread.interval = thread.nesting = 0; }

// Whether a hook is called by a function that counts the block. A function that calls so many others was left by longjmp.
inline bool is_nested(ThreadState& thread) {
    constexpr std::uint8_t kMost = 64;
    if (__builtin_expect(thread.nesting == 0, 1)) return false;
    if (++thread.nesting <= kMost) return true;
    draw_again(thread);
    return false;
}

extern __thread ThreadState thread_state __attribute__((tls_model("initial-exec"), visibility("hidden")));

}  // namespace leakline::agent
