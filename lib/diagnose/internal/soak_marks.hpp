// Inside lib/diagnose only.
#pragma once

#include <atomic>
#include <stop_token>

#include "diagnose/internal/measured_target.hpp"

namespace leakline::diagnose {

// Decides when the run of a soak counts the service's resources. A soak has no quiet time of its own, and what requests in flight hold for a
// moment follows the traffic's daily curve. So the replay pauses at equal parts of the run, until all is answered and closed and a
// moment longer, and counts then. The pauses take a twentieth of the time where that leaves enough marks for the test.
//
// Thread-safety: see each function.
class SoakMarks {
  public:
    // longest_s: what the run may take. Takes the first mark, before the traffic. target must outlive this.
    SoakMarks(MeasuredTarget& target, double longest_s, const std::stop_token& stop);

    // The replay is to pause when this asks for it. The options must not outlive this.
    void join(replay::ReplayOptions& options);
    // The completed part of the run, 0..1; from any thread, one at a time.
    void progress(double done);
    // Nothing is sent any more: the last mark, where it is not too close to the one before it. From the thread that replayed.
    void finish();
    // Marks after the first. From the thread that replays.
    int taken() const { return taken_; }
    // Nearly as many as a run has by design: a pool that fills was given the time.
    bool complete() const { return taken_ * 4 >= wanted_ * 3; }
    // How long the traffic has been paused; from any thread.
    double paused_s() const;

  private:
    void mark();

    MeasuredTarget& target_;
    const std::stop_token stop_;
    const int wanted_;
    std::atomic<bool> pause_{false};
    std::atomic<double> done_{0}, next_, paused_s_{0}, pause_began_s_{0};  // began: 0 outside of a pause
    double marked_at_ = 0;                                                 // of done_
    int taken_ = 0;
};

}  // namespace leakline::diagnose
