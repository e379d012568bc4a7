// The library that answers the tracker's requests for backtraces in the recorded program (lib/unwind), as a file that the
// program's loader can open.
#pragma once

#include "base/descriptor.hpp"

namespace leakline::heap {

// A file in memory. None where this kind of machine has no such library, where the system lets no such file be executed, and
// where LEAKLINE_UNWINDER=libunwind is set, to compare or to rule it out: libunwind then does all the work, which gives
// the same recording in more time. Throws Error{usage} for another value of it.
Descriptor open_unwinder();

}  // namespace leakline::heap
