// Files in memory that a service's processes hold open: memfds, files in /dev/shm, and files without a name on any tmpfs. Their pages are
// memory of the service, but in the RSS of no process unless they are mapped.
//
// Thread-safety: one object, one thread at a time.
#pragma once

#include <vector>

#include "base/quantities.hpp"
#include "memory/internal/paced_work.hpp"
#include "memory/internal/process_reading.hpp"
#include "system/procfs.hpp"

namespace leakline::memory {

// Each descriptor has to be looked at, which takes about a microsecond: so at most five times per second, for at most a 50th of the time.
// The part of a file that is mapped is taken to be in RSS already.
class FilesInMemory {
  public:
    void add(const std::vector<ProcessReading>& readings, const SystemRoots& roots, Nanoseconds now);
    Bytes bytes() const { return total_; }

  private:
    Bytes total_ = 0;
    PacedWork looks_{std::chrono::milliseconds(200)};
};

}  // namespace leakline::memory
