// Reads the memory of a process out of a core file, as the kernel (core(5)) and gdb's gcore write them.
//
// Thread-safety: functions without state.
#pragma once

#include <optional>
#include <stop_token>
#include <string>

#include "holders/internal/memory_image.hpp"
#include "system/procfs.hpp"

namespace leakline::holders {

// Throws Error{input} if the file cannot be read or is no core file of a 64-bit program of this kind of machine, and Error{system} if its
// memory does not fit into ours. What the file lacks, by its own account or because it was cut off, is counted in the image.
MemoryImage read_core(const std::string& path, const std::stop_token& stop, const SystemRoots& roots = {});

// The build ID in the first page of a program or library, as bytes; nothing if the file is not there, empty if it has none there.
std::optional<std::string> build_id_of(const std::string& path);

}  // namespace leakline::holders
