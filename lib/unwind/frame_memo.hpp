// The frames of a thread's last walks over its stack, to shorten the next one: between two calls of malloc most of a stack
// stays, and what comes back comes back to the same place.
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>

namespace leakline::unwind {

// What a frame's rule makes of its registers. The stack pointer and the return address decide it, with some rules the base
// pointer too: the same registers, the same frame. Nothing is guessed, and what stands on the stack is read anew each time.
struct alignas(32) KnownFrame {
    std::uintptr_t ip, sp;  // 0, 0: none
    union {
        std::uintptr_t bp;   // where bp_decides
        KnownFrame* caller;  // elsewhere: the place in the memo where the caller's is, if it is known
    };
    std::uint32_t to_cfa;   // CFA - sp, bytes
    std::uint32_t to_bp : 30;  // where the caller's bp is saved, from sp; 0: it is kept
    std::uint32_t bp_decides : 1;
    std::uint32_t outermost : 1;  // there is no caller
};

// One thread at a time: try_lock() first. All zeroes at rest, so that many of them take no room in a file, nor memory
// until they are used.
class FrameMemo {
  public:
    bool try_lock() { return !busy_.load(std::memory_order_relaxed) && !busy_.exchange(true, std::memory_order_acquire); }
    void unlock() { busy_.store(false, std::memory_order_release); }

    // Of another generation (of the rule cache) it knows nothing: the rules may have changed.
    void begin(std::uint32_t generation) {
        if (generation_ == generation + std::uint64_t{1}) return;
        generation_ = generation + std::uint64_t{1};
        frames_ = {};
    }
    // The one frame that it can know of those with this stack pointer. Calls keep stacks aligned to 16 bytes.
    KnownFrame& of(std::uintptr_t sp) {
        return frames_[sp / 16 % kFrames];
    }

  private:
    static constexpr std::size_t kFrames = 256;  // 8 KiB: of a request's usual depth, and within the first-level cache

    std::array<KnownFrame, kFrames> frames_;
    std::uint64_t generation_;  // plus one: 0 is none
    std::atomic<bool> busy_;
};

}  // namespace leakline::unwind
