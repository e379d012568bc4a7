// The result of a soak, days of traffic replayed in minutes, and its extrapolation to those days. Plain data.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "model/series.hpp"

namespace leakline {

// The log, repeatedly, at one speed.
struct SoakRun {
    // Why it ended.
    enum class End {
        whole,      // all requested hours were replayed
        decided,    // the slower run: it was conclusive together with the faster one
        limit,      // memory was at its limit
        killed,     // the kernel killed it at its limit
        memory,     // the machine's own memory ran short
        time,       // its time was used up
        exhausted,  // it had nearly used up its descriptors or mappings
        stopped,    // interrupted, or the service exited for another reason
    };

    double time_scale = 1;  // times as fast as it was recorded
    double duration_s = 0;  // of real time
    double hours = 0;       // of traffic: the log's time for as many requests
    double kept_up = 1;     // how far the log was read at the end, as a share of the planned part
    std::uint64_t requests = 0;
    double settled_h = 0;  // hours of traffic until memory first was near its final level; 0 if it has none
    TrendVerdict trend;    // of memory, at the pace of the run
    End end = End::whole;
    std::optional<double> limit_reached_h;  // hours of traffic until memory was first at the limit
};

struct Soak {
    enum class Growth {
        none,           // memory is flat at both speeds
        with_requests,  // the same bytes per request at both speeds, so it can be extrapolated
        with_time,      // more bytes per request at the lower speed: part of it follows time, independent of requests
        unclear,        // unknown
    };

    double hours = 72;            // requested hours of traffic
    bool service_scaled = false;  // the service's own clock ran as fast as its traffic
    double capacity = 0;          // requests per second that it answered at maximum pace; 0 if not measured
    std::vector<SoakRun> runs;    // the faster one first; fewer than two if the service died or on an interruption
    Growth growth = Growth::unclear;
    std::optional<Interval> bytes_per_request;  // if it grows with requests: covers the intervals of both runs
    std::optional<Interval> level_bytes;        // memory after `hours` at the log's own rate; nothing: unknown
    std::optional<Interval> time_to_limit_h;    // at that rate, from the start of the service
    std::string reason;                         // of growth
};
std::string_view soak_end_name(SoakRun::End end);        // "whole", "decided", ...
std::string_view soak_growth_name(Soak::Growth growth);  // "none", "with requests", ...

}  // namespace leakline
