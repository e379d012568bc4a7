// The frames of a thread's last walks over its stack, to shorten the next one: between two calls of malloc most of a stack
// stays, and frames that return are at the same place.
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>

namespace leakline::unwind {

// What a frame's rule makes of its registers, as distances from its stack pointer: the return address alone decides them, or
// with the base pointer's distance, where a rule uses that. Nothing is guessed, and what stands on the stack is read anew at
// each walk; only where to look for the caller's frame in the memo is.
struct alignas(32) KnownFrame {
    std::uintptr_t ip;        // 0: none
    KnownFrame* caller;       // where the caller's frame was at the last walk; never null for a frame that has a caller
    std::uint32_t to_cfa;     // CFA - sp, bytes
    std::uint32_t to_bp;      // where the caller's bp is saved, from sp; or kBpKept
    std::int32_t bp_from_sp;  // bp - sp, where bp_decides
    bool bp_decides;
    bool outermost;  // there is no caller

    static constexpr std::uint32_t kBpKept = ~std::uint32_t{0};
};

// One thread at a time: try_lock() first. All zeroes at rest, so that many of them take no room in a file, nor memory
// until they are used.
class FrameMemo {
  public:
    bool try_lock() { return !busy_.load(std::memory_order_relaxed) && !busy_.exchange(true, std::memory_order_acquire); }
    void unlock() { busy_.store(false, std::memory_order_release); }

    // A memo of another generation (of the rule cache) is empty: the rules may have changed.
    void begin(std::uint32_t generation) {
        if (generation_ == generation + std::uint64_t{1}) return;
        generation_ = generation + std::uint64_t{1};
        frames_ = {};
    }
    // A walk that meets a frame which cannot be followed is made again by libunwind. If that happens each time (a thread
    // that runs generated code), most walks are skipped: they would add a third to libunwind's time.
    bool should_walk() { return failures_ < kMaxFailures || ++skipped_ % kRetryEvery == 0; }
    void walked(bool failed) { failures_ = !failed ? 0 : failures_ < kMaxFailures ? failures_ + 1 : kMaxFailures; }

    // Where it keeps the frame that has these registers, or another one of them. The stack pointer has a part in it so that a
    // function that calls itself is known with each of its callers.
    KnownFrame& of(std::uintptr_t ip, std::uintptr_t sp) { return frames_[(sp / 16 ^ ip * 0x9e3779b97f4a7c15u >> (64 - kBits)) % kFrames]; }

  private:
    static constexpr unsigned kBits = 9;
    static constexpr std::size_t kFrames = std::size_t{1} << kBits;  // 16 KiB: some request handlers, within the first-level cache

    static constexpr unsigned kMaxFailures = 16, kRetryEvery = 16;

    std::array<KnownFrame, kFrames> frames_;
    std::uint64_t generation_;  // plus one: 0 is none
    unsigned failures_;         // failed walks in a row, at most kMaxFailures
    unsigned skipped_;
    std::atomic<bool> busy_;
};

}  // namespace leakline::unwind
