// Marks are requested for at times of our clock; the stream has the tracker's, which counts milliseconds from a start of its
// own. What has just arrived was written before now, so that start was no later than now - the newest tick in it; the
// earliest such bound is within a tick of the truth. Marks wait until the stream holds their time: then as much as can be
// is known of that start. Not thread-safe.
#pragma once

#include <algorithm>
#include <deque>
#include <optional>
#include <string_view>
#include <utility>

#include "base/quantities.hpp"
#include "heap/internal/mark_schedule.hpp"

namespace leakline::heap {

class MarkClock {
  public:
    void request_mark(MarkSchedule::Requested mark) { waiting_.push_back(std::move(mark)); }  // mark.at: of CLOCK_MONOTONIC
    std::size_t waiting() const { return waiting_.size(); }

    // Whole lines of the raw stream that have arrived by `now`. Calls take(MarkSchedule::Requested) for each mark whose time
    // they reach, with `at` on the tracker's clock, in the order they were requested for.
    template <class Take>
    void see(std::string_view lines, Nanoseconds now, Take&& take) {
        const auto newest = newest_tick(lines);
        if (!newest) return;
        const Nanoseconds bound = now - *newest;
        if (!tracker_start_ || bound < *tracker_start_) tracker_start_ = bound;
        while (!waiting_.empty() && waiting_.front().at - *tracker_start_ <= *newest) {
            waiting_.front().at = std::max(waiting_.front().at - *tracker_start_, Nanoseconds::zero());
            take(std::move(waiting_.front()));
            waiting_.pop_front();
        }
    }
    // At the end of the stream: those that it never reached, as they were requested for.
    std::deque<MarkSchedule::Requested> take_remaining() { return std::exchange(waiting_, {}); }

  private:
    static std::optional<Nanoseconds> newest_tick(std::string_view lines);

    std::optional<Nanoseconds> tracker_start_;
    std::deque<MarkSchedule::Requested> waiting_;
};

}  // namespace leakline::heap
