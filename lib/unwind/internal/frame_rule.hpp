// How to get from a call's frame to its caller's, for one return address. Plain data; any thread may use it.
#pragma once

#include <cstdint>

namespace leakline::unwind {

// The registers of a frame that matter: where it will go on, and its stack and base pointers. All else that call frame
// information can describe is not followed: such frames are left to libunwind.
struct Registers {
    std::uintptr_t ip, sp, bp;
};

// The canonical frame address (CFA, DWARF 5, 6.4) is the stack pointer before the call; x86-64 keeps the return address
// in the 8 bytes below it.
struct FrameRule {
    enum class Cfa : std::uint8_t {
        unsupported,  // no information, or one that is not followed: ask libunwind
        sp_plus,      // sp + cfa_offset
        bp_plus,      // bp + cfa_offset
        at_bp_plus,   // what stands at bp + cfa_offset: a function that realigned its stack
        outermost     // this frame has no caller
    };
    enum class Bp : std::uint8_t {
        kept,         // the caller's is this frame's
        at_cfa_plus,  // saved at CFA + bp_offset
        at_bp_plus    // saved at bp + bp_offset
    };

    Cfa cfa = Cfa::unsupported;
    Bp bp = Bp::kept;
    std::int32_t cfa_offset = 0, bp_offset = 0;  // bytes, each within +-kLargestOffset

    // Half of what 28 bits hold: a rule fits one word, so that threads can share it without a lock.
    static constexpr std::int64_t kLargestOffset = (1 << 27) - 1;

    std::uint64_t packed() const {
        constexpr std::uint64_t kMask = (1u << 28) - 1;
        return (static_cast<std::uint64_t>(cfa_offset) & kMask) | (static_cast<std::uint64_t>(bp_offset) & kMask) << 28 |
               static_cast<std::uint64_t>(cfa) << 56 | static_cast<std::uint64_t>(bp) << 60;
    }
    static FrameRule unpacked(std::uint64_t word) {
        const auto signed28 = [](std::uint64_t bits) { return static_cast<std::int32_t>(static_cast<std::uint32_t>(bits) << 4) >> 4; };
        return {static_cast<Cfa>(word >> 56 & 15), static_cast<Bp>(word >> 60), signed28(word), signed28(word >> 28)};
    }
    bool operator==(const FrameRule&) const = default;
};

}  // namespace leakline::unwind
