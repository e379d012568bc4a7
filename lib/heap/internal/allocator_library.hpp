// Which shared allocator a program would run with.
#pragma once

#include <string>

#include "system/child_process.hpp"

namespace leakline::heap {

// The library with both malloc and operator new that the loader would give to the program (libjemalloc.so.2, libtcmalloc.so.4,
// libmimalloc.so.2: linked, or in LD_PRELOAD), whose C++ allocations never call malloc. Empty where there is none, where the
// program has operators of its own, and for allocators that compare how a block is taken and given back (debug builds).
// Asks the program's loader (ld.so --list), which runs nothing of the program. Never throws.
std::string operators_of_allocator(const std::string& program, const Command& command);
// The same of a running process, by what it has mapped.
std::string operators_of_running(int pid);

}  // namespace leakline::heap
