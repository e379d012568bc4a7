// One reading of a process of a service. Plain data.
#pragma once

#include <algorithm>
#include <cstdint>
#include <optional>
#include <string>

#include "base/quantities.hpp"

namespace leakline::memory {

struct ProcessReading {
    int pid = 0;
    std::uint64_t start_ticks = 0;
    std::string name;
    bool root = false;
    bool zombie = false;  // it has ended, and its parent has not waited for it: it holds no memory
    Bytes resident = 0;
    // Resident less file and shared memory pages, plus swap: the sum over processes counts a page once, but for pages that a
    // fork shares until they are written to; those are in the child's first reading.
    Bytes private_bytes = 0;
    // Pages of shared memory that it has touched (MAP_SHARED without a file, shm, memfd, tmpfs): other processes may map the same pages.
    Bytes shared_memory = 0;
    // Pages of files that it has in memory.
    Bytes file_backed() const { return resident - std::min(resident, private_bytes + shared_memory); }
    std::uint64_t threads = 0;
    double cpu_s = 0, waited_cpu_s = 0;  // its own; of the children that it has waited for
    std::optional<std::uint64_t> descriptors;
};

}  // namespace leakline::memory
