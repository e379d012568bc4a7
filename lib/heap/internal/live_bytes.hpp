// Live bytes and counts per trace, what changed since the last mark, and the state at the peak.
//
// Thread-safety: one object, one thread at a time.
#pragma once

#include <cstdint>
#include <vector>

#include "base/quantities.hpp"
#include "model/heap.hpp"

namespace leakline::heap {

// Sizes from 2^47 on cannot be malloc's (it is the whole address space): such a record is damage, and sums of less
// cannot overflow in practice. With a crafted file they wrap, without undefined behavior.
inline constexpr Bytes kLargestBlock = Bytes{1} << 47;

// malloc's overhead of a block: a header of 8 bytes and rounding up to 16 bytes, at least 32 bytes in all. That is
// glibc's rule on 64 bits (malloc/malloc.c: request2size); blocks that it maps separately take whole pages, which is not counted.
constexpr std::int64_t malloc_overhead(Bytes size) {
    constexpr Bytes kHeader = 8, kGrain = 16, kMinBlock = 32;
    const Bytes chunk = (size + kHeader + kGrain - 1) / kGrain * kGrain;
    return static_cast<std::int64_t>((chunk < kMinBlock ? kMinBlock : chunk) - size);
}

// The peak without a second pass: the state at the highest point so far is, for each trace, its state when it was
// last touched before or at that point. peak_number_ counts the peaks; a trace whose number is older has not changed
// since the newest peak, so its state now is its state then, and is copied just before the first change after it.
class LiveBytes {
  public:
    // trace ids are 1-based; add_trace() makes the next one. Callers check ids against traces().
    void add_trace() { entries_.emplace_back(); }
    std::uint32_t traces() const { return static_cast<std::uint32_t>(entries_.size()); }

    void allocate(std::uint32_t trace, Bytes size, Nanoseconds now) {
        Entry& entry = touch(trace);
        ++entry.cost.allocations;
        entry.cost.allocated_bytes += size;
        add(entry, size, 1);
        overhead_ += malloc_overhead(size);
        if (total_ > peak_) {
            peak_ = total_;
            peak_at_ = now;
            ++peak_number_;
        }
    }
    void release(std::uint32_t trace, Bytes size) {
        add(touch(trace), ~size + 1, -1);
        overhead_ -= malloc_overhead(size);
    }

    // The traces touched since the last call, by id, with their costs now.
    std::vector<HeapMark::Change> take_changes();

    Bytes peak() const { return peak_ < 0 ? 0 : static_cast<Bytes>(peak_); }
    Nanoseconds peak_at() const { return peak_at_; }
    // Live bytes and blocks of each trace (index id - 1) at the peak; the two counts of calls are 0.
    std::vector<TraceCost> peak_costs() const;
    const TraceCost& cost(std::uint32_t trace) const { return entries_[trace - 1].cost; }
    std::int64_t live_bytes() const { return total_; }
    std::int64_t overhead_bytes() const { return overhead_; }  // of the live blocks

  private:
    struct Entry {
        TraceCost cost;
        std::int64_t peak_bytes = 0, peak_blocks = 0;
        std::uint64_t peak_number = 0;
        bool changed = false;
    };

    Entry& touch(std::uint32_t trace) {
        Entry& entry = entries_[trace - 1];
        if (!entry.changed) {
            entry.changed = true;
            changed_.push_back(trace);
        }
        if (entry.peak_number != peak_number_) {
            entry.peak_number = peak_number_;
            entry.peak_bytes = entry.cost.live_bytes;
            entry.peak_blocks = entry.cost.live_blocks;
        }
        return entry;
    }
    void add(Entry& entry, std::uint64_t bytes, int blocks) {
        entry.cost.live_bytes = static_cast<std::int64_t>(static_cast<std::uint64_t>(entry.cost.live_bytes) + bytes);
        entry.cost.live_blocks += blocks;
        total_ = static_cast<std::int64_t>(static_cast<std::uint64_t>(total_) + bytes);
    }

    std::vector<Entry> entries_;
    std::vector<std::uint32_t> changed_;
    std::int64_t total_ = 0, peak_ = 0, overhead_ = 0;
    std::uint64_t peak_number_ = 0;
    Nanoseconds peak_at_{};
};

}  // namespace leakline::heap
