// The shared memory of a service's processes, each page counted once.
//
// Thread-safety: one object, one thread at a time.
#pragma once

#include <map>
#include <vector>

#include "base/quantities.hpp"
#include "memory/internal/paced_work.hpp"
#include "memory/internal/process_reading.hpp"
#include "system/procfs.hpp"

namespace leakline::memory {

// Shared memory that only one process has is in its status (RssShmem). If several have some, only the kernel's page tables show
// what they share: the sum of Pss_Shmem in their smaps_rollup counts each page once. That walk takes
// milliseconds per GiB and delays the process, so it is done at most once per second, for at most a 50th of the time. Between two
// walks, and where it is not possible (another user's process, Linux before 5.9), the total changes with RssShmem of the
// process whose RssShmem changed most: pages that n processes share are not counted n times, and what only one of them takes is seen.
class SharedMemory {
  public:
    // readings: detailed ones, of all processes.
    void add(const std::vector<ProcessReading>& readings, const SystemRoots& roots, Nanoseconds now);
    Bytes bytes() const { return total_; }

  private:
    using Key = std::pair<int, std::uint64_t>;
    bool walk(const std::vector<ProcessReading>& readings, const SystemRoots& roots);
    void remember(const std::vector<ProcessReading>& readings, Bytes total);

    Bytes total_ = 0, total_then_ = 0;
    std::map<Key, Bytes> then_;  // each process's RssShmem when total_then_ was known
    PacedWork walks_{std::chrono::seconds(1)};
    bool known_ = false;
};

}  // namespace leakline::memory
