// The libraries of lib/unwind that are loaded into the recorded program, as files in memory that its loader can open. None if
// this kind of machine has no such library, or if the system does not allow such files to be executed.
#pragma once

#include "system/descriptor.hpp"

namespace leakline::heap {

// Answers the tracker's requests for backtraces. None if LEAKLINE_UNWINDER=libunwind is set, to compare or to rule it out:
// libunwind then does all the work, which gives the same recording in more time. Throws Error{usage} for another value of it.
// operators: with operator new and delete that call malloc and free, for programs whose allocator has its own.
enum class Operators { none, malloc };
Descriptor open_unwinder(Operators operators = Operators::none);
// Protects the tracker's stream from the program's close and open calls.
Descriptor open_stream_guard();
// Waits in the programs that a wrapper starts for the one to record.
Descriptor open_follow();

}  // namespace leakline::heap
