// The address ranges of the recorded mappings, which may be unmapped in parts. Without a lock: a range belongs to the thread that maps or unmaps it. A range
// for which there is no room is not listed. Safe in signal handlers.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>

namespace leakline::agent {

class MappingList {
  public:
    struct Range {
        std::uint64_t begin = 0, end = 0;
    };

    void put(const Range& range) {
        for (unsigned i = 0; i < kMost; ++i) {
            std::uint64_t expected = kFree;
            if (ranges_[i].begin.load(std::memory_order_relaxed) != kFree ||
                !ranges_[i].begin.compare_exchange_strong(expected, kTaken, std::memory_order_acquire))
                continue;
            ranges_[i].end.store(range.end, std::memory_order_relaxed);
            ranges_[i].begin.store(range.begin, std::memory_order_release);
            unsigned used = used_.load(std::memory_order_relaxed);
            while (used <= i && !used_.compare_exchange_weak(used, i + 1, std::memory_order_release)) {
            }
            return;
        }
    }
    // While no other thread uses it.
    void clear() {
        for (unsigned i = 0; i < used_.load(std::memory_order_relaxed); ++i) ranges_[i].begin.store(kFree, std::memory_order_relaxed);
    }
    bool overlaps(const void* pages, std::size_t size) const {
        const auto begin = reinterpret_cast<std::uint64_t>(pages);
        const unsigned used = used_.load(std::memory_order_acquire);
        for (unsigned i = 0; i < used; ++i)
            if (is_in(i, begin, begin + size)) return true;
        return false;
    }
    // Removes one range that has a part in [begin, end); false: there is none.
    bool take_overlapping(std::uint64_t begin, std::uint64_t end, Range& range) {
        return take([&](unsigned i) { return is_in(i, begin, end); }, range);
    }
    // Removes the range that begins there.
    bool take_at(const void* pages, Range& range) {
        const auto begin = reinterpret_cast<std::uint64_t>(pages);
        return take([&](unsigned i) { return ranges_[i].begin.load(std::memory_order_acquire) == begin; }, range);
    }

  private:
    static constexpr unsigned kMost = 4096;
    static constexpr std::uint64_t kFree = 0, kTaken = 1;  // no addresses of pages
    struct Entry {
        std::atomic<std::uint64_t> begin, end;
    };

    bool is_in(unsigned i, std::uint64_t begin, std::uint64_t end) const {
        const std::uint64_t at = ranges_[i].begin.load(std::memory_order_acquire);
        return at > kTaken && at < end && begin < ranges_[i].end.load(std::memory_order_relaxed);
    }
    template <class Wanted>
    bool take(Wanted wanted, Range& range) {
        const unsigned used = used_.load(std::memory_order_acquire);
        for (unsigned i = 0; i < used; ++i) {
            if (!wanted(i)) continue;
            std::uint64_t begin = ranges_[i].begin.load(std::memory_order_acquire);
            range = {begin, ranges_[i].end.load(std::memory_order_relaxed)};
            if (begin > kTaken && ranges_[i].begin.compare_exchange_strong(begin, kFree, std::memory_order_acq_rel)) return true;
        }
        return false;
    }

    std::atomic<unsigned> used_{0};
    Entry ranges_[kMost] = {};
};

}  // namespace leakline::agent
