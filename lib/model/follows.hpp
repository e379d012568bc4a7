// Whether growth follows the requests that a service answers, or time. Plain data.
#pragma once

#include <optional>
#include <string_view>

#include "model/series.hpp"

namespace leakline {

enum class Follows {
    unknown,   // the run could not distinguish them
    requests,  // constant bytes per request at any pace
    time,      // constant bytes per hour with any traffic: a timer, a background thread
    both,
};
std::string_view follows_name(Follows follows);  // "unknown", "requests", "time", "both"

// Growth in two parts. Only bytes_per_request may be restated at another rate of requests; the other part stays as it is.
struct GrowthSplit {
    Follows follows = Follows::unknown;
    std::optional<Interval> bytes_per_request;       // if it follows requests or both
    std::optional<Interval> bytes_per_hour_by_time;  // if it follows time or both
};

// Growth as the verdict states it, so that all reports state the same.
struct StatedGrowth {
    enum class Source {
        memory,   // as the kernel counts it
        lines,    // of the leaking lines, counted, if memory as a whole does not show it
        objects,  // of the live objects of a collected heap, counted by its runtime
        none,     // the run is invalid: nothing was measured
    };
    Source source = Source::memory;
    GrowthSplit split;
};
std::string_view source_name(StatedGrowth::Source source);  // "memory", "lines", "objects", "none"

}  // namespace leakline
