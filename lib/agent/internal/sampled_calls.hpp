// What the hooks of every allocator have in common.
#pragma once

#include <cstddef>

#include "agent/internal/agent.hpp"
#include "agent/internal/hook.hpp"
#include "agent/internal/thread_state.hpp"

namespace leakline::agent {

// Whether this allocation may be sampled; if not, subtracts its size.
inline bool is_due(std::size_t size) {
    ThreadState& thread = thread_state;
    if (__builtin_expect(size >= thread.left, 0)) return true;
    thread.left -= size;
    return false;
}

inline bool may_be_sample(const void* block) { return __builtin_expect(address_filter.may_be_sample(block), 0); }

// Calls a function that may call others with hooks, which then do not count (is_nested).
template <typename Call>
[[gnu::always_inline]] inline auto outermost(Call call) {
    ThreadState& thread = thread_state;
    if (thread.nesting != 0) return call();
    const std::uint64_t left = thread.left;
    thread.left = 0;  // all calls are due
    thread.nesting = 1;
    const auto result = call();
    thread.nesting = 0;
    thread.left = left;
    return result;
}

// A call that is due: allocates, and records the block if it is chosen. frame: LEAKLINE_FRAME of the hook.
template <typename Call>
[[gnu::always_inline]] inline void* allocated(std::size_t size, const void* frame, Call call) {
    const bool chosen = choose(size);
    void* const block = call();
    if (chosen) record(block, size, frame);
    return block;
}

// The old block's sample is removed before the call: afterwards another thread may have the address. counts: this allocator, and not one
// that it calls, counts blocks of this size.
template <typename Call>
[[gnu::always_inline]] inline void* reallocated(void* old, std::size_t size, bool counts, const void* frame, Call call) {
    SampledBlock was;
    const bool sampled = old != nullptr && may_be_sample(old) && forget(old, was);
    const bool chosen = counts && is_due(size) && choose(size);
    void* const block = call();
    if (block == nullptr && size != 0) {
        if (sampled) remember(was);
        return block;
    }
    if (chosen) record(block, size, frame, BlockOrigin::resized);
    return block;
}

}  // namespace leakline::agent
