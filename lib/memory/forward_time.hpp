// Times of samples: the wall clock's, but never going back. A wall clock that is set back (by an operator, or
// by NTP after a bad start) would give a file whose rows are out of order; while it is behind, time goes on from the last
// sample by the monotonic clock. A clock that is set forward is followed.
//
// Thread-safety: one object, one thread at a time.
#pragma once

#include <optional>

#include "base/quantities.hpp"

namespace leakline::memory {

class ForwardTime {
  public:
    // Since the Unix epoch, from the current values of both clocks.
    Nanoseconds at(Nanoseconds wall, Nanoseconds monotonic) {
        if (last_ && wall <= *last_) wall = *last_ + (monotonic - last_monotonic_);
        last_ = wall;
        last_monotonic_ = monotonic;
        return wall;
    }

  private:
    std::optional<Nanoseconds> last_;
    Nanoseconds last_monotonic_{};
};

}  // namespace leakline::memory
