// Shared objects that are part of this program, as files in memory that the loader of another program can open.
#pragma once

#include <string_view>

#include "system/descriptor.hpp"

namespace leakline {

// name: in /proc/PID/maps of the programs that load it. Without a descriptor if there are no bytes, or if the system does not
// allow such a file to be executed. Programs open it at /proc/PID/fd/N of a process that has the descriptor. Safe from any thread.
Descriptor open_memory_library(std::string_view bytes, const char* name);

}  // namespace leakline
