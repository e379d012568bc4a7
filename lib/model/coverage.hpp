// What a run did not exercise: a verdict of no leak holds for what was served alone. Plain data.
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

// One kind of request of which a part was not served, or all.
struct KindCoverage {
    std::string kind;
    std::uint64_t left_out = 0, without_body = 0;  // in one pass over the log; without_body: of these, for want of a body
    std::uint64_t sent = 0, failed = 0;            // in all; failed: but not those that failed when the log was recorded
    bool mostly_failed() const { return failed * 2 > sent; }
};

struct Coverage {
    std::uint64_t log_requests = 0;   // in one pass over the log
    std::vector<KindCoverage> kinds;  // that were left out or mostly failed, the most frequent first
    // Kinds that were served with the identifiers of the log alone, because the service refused fresh ones: what it keeps per new
    // identifier did not show.
    std::vector<std::string> recorded_identifiers;
};

}  // namespace leakline
