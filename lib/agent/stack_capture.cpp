#include "agent/internal/stack_capture.hpp"

#include <dlfcn.h>
#include <link.h>
#include <string.h>
#include <ucontext.h>

#include "unwind/backtrace.hpp"
#include "unwind/stack_reach.hpp"

namespace leakline::agent {

namespace {

using unwind::Registers;

// Whether a signal handler returns to this address: mov $15, %rax; syscall (rt_sigreturn).
bool is_signal_return(std::uintptr_t ip) {
    constexpr unsigned char kCode[] = {0x48, 0xc7, 0xc0, 0x0f, 0, 0, 0, 0x0f, 0x05};
    dl_find_object found;
    if (_dl_find_object(reinterpret_cast<void*>(ip), &found) != 0) return false;
    const auto end = reinterpret_cast<std::uintptr_t>(found.dlfo_map_end);
    return end - ip >= sizeof kCode && memcmp(reinterpret_cast<const void*>(ip), kCode, sizeof kCode) == 0;
}

std::uintptr_t word_at(std::uintptr_t address) {
    std::uintptr_t word;
    memcpy(&word, reinterpret_cast<const void*>(address), sizeof word);
    return word;
}

bool can_read(std::uintptr_t from, std::uintptr_t size) {
    if (from % sizeof(std::uintptr_t) != 0) return false;
    for (std::uintptr_t page = from & ~std::uintptr_t{4095}; page < from + size; page += 4096)
        if (!unwind::is_readable(page < from ? from : page)) return false;
    return true;
}

// Steps to the interrupted function. Its address is given as that of a call: one more.
bool step_over_signal(Registers& at) {
    const std::uintptr_t context = at.sp;
    if (!can_read(context, sizeof(ucontext_t))) return false;
    const auto value = [&](int name) {
        return word_at(context + offsetof(ucontext_t, uc_mcontext.gregs) + static_cast<unsigned>(name) * sizeof(greg_t));
    };
    at = {value(REG_RIP) + 1, value(REG_RSP), value(REG_RBP)};
    return true;
}

// Code without call frame information that keeps frame pointers (generated code, assembly).
bool step_by_frame_pointer(Registers& at) {
    constexpr std::uintptr_t kLargestFrame = 1 << 20, kLowestCode = 0x4000;
    if (at.bp - at.sp > kLargestFrame || !can_read(at.bp, 2 * sizeof(std::uintptr_t))) return false;
    const Registers caller{word_at(at.bp + sizeof(std::uintptr_t)), at.bp + 2 * sizeof(std::uintptr_t), word_at(at.bp)};
    dl_find_object found;
    if (caller.ip < kLowestCode || _dl_find_object(reinterpret_cast<void*>(caller.ip - 1), &found) != 0) return false;
    at = caller;
    return true;
}

}  // namespace

unsigned capture_stack(const void* frame, std::uint64_t* addresses, unsigned limit) {
    static_assert(sizeof(void*) == sizeof *addresses);
    const auto* const words = static_cast<const std::uintptr_t*>(frame);
    Registers at{words[1], reinterpret_cast<std::uintptr_t>(words + 2), words[0]};
    unsigned depth = 0;
    // The walk ends at frames without a rule, of which a stack has few.
    constexpr int kMaxSteps = 8;
    for (int step = 0; step < kMaxSteps && depth < limit; ++step) {
        const unwind::PartialBacktrace part =
            unwind::walk_while_known(at, reinterpret_cast<void**>(addresses + depth), static_cast<int>(limit - depth));
        depth += static_cast<unsigned>(part.depth);
        if (part.complete || part.stopped_at.ip == 0 || depth == limit) break;
        at = part.stopped_at;
        addresses[depth++] = at.ip;
        if (!(is_signal_return(at.ip) ? step_over_signal(at) : step_by_frame_pointer(at))) break;
    }
    if (depth == 0) addresses[depth++] = words[1];
    return depth;
}

void begin_unloading() { unwind::code_unloads(); }
void end_unloading() { unwind::code_unloaded(); }

}  // namespace leakline::agent
