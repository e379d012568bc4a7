#include "diagnose/internal/soak_marks.hpp"

#include <algorithm>
#include <cmath>

#include "base/quantities.hpp"
#include "system/clock.hpp"
#include "system/stop.hpp"

namespace leakline::diagnose {

namespace {

// What a service takes to put away what answered requests and closed connections held.
constexpr Nanoseconds kQuiet = std::chrono::milliseconds(100);
constexpr double kShareOfTime = 0.05;
// Ten intervals have two to spare for the test (see analysis/resources.hpp), more find rarer leaks.
constexpr int kMin = 10, kMax = 24;

double now_s() { return to_seconds(system_clock().monotonic()); }

int marks_for(double longest_s) {
    return std::clamp(static_cast<int>(std::min(longest_s * kShareOfTime / to_seconds(kQuiet), 1e6)), kMin, kMax);
}

}  // namespace

SoakMarks::SoakMarks(MeasuredTarget& target, double longest_s, const std::stop_token& stop)
    : target_(target), stop_(stop), wanted_(marks_for(longest_s)), next_(1.0 / wanted_) {
    target_.mark();
}

void SoakMarks::join(replay::ReplayOptions& options) {
    options.pause = &pause_;
    options.at_pause = [this] {
        pause_began_s_ = now_s();
        mark();
        // In this order: a reader in between sees too much of a pause, never too little.
        paused_s_ = paused_s_ + now_s() - pause_began_s_;
        pause_began_s_ = 0;
    };
}

void SoakMarks::progress(double done) {
    done_ = done;
    if (done >= next_ && done < 1) pause_ = true;
}

double SoakMarks::paused_s() const {
    const double began = pause_began_s_;
    return paused_s_ + (began > 0 ? now_s() - began : 0);
}

void SoakMarks::mark() {
    if (!sleep_for(stop_, kQuiet) || target_.gone()) return;
    target_.mark();
    ++taken_;
    marked_at_ = done_;
    next_ = (std::floor(marked_at_ * wanted_) + 1) / wanted_;
}

void SoakMarks::finish() {
    // A rise in a short time is no less likely to be chance, and less likely to be there.
    if (!target_.exhausted() && done_ - marked_at_ >= 0.5 / wanted_) mark();
}

}  // namespace leakline::diagnose
