// What growth follows: the requests that a service answers, or the time that passes. Plain data.
#pragma once

#include <optional>
#include <string_view>

#include "model/series.hpp"

namespace leakline {

enum class Follows {
    unknown,   // the run could not tell
    requests,  // so many bytes per request, whatever the pace
    time,      // so many bytes per hour, whatever the traffic: a timer, a background thread
    both,
};
std::string_view follows_name(Follows follows);  // "unknown", "requests", "time", "both"

// Growth in two parts. Only bytes_per_request may be restated at another rate of requests; the other part stays as it is.
struct GrowthSplit {
    Follows follows = Follows::unknown;
    std::optional<Interval> bytes_per_request;       // where it follows requests or both
    std::optional<Interval> bytes_per_hour_by_time;  // where it follows time or both
};

// Growth as the verdict states it, so that all reports state the same.
struct StatedGrowth {
    enum class Source {
        memory,   // as the kernel counts it
        lines,    // of the leaking lines, counted, where memory as a whole does not show it
        objects,  // of the live objects of a collected heap, counted by its runtime
        none,     // the run is invalid: nothing was measured
    };
    Source source = Source::memory;
    GrowthSplit split;
};
std::string_view source_name(StatedGrowth::Source source);  // "memory", "lines", "objects", "none"

}  // namespace leakline
