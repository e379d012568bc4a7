// The requests that a replay would send. Plain data, made by replay/dry_run.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/quantities.hpp"

namespace leakline {

struct DryRun {
    std::uint64_t read = 0, bad = 0, filtered = 0, requests = 0;
    Bytes bytes = 0, largest = 0;                // of whole requests as they are sent
    std::map<std::string, std::uint64_t> paths;  // "POST /api/track"
    struct Host {
        std::string name;
        std::uint64_t requests = 0, left_out = 0;  // left_out: because of their host
    };
    std::vector<Host> hosts;                 // hosts in the log, by URL or Host header, the most frequent first
    std::uint64_t sessions = 0;              // requests that are bound to their session's connection
    std::optional<Nanoseconds> first, last;  // stamps
    int rounds = 1;                          // 0: without end
    std::optional<Nanoseconds> round;        // from the first due request to the last, at the requested pace; none at max pace
    std::optional<Nanoseconds> duration;     // requested: it may end the replay earlier
    Nanoseconds step{};                      // of rate
    std::vector<std::uint64_t> rate;         // requests in each step from first on; at most 60 steps
    std::string formats;
    std::vector<std::string> warnings;

    // Intervals per second, as in the replay; nothing if all requests have the same time.
    std::optional<double> per_second(Nanoseconds span) const {
        if (span.count() <= 0) return std::nullopt;
        return static_cast<double>(requests - 1) / to_seconds(span);
    }
};

}  // namespace leakline
