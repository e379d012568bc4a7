// Memory retained per connection, in addition to that per request. Plain data.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "model/lines.hpp"
#include "model/series.hpp"

namespace leakline {

// A run with one connection per request, to see whether a cache of sessions fills up.
struct LongConnectionRun {
    std::uint64_t connections = 0;
    double growth_bytes = 0;  // of memory
    Trend verdict = Trend::inconclusive;
    std::optional<Interval> bytes_per_connection = std::nullopt;  // at the end
    std::optional<double> detectable_bytes_per_connection = std::nullopt;
};

// By a regression of live heap bytes over blocks of traffic whose numbers of requests and of connections vary independently.
// Intervals are 95 %.
struct ConnectionGrowth {
    struct Line {
        CodeLine at;
        Interval bytes_per_connection;
    };
    Interval bytes_per_connection;               // of the leaking lines; if there are none, of the whole heap
    Interval bytes_per_request;                  // of the whole heap
    double detectable_bytes_per_connection = 0;  // a leak of this size is found 9 times out of 10
    std::uint64_t blocks = 0, connections = 0, requests = 0;
    bool leaks = false;
    std::vector<Line> lines;  // lines that leak per connection, largest first
    std::optional<LongConnectionRun> long_run;
};

}  // namespace leakline
