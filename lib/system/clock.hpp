// Time as an argument, so that tests control it.
#pragma once

#include "base/quantities.hpp"

namespace leakline {

// Implementations are safe from any thread.
class Clock {
  public:
    virtual ~Clock() = default;
    virtual Nanoseconds monotonic() const = 0;  // since an arbitrary start; never steps back
    virtual Nanoseconds wall() const = 0;       // since the Unix epoch
    // Returns when monotonic() >= until, or earlier when woken by a signal.
    virtual void sleep_until(Nanoseconds until) = 0;
};

// CLOCK_MONOTONIC, CLOCK_REALTIME, clock_nanosleep.
Clock& system_clock();

}  // namespace leakline
