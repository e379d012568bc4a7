// Due times of requests: a pure function of the pace and the log's times. They are absolute, so that delays do not add up.
//
// Thread-safety: one thread at a time.
#pragma once

#include <optional>

#include "base/quantities.hpp"
#include "replay/replay.hpp"

namespace leakline::replay {

class Schedule {
  public:
    // max_gap: longer pauses between two records are cut to this, in the log's time (before the speed is applied).
    explicit Schedule(const Pace& pace, std::optional<Nanoseconds> max_gap = std::nullopt) : pace_(pace), max_gap_(max_gap) {}

    // Before the first due(): the stamp that is due at the start of the round, where that is not the first record's. For one
    // of several shards, whose users may come late in the log: all have to begin with its time.
    void begin_at(Nanoseconds at);

    // The due time of the next record, from the start of the round; never earlier than that of the previous record.
    // Pace max: nothing is ever due, the result is 0.
    Nanoseconds due(Nanoseconds at);

    // The due time, in this round, of a next round's first record: a mean interval after the last. Nothing where the pace, or
    // the log, has none.
    std::optional<Nanoseconds> next_round() const;

    // Requests due per second so far; nothing if the pace has no rate of its own or no time has passed yet.
    std::optional<double> target_rate() const;

  private:
    Pace pace_;
    std::optional<Nanoseconds> max_gap_;
    std::uint64_t count_ = 0;
    bool begun_ = false;              // first_ is known
    Nanoseconds first_{}, newest_{};  // stamps
    Nanoseconds cut_{};               // removed from pauses so far
    Nanoseconds due_{};
};

}  // namespace leakline::replay
