#include "memory/internal/shared_memory.hpp"

#include <algorithm>
#include <cstdlib>
#include <string>

#include "base/quantities.hpp"
#include "system/proc_file.hpp"

namespace leakline::memory {

void SharedMemory::remember(const std::vector<ProcessReading>& readings, Bytes total) {
    total_ = total_then_ = total;
    known_ = true;
    then_.clear();
    for (const ProcessReading& reading : readings) then_[{reading.pid, reading.start_ticks}] = reading.shared_memory;
}

bool SharedMemory::walk(const std::vector<ProcessReading>& readings, const SystemRoots& roots) {
    Bytes sum = 0;
    for (const ProcessReading& reading : readings) {
        if (reading.shared_memory == 0) continue;
        ProcFile file(roots.proc + "/" + std::to_string(reading.pid) + "/smaps_rollup");
        const auto text = file.read();
        const auto rollup = text ? parse_smaps_rollup(*text) : std::nullopt;
        if (!rollup || !rollup->pss_shmem) return false;
        sum += *rollup->pss_shmem;
    }
    remember(readings, sum);
    return true;
}

void SharedMemory::add(const std::vector<ProcessReading>& readings, const SystemRoots& roots, Nanoseconds now) {
    Bytes sum = 0, most = 0;
    int holders = 0;
    for (const ProcessReading& reading : readings) {
        sum += reading.shared_memory;
        most = std::max(most, reading.shared_memory);
        holders += reading.shared_memory > 0 ? 1 : 0;
    }
    if (holders < 2) return remember(readings, sum);
    bool walked = false;
    walks_.run(now, [&] { walked = walk(readings, roots); });
    if (walked) return;
    if (!known_) return remember(readings, most);
    std::int64_t change = 0;
    bool begun = false;
    for (const ProcessReading& reading : readings) {
        // One that has begun since brings in what the others have already, as far as is known.
        const auto then = then_.find({reading.pid, reading.start_ticks});
        if (then == then_.end()) {
            begun = begun || reading.shared_memory > 0;
            continue;
        }
        const auto own = static_cast<std::int64_t>(reading.shared_memory) - static_cast<std::int64_t>(then->second);
        if (std::abs(own) > std::abs(change)) change = own;
    }
    total_ = static_cast<Bytes>(std::max<std::int64_t>(0, static_cast<std::int64_t>(total_then_) + change));
    if (begun) remember(readings, total_);  // what it takes from here on is seen too
}

}  // namespace leakline::memory
