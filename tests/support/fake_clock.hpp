// A clock that only moves when told to (or when something sleeps on it). For one thread.
#pragma once

#include "system/clock.hpp"

namespace leakline::test {

class FakeClock : public Clock {
  public:
    Nanoseconds monotonic() const override { return now_; }
    Nanoseconds wall() const override { return epoch_ + now_; }
    void sleep_until(Nanoseconds until) override {
        if (until > now_) now_ = until;
    }
    void advance(Nanoseconds by) { now_ += by; }

  private:
    Nanoseconds now_{0};
    Nanoseconds epoch_{std::chrono::seconds(1'700'000'000)};
};

}  // namespace leakline::test
