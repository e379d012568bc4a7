// Finds heaptrack: its library, which records inside the process, and its interpreter, which names addresses.
#pragma once

#include <string>

namespace leakline::heap {

struct Tracker {
    std::string library;      // libheaptrack_preload.so
    std::string interpreter;  // heaptrack_interpret; empty if it is missing
};

// Looks in the folder $LEAKLINE_HEAPTRACK_DIR if that is set, else in ../lib/heaptrack of the running program's folder, beside
// the `heaptrack` in PATH and in the usual places. The two files may be in different ones. Throws Error{system} with a hint if the library is in none.
Tracker find_tracker();
// Only the interpreter: empty if there is none.
std::string find_interpreter();
// Whether leakline's agent runs on this kind of machine: x86-64, or AArch64 with pages of 4 KiB.
bool agent_available();

}  // namespace leakline::heap
