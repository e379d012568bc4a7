// What connections leave behind, beside what requests do. Plain data.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "model/lines.hpp"
#include "model/series.hpp"

namespace leakline {

// By a regression of live heap bytes over blocks of traffic whose numbers of requests and of connections vary independently.
// Intervals are 95 %.
struct ConnectionGrowth {
    struct Line {
        CodeLine at;
        Interval bytes_per_connection;
    };
    // A run in which each request had a connection of its own, to see whether a cache of sessions fills up.
    struct LongRun {
        std::uint64_t connections = 0;
        double growth_bytes = 0;  // of memory
        Trend verdict = Trend::inconclusive;
        std::optional<Interval> bytes_per_connection = std::nullopt;  // at the end
        std::optional<double> detectable_bytes_per_connection = std::nullopt;
    };
    Interval bytes_per_connection;               // of the lines that leak; where none does, of the whole heap
    Interval bytes_per_request;                  // of the whole heap
    double detectable_bytes_per_connection = 0;  // a leak of this size would be found 9 times out of 10
    std::uint64_t blocks = 0, connections = 0, requests = 0;
    bool leaks = false;
    std::vector<Line> lines;  // that leak per connection, largest first
    std::optional<LongRun> long_run;
};

}  // namespace leakline
