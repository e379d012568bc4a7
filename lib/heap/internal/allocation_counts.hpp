// The accounting of an interpreted recording: live blocks of each allocation info, their sum, and the blocks of each info at
// the highest point of that sum. Takes a few instructions per event.
//
// Thread-safety: one object, one thread at a time.
#pragma once

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <span>
#include <utility>
#include <vector>

#include "base/quantities.hpp"

namespace leakline::heap {

// Events arrive as entries, index << 1 | 1 for an allocation and index << 1 for a free, in room that this object gives:
// its log. The peak needs no second pass and next to nothing per event: which event was the newest peak is known, and
// the state at it is the state now with the events after it undone. So the log reaches back to the newest peak as long
// as that is recent; before it would be forgotten, the state at it is worked out and kept.
//
//     log   [ . . . . P . . . . . . . . )      full: what came after P is undone in a copy of the live counts
//           [ . . . . . . . . . P . . . )      full: the newer half moves down, and the copy can wait
class AllocationCounts {
  public:
    static constexpr std::size_t kMaxInfos = (std::size_t{1} << 31) - 1;  // 31 bits of an entry; 60 GiB of infos
    static constexpr std::size_t kMaxEvents = 512;                        // for one apply()

    AllocationCounts();

    // size: below kLargestBlock. site: the caller's, given back by take_changes().
    void add(Bytes size, std::uint32_t site);
    std::size_t infos() const { return infos_.size(); }

    // Where to put the next entries, kMaxEvents at most. Every index must be below infos().
    std::uint32_t* free_space() { return log_.data() + used_; }
    // Applies the first `count` entries in room(). Frees of blocks that are not live are skipped and returned, by place;
    // good until the next call.
    struct Refused {
        std::size_t place, index;
    };
    std::span<const Refused> apply(std::size_t count);

    // Number of applied events.
    std::uint64_t events() const { return events_; }
    Bytes peak_bytes() const { return peak_; }
    // Whether the newest peak is newer than the last call.
    bool take_new_peak() { return std::exchange(new_peak_, false); }

    // Calls change(site, size, allocations, blocks) for each info that events have touched since the last time: how
    // often it was allocated, and by how many its live blocks have grown. Due before events_to_take() is 2^31.
    template <class Change>
    void take_changes(const Change& change);
    std::uint64_t events_to_take() const { return events_ - taken_events_; }

    // Calls held(site, size, blocks) for each info that had live blocks at the peak.
    template <class Held>
    void at_peak(const Held& held);

  private:
    static constexpr std::uint64_t kAllocation = std::uint64_t{1} << 32;
    static constexpr std::uint32_t kNothing = 0xffffffff;  // an entry that was left out

    // All data that an event changes.
    struct Info {
        std::uint64_t size = 0;
        std::uint64_t counts = 0;  // live blocks, and in the upper half allocations since the last take_changes()
        std::uint32_t live() const { return static_cast<std::uint32_t>(counts); }
    };
    static_assert(sizeof(Info) == 16);
    struct Rest {
        std::uint32_t site = 0;
        std::uint32_t live_taken = 0;  // live blocks at the last take_changes()
    };

    void make_room();
    void store_peak();

    std::vector<Info> infos_;
    std::vector<Rest> rest_;
    std::vector<std::uint8_t> changed_;        // per info, since the last take_changes(); padded to whole words
    std::vector<std::uint32_t> live_at_peak_;  // per info; the infos behind its end held nothing
    std::vector<std::uint32_t> log_;
    std::size_t used_ = 0;
    std::size_t peak_end_ = 0;            // how much of the log had happened at the newest peak; 0: that is known
    std::uint64_t total_ = 0, peak_ = 0;  // as signed numbers
    std::uint64_t events_ = 0, taken_events_ = 0;
    bool new_peak_ = false;
    std::vector<Refused> refused_;
};

template <class Change>
void AllocationCounts::take_changes(const Change& change) {
    taken_events_ = events_;
    for (std::size_t word = 0; word < infos_.size(); word += 8) {
        std::uint64_t flags;
        std::memcpy(&flags, changed_.data() + word, 8);
        if (flags == 0) continue;
        for (std::size_t i = word; i < std::min(word + 8, infos_.size()); ++i) {
            if (changed_[i] == 0) continue;
            Info& info = infos_[i];
            Rest& rest = rest_[i];
            change(rest.site, info.size, info.counts >> 32, static_cast<std::int64_t>(info.live()) - std::int64_t{rest.live_taken});
            info.counts = rest.live_taken = info.live();
        }
        std::memset(changed_.data() + word, 0, 8);
    }
}

template <class Held>
void AllocationCounts::at_peak(const Held& held) {
    store_peak();
    for (std::size_t i = 0; i < live_at_peak_.size(); ++i)
        if (live_at_peak_[i] != 0) held(rest_[i].site, infos_[i].size, live_at_peak_[i]);
}

}  // namespace leakline::heap
