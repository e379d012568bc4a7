#include "heap/internal/live_bytes.hpp"

#include <algorithm>

namespace leakline::heap {

std::vector<HeapMark::Change> LiveBytes::take_changes() {
    std::sort(changed_.begin(), changed_.end());
    std::vector<HeapMark::Change> changes;
    changes.reserve(changed_.size());
    for (const std::uint32_t trace : changed_) {
        Entry& entry = entries_[trace - 1];
        entry.changed = false;
        changes.push_back({TraceId{trace}, entry.cost});
    }
    changed_.clear();
    return changes;
}

std::vector<TraceCost> LiveBytes::peak_costs() const {
    std::vector<TraceCost> costs(entries_.size());
    for (std::size_t i = 0; i < entries_.size(); ++i) {
        const Entry& entry = entries_[i];
        const bool then = entry.peak_number == peak_number_;
        costs[i].live_bytes = then ? entry.peak_bytes : entry.cost.live_bytes;
        costs[i].live_blocks = then ? entry.peak_blocks : entry.cost.live_blocks;
    }
    return costs;
}

}  // namespace leakline::heap
