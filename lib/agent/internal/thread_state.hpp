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
    std::uint8_t deferred_count;
    void* deferred[4];
    std::uint64_t frames[kMaxFrames];  // not on the stack, which may be small (sigaltstack, coroutines)
};

extern __thread ThreadState thread_state __attribute__((tls_model("initial-exec"), visibility("hidden")));

}  // namespace leakline::agent
