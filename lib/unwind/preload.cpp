// The library that is loaded into the recorded program before heaptrack's: it answers the tracker's unw_backtrace, in which
// a recorded program otherwise spends about half of its time. Frames that it cannot follow are passed to libunwind, so that
// recordings are the same with and without it. It needs only the C library, and has no state at start.
#include <atomic>
#include <cstdint>

#include "unwind/backtrace.hpp"
#include "unwind/next_function.hpp"

namespace {

using leakline::unwind::Next;

constinit Next<int (*)(void**, int)> next_backtrace("unw_backtrace");
constinit Next<int (*)(void*)> next_dlclose("dlclose");

// The tracker lists its modules after its first call of this function.
void take_name_once() {
    static std::atomic<bool> taken{false};
    if (taken.load(std::memory_order_relaxed) || taken.exchange(true)) return;
    static char name[] = "leakline-unwinder";
    leakline::unwind::take_name(name);
}

}  // namespace

extern "C" {

[[gnu::visibility("default"), gnu::noinline]] int unw_backtrace(void** addresses, int limit) {
    // Asking for the frame's address makes the compiler keep a base pointer: [fp] is the caller's, [fp + 8] the return
    // address, and fp + 16 was the stack pointer before the call.
    const auto* const frame = static_cast<const std::uintptr_t*>(__builtin_frame_address(0));
    take_name_once();
    const int count = leakline::unwind::backtrace({frame[1], reinterpret_cast<std::uintptr_t>(frame + 2), frame[0]}, addresses, limit);
    if (count >= 0) return count;
    // libunwind begins with the function that calls it. That must be our caller: this call is the last thing done here, for
    // which compilers reuse the frame (clang promises it, gcc does it when it optimizes; a test of whole recordings sees it).
    const auto next = next_backtrace.get();
    if (next == nullptr) return 0;
    LEAKLINE_TAIL_CALL return next(addresses, limit);
}

// Destructors that run while the object is closed show this frame in their stacks: it has to come back here.
[[gnu::visibility("default")]] int dlclose(void* handle) noexcept {
    leakline::unwind::code_unloads();
    const auto next = next_dlclose.get();
    const int result = next != nullptr ? next(handle) : -1;
    leakline::unwind::code_unloaded();
    return result;
}

}  // extern "C"
