// The timeouts of one call: as the service asks for them, and as the call behind the hook gets them. They have no destructors, so
// that a thread may be cancelled within the call. One thread at a time.
#pragma once

#include <sys/time.h>
#include <time.h>

#include "clock/internal/service_clocks.hpp"

namespace leakline::clock {

// A duration. What stays as it is (nothing, invalid, short, endless, or unscaled time) is passed on as it came.
class Timeout {
  public:
    // clock: that the duration is counted by.
    explicit Timeout(const timespec* asked, clockid_t clock = CLOCK_MONOTONIC) : passed_(asked) {
        if (asked == nullptr || asked->tv_sec < 0 || !is_valid(*asked) || !is_scaled_clock(clock)) return;
        const Settings* const known = settings();
        asked_ns_ = to_ns(*asked);
        if (known == nullptr || !is_scaled_wait(*known, asked_ns_)) return;
        settings_ = known;
        real_ = to_timespec(real_wait(*known, asked_ns_));
        passed_ = &real_;
    }
    Timeout(const Timeout&) = delete;
    Timeout& operator=(const Timeout&) = delete;

    bool is_scaled() const { return settings_ != nullptr; }
    const timespec* get() const { return passed_; }
    // For calls that write into it what is left.
    timespec* writable() { return const_cast<timespec*>(passed_); }
    // What is left for the service when this is left of the call's time.
    timespec rest(const timespec& left) const {
        return is_scaled() ? to_timespec(remaining_service_time(*settings_, to_ns(left), asked_ns_)) : left;
    }
    // After a call that has written into writable().
    void write_remaining(timespec* to) const {
        if (is_scaled()) *to = rest(real_);
    }

  private:
    const Settings* settings_ = nullptr;
    const timespec* passed_;
    timespec real_{};
    std::int64_t asked_ns_ = 0;
};

// A time on a clock of the service.
class Deadline {
  public:
    Deadline(clockid_t clock, const timespec* until) : passed_(until) {
        if (until == nullptr || !is_valid(*until) || !is_scaled_clock(clock)) return;
        const Settings* const known = settings();
        if (known == nullptr) return;
        real_ = real_deadline(*known, clock, *until);
        passed_ = &real_;
    }
    Deadline(const Deadline&) = delete;
    Deadline& operator=(const Deadline&) = delete;

    const timespec* get() const { return passed_; }

  private:
    const timespec* passed_;
    timespec real_{};
};

// A timeout of poll(2) or epoll_wait(2).
inline int real_milliseconds(int asked) {
    if (asked <= 0) return asked;
    const Settings* const known = settings();
    const std::int64_t ns = std::int64_t{asked} * 1'000'000;
    if (known == nullptr || !is_scaled_wait(*known, ns)) return asked;
    return static_cast<int>(milliseconds_rounded_up(real_wait(*known, ns)));
}

}  // namespace leakline::clock
