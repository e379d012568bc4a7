// The libraries of lib/unwind that go into the recorded program, as files in memory that the program's loader can open. None where
// this kind of machine has no such library, or where the system lets no such file be executed.
#pragma once

#include "system/descriptor.hpp"

namespace leakline::heap {

// Answers the tracker's requests for backtraces. None where LEAKLINE_UNWINDER=libunwind is set, to compare or to rule it out:
// libunwind then does all the work, which gives the same recording in more time. Throws Error{usage} for another value of it.
// operators: with operator new and delete that call malloc and free, for programs whose allocator has its own.
enum class Operators { none, malloc };
Descriptor open_unwinder(Operators operators = Operators::none);
// Keeps the tracker's stream apart from what the program closes and opens.
Descriptor open_stream_guard();
// Waits in the programs that a wrapper starts for the one to record.
Descriptor open_follow();

}  // namespace leakline::heap
