// A schedule of ticks: tick k is due at start + k * interval, however long earlier ticks took. Pure.
#pragma once

#include <cstdint>

#include "base/quantities.hpp"

namespace leakline::memory {

class TickSchedule {
  public:
    // The first tick is due at start. interval > 0.
    TickSchedule(Nanoseconds start, Nanoseconds interval) : interval_(interval), due_(start) {}

    Nanoseconds due() const { return due_; }
    bool is_due(Nanoseconds now) const { return now >= due_; }
    std::uint64_t missed() const { return missed_; }  // missed ticks

    // Call when the due tick was taken, at `now`: the next is the first tick after now that is on the grid. A late
    // tick is taken once; missed ones are not repeated.
    void taken(Nanoseconds now) {
        const auto passed = now < due_ ? std::int64_t{0} : (now - due_) / interval_;
        missed_ += static_cast<std::uint64_t>(passed);
        due_ += (passed + 1) * interval_;
    }

  private:
    Nanoseconds interval_, due_;
    std::uint64_t missed_ = 0;
};

}  // namespace leakline::memory
