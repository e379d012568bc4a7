#include "replay/internal/schedule.hpp"

#include <algorithm>
#include <cmath>

#include "base/quantities.hpp"

namespace leakline::replay {

namespace {

// About a century: a slow pace of a long log is limited to it instead of overflowing.
Nanoseconds rounded(double ns) { return Nanoseconds(std::llround(std::min(ns, 4e18))); }

}  // namespace

void Schedule::begin_at(Nanoseconds at) {
    first_ = newest_ = at;
    begun_ = true;
}

Nanoseconds Schedule::due(Nanoseconds at) {
    const std::uint64_t index = count_++;
    switch (pace_.kind) {
        case Pace::Kind::max: break;
        case Pace::Kind::rate: due_ = rounded(static_cast<double>(index) / pace_.rate * 1e9); break;
        case Pace::Kind::recorded:
            if (!begun_) begin_at(at);
            if (at <= newest_) break;  // a late record is due together with the previous one
            if (max_gap_ && at - newest_ > *max_gap_) cut_ += at - newest_ - *max_gap_;
            newest_ = at;
            due_ = rounded(static_cast<double>((at - first_ - cut_).count()) / pace_.speed);
            break;
    }
    return due_;
}

std::optional<Nanoseconds> Schedule::next_round() const {
    if (pace_.kind == Pace::Kind::max || count_ == 0) return std::nullopt;
    if (pace_.kind == Pace::Kind::rate) return rounded(static_cast<double>(count_) / pace_.rate * 1e9);
    if (count_ < 2 || due_.count() <= 0) return std::nullopt;
    return due_ + due_ / static_cast<std::int64_t>(count_ - 1);
}

std::optional<double> Schedule::target_rate() const {
    if (pace_.kind == Pace::Kind::max) return std::nullopt;
    if (pace_.kind == Pace::Kind::rate) return pace_.rate;
    if (count_ < 2 || due_.count() <= 0) return std::nullopt;
    return static_cast<double>(count_ - 1) / to_seconds(due_);
}

}  // namespace leakline::replay
