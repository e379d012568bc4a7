// The clock of trackd: the system's, or one that runs --time-scale times as fast, so that hours of ttl and sweeps
// pass in seconds. Connection timeouts do not use it: the network is not faster.
#pragma once

#include "base/quantities.hpp"
#include "system/clock.hpp"

namespace leakline::service {

// Thread-safe.
class ScaledClock : public Clock {
  public:
    // Starts at the real clock's current time and runs scale (> 0) times as fast.
    ScaledClock(Clock& real, double scale) : real_(real), scale_(scale), monotonic_start_(real.monotonic()), wall_start_(real.wall()) {}

    Nanoseconds monotonic() const override { return monotonic_start_ + passed(); }
    Nanoseconds wall() const override { return wall_start_ + passed(); }
    void sleep_until(Nanoseconds until) override { real_.sleep_until(real_.monotonic() + real_time_until(until)); }

    // How long, in real time, until monotonic() is `until`; 0 where that is past.
    Nanoseconds real_time_until(Nanoseconds until) const {
        const Nanoseconds left = until - monotonic();
        if (left <= Nanoseconds(0)) return Nanoseconds(0);
        return Nanoseconds(static_cast<std::int64_t>(static_cast<double>(left.count()) / scale_) + 1);
    }
    double scale() const { return scale_; }

  private:
    Nanoseconds passed() const {
        const auto real = static_cast<double>((real_.monotonic() - monotonic_start_).count());
        return Nanoseconds(static_cast<std::int64_t>(real * scale_));
    }

    Clock& real_;
    const double scale_;
    const Nanoseconds monotonic_start_, wall_start_;
};

}  // namespace leakline::service
