// Return addresses of a stack, as unw_backtrace of libunwind gives them, in a third of its time: the frame rules
// are cached for all threads, and the frames that were there at the last walk are only checked. All of it can be called by
// any thread at any time, also within malloc and in a signal's handler: it does not allocate, lock, wait or throw.
#pragma once

#include <cstdint>

#include "unwind/internal/frame_rule.hpp"

namespace leakline::unwind {

// Writes the return addresses of the frames that begin with `innermost`, at most `limit`, and returns how many. -1 where a
// frame has no FrameRule (a signal's frame, code without call frame information), while code unloads, and
// usually if that was so for all of the last walks: `addresses` is then invalid, and libunwind may find more.
int backtrace(const Registers& innermost, void** addresses, int limit);

// The result of a walk for callers without another unwinder: the addresses up to a frame that cannot be followed are valid.
struct PartialBacktrace {
    int depth = 0;           // addresses written, without stopped_at
    bool complete = false;   // ends with the outermost frame, or at the limit
    Registers stopped_at{};  // otherwise the frame that cannot be followed; ip 0 if no walk was possible
};
PartialBacktrace walk_while_known(const Registers& innermost, void** addresses, int limit);

// Around each unloading of code, by any threads. Other code may come to stand in its place before code_unloads()'s
// thread goes on: between the two nothing is remembered of return addresses, and afterwards what was is forgotten.
void code_unloads();
void code_unloaded();

}  // namespace leakline::unwind
