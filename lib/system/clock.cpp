#include "system/clock.hpp"

#include <ctime>

namespace leakline {

namespace {

Nanoseconds read_clock(clockid_t id) {
    timespec now{};
    ::clock_gettime(id, &now);
    return std::chrono::seconds(now.tv_sec) + Nanoseconds(now.tv_nsec);
}

class SystemClock : public Clock {
  public:
    Nanoseconds monotonic() const override { return read_clock(CLOCK_MONOTONIC); }
    Nanoseconds wall() const override { return read_clock(CLOCK_REALTIME); }
    void sleep_until(Nanoseconds until) override {
        timespec at{};
        at.tv_sec = static_cast<time_t>(until.count() / 1'000'000'000);
        at.tv_nsec = static_cast<long>(until.count() % 1'000'000'000);
        ::clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &at, nullptr);
    }
};

}  // namespace

Clock& system_clock() {
    static SystemClock clock;
    return clock;
}

}  // namespace leakline
