// Traffic in rounds, with a time without requests after each, for both runs of a diagnosis. Each round has connections
// of its own, which are closed before that time: memory retained per closed connection is measured, that of open ones is not.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "base/quantities.hpp"
#include "model/diagnosis.hpp"
#include "replay/replay.hpp"

namespace leakline::diagnose {

struct RoundPlan {
    RoundPlan() {
        replay.connections = 8;
        replay.fresh.detect = true;
    }

    // Which logs, where to, and how they are read, shaped and sent. The rounds have their own way with its rounds, duration,
    // max_lag, progress, latency, target_gone, after_round and closes_after_round.
    replay::ReplayOptions replay;
    int rounds = 8;
    Nanoseconds minimum_round = std::chrono::milliseconds(750);  // at maximum pace the log is repeated until a round is at least this long
    Nanoseconds quiet = std::chrono::milliseconds(200);          // between the last answer of a round and its mark
};

// Finds the identifiers that are made fresh from pass to pass (replay.fresh) in the log, once for all runs.
void plan_fresh_identifiers(RoundPlan& plan);

// All are called from the thread that runs the rounds, except tick.
struct RoundHooks {
    std::function<void()> idle_mark;                           // half of a round's quiet time is over; may be empty
    std::function<void(const Round&, int number)> quiet_mark;  // the traffic of round `number` (from 1) is answered
    std::function<bool()> enough;                              // asked after every plan.rounds rounds; false: as many again
    // Every 50 ms from a thread of its own, with the requests completed so far. false: stop, the target is gone.
    std::function<bool(std::uint64_t completed, int round, double round_fraction)> tick;
};

struct RoundsResult {
    std::vector<Round> rounds;  // whole ones; times are since `origin` (monotonic clock)
    ReplayStats stats;
    bool stopped = false;  // by tick, or by the plan's replay.stop
};

RoundsResult run_rounds(const RoundPlan& plan, replay::Progress& progress, Nanoseconds origin, const RoundHooks& hooks);

}  // namespace leakline::diagnose
