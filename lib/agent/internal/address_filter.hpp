// Which addresses may be samples: one bit for each group of addresses. Any thread reads it before each free, without a lock; only
// the sample table changes it, with the agent's lock held. Neighbors on the heap have neighboring bits (a cache line covers 8 KiB of
// heap), so that a run of frees does not evict the program's first-level cache.
//
// Relaxed accesses suffice: the bit of a sample is set before the allocating call returns the block, and the program's own
// synchronization passes the pointer to the thread that frees it.
#pragma once

#include <atomic>
#include <cstdint>

namespace leakline::agent {

class AddressFilter {
  public:
    static constexpr unsigned kBits = 18;  // 32 KiB

    bool may_be_sample(const void* block) const {
        const std::uint32_t place = place_of(reinterpret_cast<std::uint64_t>(block));
        return (words_[place / 32].load(std::memory_order_relaxed) >> (place % 32) & 1) != 0;
    }

    static constexpr std::uint32_t place_of(std::uint64_t address) {
        return static_cast<std::uint32_t>(address >> 4 ^ address >> (4 + kBits)) & ((1u << kBits) - 1);
    }

    void set(std::uint32_t place) { words_[place / 32].fetch_or(1u << (place % 32), std::memory_order_relaxed); }
    // With every block sampled, bits are never cleared.
    void clear(std::uint32_t place) {
        if (!all_) words_[place / 32].fetch_and(~(1u << (place % 32)), std::memory_order_relaxed);
    }
    void reset(bool all) {
        all_ = all;
        for (auto& word : words_) word.store(all ? ~0u : 0, std::memory_order_relaxed);
    }
    bool all() const { return all_; }
    const void* words() const { return words_; }

  private:
    alignas(64) std::atomic<std::uint32_t> words_[(1u << kBits) / 32];
    bool all_ = false;
};

}  // namespace leakline::agent
