// Sends a recorded log to an HTTP service and accounts for every request.
#pragma once

#include <atomic>
#include <functional>
#include <string>
#include <vector>

#include "model/request.hpp"

namespace leakline::replay {

struct Pace {
    enum class Kind { recorded, rate, max };
    Kind kind = Kind::recorded;
    double speed = 1;  // recorded: how many times faster
    double rate = 0;   // rate: requests per second, open loop
};

// What others may watch while it runs.
struct Progress {
    std::atomic<std::uint64_t> sent{0}, completed{0}, failed{0};
};

struct ReplayOptions {
    std::vector<std::string> logs;
    std::string target;  // http://host:port
    Pace pace;
    int connections = 32;
    int rounds = 1;
    Nanoseconds timeout = std::chrono::seconds(10);
    Nanoseconds grace = std::chrono::seconds(5);     // for what is in flight when stopped
    std::uint64_t max_bad_lines = 10;                // more: Error{input}
    Progress* progress = nullptr;
    // Polled at least ten times a second; true ends the replay as an interruption does. The caller sets it from another
    // thread when it sees that the target has died.
    const std::atomic<bool>* stop = nullptr;
    // Called when all requests of a round (from 1) are answered, before the next begins. false ends the replay.
    std::function<bool(int round)> after_round;
};

// Throws Error{input} for an unusable log or target. An interruption (base/process) ends it early and is no error:
// the statistics then say what was unsent.
ReplayStats run(const ReplayOptions& options);

}  // namespace leakline::replay
