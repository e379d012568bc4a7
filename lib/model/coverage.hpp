// Requests that a run did not exercise: a verdict of no leak applies only to what was served. Plain data.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace leakline {

// Why requests of the log were not sent.
enum class LeftOutWhy { filter, no_body };
inline std::string_view left_out_why_name(LeftOutWhy why) { return why == LeftOutWhy::filter ? "filter" : "no_body"; }

struct LeftOut {
    std::string kind;  // "POST /api/track"
    LeftOutWhy why = LeftOutWhy::filter;
    std::uint64_t requests = 0;  // in one pass over the log
};

// A kind of request of which some or all were not served.
struct KindCoverage {
    std::string kind;
    std::uint64_t left_out = 0, without_body = 0;  // in one pass over the log; without_body: the part of them that lacks a body
    std::uint64_t sent = 0, failed = 0;            // in all; failed: but not those that failed when the log was recorded
    bool mostly_failed() const { return failed * 2 > sent; }
};

struct Coverage {
    std::uint64_t log_requests = 0;   // in one pass over the log
    std::vector<KindCoverage> kinds;  // kinds that were skipped or mostly failed, the most frequent first
    // Kinds that were served only with the log's identifiers, because the service refused fresh ones: what it keeps per new
    // identifier could not be measured.
    std::vector<std::string> recorded_identifiers;
};

}  // namespace leakline
