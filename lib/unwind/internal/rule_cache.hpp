// The rules of the return addresses met so far, shared by all threads without a lock. 512 KiB of zeroes at rest: only
// touched pages count. It drops entries when it is full, and all of them when an object is unloaded.
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <optional>

#include "unwind/internal/frame_rule.hpp"

namespace leakline::unwind {

class RuleCache {
  public:
    // The last byte of user space: no address above it may be given.
    static constexpr std::uintptr_t kHighestAddress = (std::uintptr_t{1} << 47) - 1;

    // Safe from any thread and from a signal's handler, as all of it. `generation` is what generation() gave before the
    // rule was found: if objects were unloaded meanwhile, the rule is as good as not put in.
    std::optional<FrameRule> find(std::uintptr_t address, std::uint32_t generation) const {
        for (const Entry& entry : buckets_[bucket_of(address)].entries) {
            const std::uint64_t rule = entry.rule.load(std::memory_order_relaxed);
            if (entry.key(rule) == key_of(address, generation)) return FrameRule::unpacked(rule);
        }
        return std::nullopt;
    }
    void put(std::uintptr_t address, std::uint32_t generation, const FrameRule& rule) {
        auto& entries = buckets_[bucket_of(address)].entries;
        Entry* chosen = &entries[address % kWays];
        for (Entry& entry : entries)
            if (entry.key(entry.rule.load(std::memory_order_relaxed)) >> kAddressBits != generation + std::uint64_t{1}) {
                chosen = &entry;  // empty or outdated
                break;
            }
        const std::uint64_t word = rule.packed();
        chosen->rule.store(word, std::memory_order_relaxed);
        chosen->mixed_key.store(key_of(address, generation) ^ Entry::mixed(word), std::memory_order_relaxed);
    }

    // How often it has forgotten everything. At kLastGeneration, and while it is suspended, it must not be used.
    std::uint32_t generation() const {
        const std::uint64_t state = state_.load(std::memory_order_acquire);
        return state >= kOneSuspension ? kLastGeneration : static_cast<std::uint32_t>(state);
    }
    // Any number of threads can have it suspended; each ends that by forget_all(), before which no thread gets the old
    // generation again.
    void suspend() { state_.fetch_add(kOneSuspension, std::memory_order_acq_rel); }
    void forget_all() {
        std::uint64_t now = state_.load(std::memory_order_relaxed), next;
        do {
            next = now - kOneSuspension;
            if (static_cast<std::uint32_t>(next) < kLastGeneration) ++next;
        } while (!state_.compare_exchange_weak(now, next, std::memory_order_acq_rel));
    }
    static constexpr std::uint32_t kLastGeneration = (1u << 17) - 2;

  private:
    // A key is an address and a generation plus one: never 0, which is an empty entry.
    static constexpr unsigned kAddressBits = 47, kBucketBits = 13, kWays = 4;
    // The two words are written one after the other by threads that do not wait for each other, or stop in between for ever
    // (in a forked child). So the key stands mixed with its rule: two words that were not written together give no key.
    struct Entry {
        std::atomic<std::uint64_t> mixed_key{0}, rule{0};

        static std::uint64_t mixed(std::uint64_t word) { return word * 0xd6e8feb86659fd93u; }
        std::uint64_t key(std::uint64_t word) const { return mixed_key.load(std::memory_order_relaxed) ^ mixed(word); }
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

    static constexpr std::uint64_t kOneSuspension = std::uint64_t{1} << 32;

    std::array<Bucket, std::size_t{1} << kBucketBits> buckets_;
    std::atomic<std::uint64_t> state_{0};  // the generation, and above it the number of suspensions
};

}  // namespace leakline::unwind
