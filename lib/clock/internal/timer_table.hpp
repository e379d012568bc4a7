// What is known of timers: the kernel has their real times only. Any thread, also in a signal's handler; nothing waits. A timer for
// which there is no room any more, or that two threads set at once, can be reported with the wrong rest of its time; it fires at the
// right time nevertheless.
#pragma once

#include <time.h>

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>

namespace leakline::clock {

enum class TimerKind : std::uint64_t { descriptor = 1, posix = 2, interval = 3 };

struct TimerNote {
    clockid_t clock = CLOCK_REALTIME;
    bool value_scaled = false;     // the first expiration
    std::int64_t interval_ns = 0;  // between the further ones, as the service asked for
};

class TimerTable {
  public:
    // id: a descriptor, a timer_t.
    bool find(TimerKind kind, std::uint64_t id, TimerNote& note) const {
        const std::size_t at = place_of(key_of(kind, id));
        if (at == kPlaces) return false;
        const std::uint64_t word = places_[at].word.load(std::memory_order_relaxed);
        note = {static_cast<clockid_t>(static_cast<std::int32_t>(word >> 32)), (word & 1) != 0,
                places_[at].interval.load(std::memory_order_relaxed)};
        return true;
    }
    void set(TimerKind kind, std::uint64_t id, const TimerNote& note) {
        const std::uint64_t key = key_of(kind, id);
        std::size_t at = place_of(key);
        if (at == kPlaces) at = claim(key);
        if (at == kPlaces) return;
        places_[at].word.store(std::uint64_t{static_cast<std::uint32_t>(note.clock)} << 32 | (note.value_scaled ? 1 : 0),
                               std::memory_order_relaxed);
        places_[at].interval.store(note.interval_ns, std::memory_order_relaxed);
    }
    void remove(TimerKind kind, std::uint64_t id) {
        if (const std::size_t at = place_of(key_of(kind, id)); at != kPlaces) places_[at].key.store(kRemoved, std::memory_order_relaxed);
    }

  private:
    static constexpr std::size_t kPlaces = 2048;
    static constexpr std::uint64_t kRemoved = 1;  // 0: never used, and no entry is behind it
    struct Place {
        std::atomic<std::uint64_t> key{0}, word{0};
        std::atomic<std::int64_t> interval{0};
    };

    static std::uint64_t key_of(TimerKind kind, std::uint64_t id) { return static_cast<std::uint64_t>(kind) << 60 ^ id; }
    static std::size_t first_place(std::uint64_t key) { return key * 0x9e3779b97f4a7c15u >> 53; }
    std::size_t place_of(std::uint64_t key) const {
        for (std::size_t i = 0, at = first_place(key); i < kPlaces; ++i, at = (at + 1) % kPlaces) {
            const std::uint64_t found = places_[at].key.load(std::memory_order_relaxed);
            if (found == key) return at;
            if (found == 0) return kPlaces;
        }
        return kPlaces;
    }
    std::size_t claim(std::uint64_t key) {
        for (std::size_t i = 0, at = first_place(key); i < kPlaces; ++i, at = (at + 1) % kPlaces) {
            std::uint64_t found = places_[at].key.load(std::memory_order_relaxed);
            if (found <= kRemoved && places_[at].key.compare_exchange_strong(found, key)) return at;
        }
        return kPlaces;
    }

    std::array<Place, kPlaces> places_{};
};

}  // namespace leakline::clock
