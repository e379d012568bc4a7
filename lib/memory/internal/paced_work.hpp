// Work that is repeated while a service runs, but not so often that it takes much of a processor's time.
//
// Thread-safety: one object, one thread at a time.
#pragma once

#include <algorithm>

#include "base/quantities.hpp"
#include "system/clock.hpp"

namespace leakline::memory {

class PacedWork {
  public:
    // between: the least time between two beginnings.
    explicit PacedWork(Nanoseconds between) : between_(between) {}

    // Does the work if it is due: it takes at most a 50th of the time.
    template <class Work>
    void run(Nanoseconds now, const Work& work) {
        if (now < next_) return;
        constexpr int kRest = 49;  // times what the work took
        const Nanoseconds begin = system_clock().monotonic();
        work();
        next_ = now + std::max(between_, (system_clock().monotonic() - begin) * kRest);
    }

  private:
    Nanoseconds between_, next_{};
};

}  // namespace leakline::memory
