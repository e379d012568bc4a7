// What must be removed where the program is ended at once, by a second signal or SIGKILL, and no destructor runs. Temporary
// files and folders register here while they exist.
//
// Thread-safety: any thread; remove_all() also from a signal's handler, and from another process (see guard.hpp).
#pragma once

#include <string>

namespace leakline::cleanup_registry {

enum class Kind { file, folder };

// At most 64 paths at a time, of less than 4096 bytes each. Others are not removed, which costs only disk space.
void remember(const std::string& path, Kind kind);
void forget(const std::string& path);

// Unlinks all that the process `owner` remembers; a folder with what is in it. Async-signal-safe.
void remove_all(int owner);

}  // namespace leakline::cleanup_registry
