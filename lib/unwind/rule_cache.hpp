// The rules of the return addresses met so far, shared by all threads without a lock. 512 KiB of zeroes at rest: only
// touched pages count. It forgets what it has no room for, and all at once when an object is unloaded.
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <optional>

#include "unwind/frame_rule.hpp"

namespace leakline::unwind {

class RuleCache {
  public:
    // Safe from any thread and from a signal's handler, as all of it. `generation` is what generation() gave before the
    // rule was found: if objects were unloaded meanwhile, the rule is as good as not put in.
    std::optional<FrameRule> find(std::uintptr_t address, std::uint32_t generation) const {
        const std::uint64_t key = key_of(address, generation);
        for (const Entry& entry : buckets_[bucket_of(address)].entries) {
            if (entry.key.load(std::memory_order_acquire) != key) continue;
            const std::uint64_t rule = entry.rule.load(std::memory_order_acquire);
            // Taken for another address in between? Then the rule may be that one's.
            if (entry.key.load(std::memory_order_relaxed) == key) return FrameRule::unpacked(rule);
        }
        return std::nullopt;
    }
    void put(std::uintptr_t address, std::uint32_t generation, const FrameRule& rule) {
        auto& entries = buckets_[bucket_of(address)].entries;
        Entry* chosen = &entries[address % kWays];
        for (Entry& entry : entries)
            if (entry.key.load(std::memory_order_relaxed) >> kAddressBits != generation + std::uint64_t{1}) {  // empty or outdated
                chosen = &entry;
                break;
            }
        std::uint64_t old = chosen->key.load(std::memory_order_relaxed);
        if (old == kBusy || !chosen->key.compare_exchange_strong(old, kBusy, std::memory_order_acq_rel)) return;
        chosen->rule.store(rule.packed(), std::memory_order_release);
        chosen->key.store(key_of(address, generation), std::memory_order_release);
    }

    // How often it has forgotten everything. At kLastGeneration it must not be used any more.
    std::uint32_t generation() const { return generation_.load(std::memory_order_acquire); }
    void forget_all() {
        std::uint32_t now = generation();
        while (now < kLastGeneration && !generation_.compare_exchange_weak(now, now + 1, std::memory_order_acq_rel)) {}
    }
    static constexpr std::uint32_t kLastGeneration = (1u << 17) - 2;

  private:
    // A key is an address, of which user space has 47 bits, and a generation plus one: never 0, which is an empty entry.
    static constexpr unsigned kAddressBits = 47, kBucketBits = 13, kWays = 4;
    static constexpr std::uint64_t kBusy = 1;  // being written: an address in the first page, where no code is
    struct Entry {
        std::atomic<std::uint64_t> key{0}, rule{0};
    };
    struct alignas(64) Bucket {  // one cache line
        std::array<Entry, kWays> entries;
    };

    static std::uint64_t key_of(std::uintptr_t address, std::uint32_t generation) {
        return address | (generation + std::uint64_t{1}) << kAddressBits;
    }
    static std::size_t bucket_of(std::uintptr_t address) {
        return static_cast<std::size_t>(address * 0x9e3779b97f4a7c15u >> (64 - kBucketBits));  // Fibonacci hashing (Knuth, vol. 3, 6.4)
    }

    std::array<Bucket, std::size_t{1} << kBucketBits> buckets_;
    std::atomic<std::uint32_t> generation_{0};
};

}  // namespace leakline::unwind
