// Waiting that a std::stop_token ends: what can be interrupted takes a token in its options, and waits with these.
//
// Thread-safety: each object and call from one thread; the token is requested from any.
#pragma once

#include <functional>
#include <optional>
#include <stop_token>

#include "base/quantities.hpp"
#include "system/descriptor.hpp"

namespace leakline {

// A descriptor that becomes readable when stop is requested, and stays so: for poll(2) beside others.
class StopDescriptor {
  public:
    // Throws Error{system} where the process has no descriptor left.
    explicit StopDescriptor(const std::stop_token& stop);
    // Valid until this goes. -1 for a token that is never requested: poll(2) passes over it.
    int get() const { return event_.get(); }
    bool requested() const { return stop_.stop_requested(); }

  private:
    struct Wake {
        int descriptor;
        void operator()() const noexcept;
    };
    std::stop_token stop_;
    Descriptor event_;
    std::optional<std::stop_callback<Wake>> wake_;  // goes first: it writes to event_
};

// Waits until a read of descriptor (a write to it) does not wait, its other end is closed, or stop is requested: false.
bool wait_readable(int descriptor, const StopDescriptor& stop);
bool wait_writable(int descriptor, const StopDescriptor& stop);

// Sleeps; false as soon as stop is requested, or where it has been. until: of the monotonic clock.
bool sleep_for(const std::stop_token& stop, Nanoseconds duration);
bool sleep_until(const std::stop_token& stop, Nanoseconds until);

}  // namespace leakline
