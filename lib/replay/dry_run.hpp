// What a replay would send, without sending it. Constant memory: a pass over the logs.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/quantities.hpp"
#include "replay/replay.hpp"

namespace leakline::replay {

struct DryRun {
    std::uint64_t read = 0, bad = 0, filtered = 0, requests = 0;
    Bytes bytes = 0, largest = 0;                // of whole requests as they go over the wire
    std::map<std::string, std::uint64_t> paths;  // "POST /api/track"
    struct Host {
        std::string name;
        std::uint64_t requests = 0, left_out = 0;  // left_out: for their host
    };
    std::vector<Host> hosts;                 // that the log names, by URL or Host header, the most frequent first
    std::uint64_t sessions = 0;              // requests that keep to their session's connection
    std::optional<Nanoseconds> first, last;  // stamps
    int rounds = 1;                          // 0: without end
    std::optional<Nanoseconds> round;        // from the first request due to the last, at the pace asked for; max has none
    std::optional<Nanoseconds> duration;     // asked for: it may end the replay before
    Nanoseconds step{};                      // of rate
    std::vector<std::uint64_t> rate;         // requests in each step from first on; at most 60 steps
    std::string formats;
    std::vector<std::string> warnings;
};

// Throws as run() does, for the logs.
DryRun dry_run(const ReplayOptions& options);

std::string dry_run_text(const DryRun& result);
// {"schema": 1, "read", "bad", "filtered", "requests", "bytes", "largest_bytes", "first_ns", "last_ns", "span_s", "rate",
//  "rounds", "round_s" (null at pace max), "formats", "paths": {...},
//  "hosts": {NAME: {"requests", "left_out"}}, "steps": {"seconds", "requests": [...]}, "warnings": [...]}
std::string dry_run_json(const DryRun& result);

}  // namespace leakline::replay
