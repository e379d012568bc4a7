// Days of traffic in minutes: what a compressed soak showed, and what it says of the days themselves. Plain data.
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
    // Why it ended there.
    enum class End {
        whole,      // all of the hours that were asked about were replayed
        decided,    // the slower run: with the faster one's, it told enough
        limit,      // memory was at its limit
        killed,     // the kernel killed it at its limit
        memory,     // the machine's own memory ran short
        time,       // the real time that it may take was over
        exhausted,  // it had nearly used up its descriptors or mappings
        stopped,    // interrupted, or the service died of something else
    };

    double time_scale = 1;  // times as fast as it was recorded
    double duration_s = 0;  // of real time
    double hours = 0;       // of traffic: what the log took to bring as many requests
    double kept_up = 1;     // how far the log was read at the end, as a share of where the speed would have it
    std::uint64_t requests = 0;
    double settled_h = 0;  // hours of traffic until memory first was about at the level that it holds; 0 where it holds none
    TrendVerdict trend;    // of memory, at the pace of the run
    End end = End::whole;
    std::optional<double> limit_reached_h;  // hours of traffic until memory was first at the limit
};

struct Soak {
    enum class Growth {
        none,           // memory is flat at both speeds
        with_requests,  // as many bytes a request at both speeds: the speed makes no difference, so it can be extrapolated
        with_time,      // more bytes a request at the lower speed: part of it comes with time, independent of requests
        unclear,        // neither can be told
    };

    double hours = 72;            // of traffic that are asked about
    bool service_scaled = false;  // the service's own clock ran as fast as its traffic
    double capacity = 0;          // requests per second that it answered at maximum pace; 0 where nobody asked
    std::vector<SoakRun> runs;    // the faster one first; fewer than two where the service died or we were interrupted
    Growth growth = Growth::unclear;
    std::optional<Interval> bytes_per_request;  // where it grows with requests: covers what both runs allow
    std::optional<Interval> level_bytes;        // memory after `hours` at the log's own rate; nothing: not to be told
    std::optional<Interval> time_to_limit_h;    // at that rate, from a fresh start
    std::string reason;                         // of growth
};
std::string_view soak_end_name(SoakRun::End end);        // "whole", "decided", ...
std::string_view soak_growth_name(Soak::Growth growth);  // "none", "with requests", ...

}  // namespace leakline
