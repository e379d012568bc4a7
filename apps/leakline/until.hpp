// Waits until the duration of a command that serves is over, or it is stopped.
//
// Thread-safety: one thread.
#pragma once

#include <algorithm>
#include <optional>
#include <stop_token>
#include <utility>

#include "base/quantities.hpp"
#include "system/clock.hpp"
#include "system/stop.hpp"

namespace leakline::cli {

class Until {
  public:
    Until(std::optional<Nanoseconds> duration, std::stop_token stop) : duration_(duration), stop_(std::move(stop)) {}

    // Sleeps for as long as a progress display may stand still; false: it is over.
    bool step() {
        const auto wait = next_wait();
        if (wait) sleep_for(stop_, *wait);
        return wait.has_value();
    }
    // The same for a caller that waits by itself: how long. Nothing: it is over.
    std::optional<Nanoseconds> next_wait() {
        constexpr Nanoseconds kStep = std::chrono::milliseconds(200);
        spent_ = system_clock().monotonic() - start_;
        if (stop_.stop_requested() || (duration_ && spent_ >= *duration_)) return std::nullopt;
        return duration_ ? std::min(kStep, *duration_ - spent_) : kStep;
    }
    // Of the duration, at the last step.
    std::optional<double> share() const { return duration_ ? std::optional(to_seconds(spent_) / to_seconds(*duration_)) : std::nullopt; }

  private:
    std::optional<Nanoseconds> duration_;
    std::stop_token stop_;
    Nanoseconds start_ = system_clock().monotonic(), spent_{};
};

}  // namespace leakline::cli
