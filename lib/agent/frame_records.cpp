// The stack of a call on AArch64: each function has a record of two words, its caller's record and the return address, and x29 has
// the innermost one (AAPCS64, 6.4.6). Compilers keep them there unless they are told not to (-fomit-frame-pointer); the kernel makes
// one for the handler of a signal.
#include "agent/internal/stack_capture.hpp"
#include "unwind/stack_reach.hpp"

namespace leakline::agent {

namespace {

struct [[gnu::may_alias]] FrameRecord {
    std::uint64_t caller, return_address;
};

// Without the signature of pointer authentication (a no-op where there is none).
std::uint64_t without_signature(std::uint64_t address) {
    register std::uint64_t x30 asm("x30") = address;
    asm("hint #7" : "+r"(x30));  // xpaclri
    return x30;
}

}  // namespace

unsigned capture_stack(const void* frame, std::uint64_t* addresses, unsigned limit) {
    constexpr std::uint64_t kLowestCode = 0x4000, kLargestFrame = 1 << 20;
    auto at = reinterpret_cast<std::uint64_t>(frame);
    unwind::StackReach reach(at + sizeof(FrameRecord));
    unsigned depth = 0;
    while (depth < limit) {
        const FrameRecord record = *reinterpret_cast<const FrameRecord*>(at);
        const std::uint64_t address = without_signature(record.return_address);
        if (address < kLowestCode && depth != 0) break;
        addresses[depth++] = address;
        // Records stand in the order of the calls. A function that keeps none may have any number in x29.
        if (record.caller == 0) reach.outermost(at);
        if (record.caller <= at || record.caller - at > kLargestFrame || record.caller % sizeof(std::uint64_t) != 0) break;
        at = record.caller;
        if (!reach.extend(at + sizeof(FrameRecord))) break;
    }
    reach.done();
    return depth;
}

void begin_unloading() {}
void end_unloading() {}

}  // namespace leakline::agent
