// Recorded traffic and the results of its replay. Plain data.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/quantities.hpp"
#include "model/coverage.hpp"

namespace leakline {

struct Request {
    Nanoseconds at{};  // since the Unix epoch (or any origin that the whole log shares)
    bool has_time = true;
    Nanoseconds resolution{};  // resolution of a coarse time: 1 s in text logs; a replay spreads such requests evenly over it
    std::string method = "GET";
    std::string target = "/";  // path and query
    std::vector<std::pair<std::string, std::string>> headers;
    std::string body;
    std::string connection;         // requests with the same non-empty name are sent on one connection, in order
    std::uint64_t source_line = 0;  // in the log, from 1 (or the byte offset for logs without lines)
    std::optional<int> recorded_status;
    std::string response;  // that was recorded, as the native log has it (recorded_response.hpp); empty: none
};

// How a request without a status ended.
enum class Failure { connect, write, reset, eof, timeout, malformed, aborted };
inline constexpr std::size_t kFailureCount = 7;
std::string_view failure_name(Failure failure);
// The same as text for users: "connection failed".
std::string_view failure_text(Failure failure);

// A hint if a service answers many requests with this status, with options of the command line:
// "--header 'Authorization: Bearer TOKEN' sets credentials". "" if there is none.
std::string_view status_hint(int status);

// Microseconds.
struct LatencySummary {
    double p50 = 0, p90 = 0, p99 = 0, p999 = 0, max = 0, mean = 0;
    std::uint64_t count = 0;
    std::string buckets;  // the histogram, so that results can be added (see replay/histogram); empty: not known
};

// Values of responses that were sent in later requests (--extract, --substitute, --cookies).
struct ReplayValues {
    std::uint64_t substituted = 0;  // requests sent with such a value
    std::uint64_t as_recorded = 0;  // requests sent with the recorded value, because none was there (--missing-value recorded)
    std::uint64_t skipped = 0;      // requests not sent, because no response of their session had given the value; part of unsent
    std::uint64_t cookies = 0;      // Set-Cookie headers taken
    std::uint64_t undecodable = 0;  // responses whose compression is not known (br)
    std::uint64_t unusable = 0;     // values with a line break, which cannot be sent in a header
    struct Extracted {
        std::string name;
        std::uint64_t searched = 0, found = 0;  // responses
        std::uint64_t missing = 0;              // requests that needed it
    };
    std::vector<Extracted> extracted;
};

// In every run, also an interrupted one: read = bad + filtered + sent + unsent, and
// sent = sum of statuses + sum of failures.
struct ReplayStats {
    std::uint64_t read = 0, bad = 0, filtered = 0, sent = 0, unsent = 0, completed = 0;
    std::map<int, std::uint64_t> statuses;
    std::map<int, std::uint64_t> grpc_statuses;  // of responses with status 200 to gRPC requests, by gRPC's code; -1: without one
    std::uint64_t http2 = 0;                     // responses over HTTP/2
    std::array<std::uint64_t, kFailureCount> failures{};
    std::uint64_t late = 0;         // records that were too late for the reorder window
    std::uint64_t unexpected = 0;   // completed with a status other than the caller expects
    std::string expected;           // the statuses that the caller expects: "2xx,404"; "" if not given
    std::string failure_cause;      // of the most frequent failure, and a hint: "connection refused"; "" if not known
    std::uint64_t connections = 0;  // that were opened
    std::uint64_t retried = 0;      // attempts beyond the first: on stale keep-alive connections, of refused HTTP/2 streams
    LatencySummary latency;         // from the due time to the last byte of the response
    LatencySummary service;         // from the first byte written
    LatencySummary send_lag;        // from the due time to the first byte written
    double duration_s = 0;
    double rate = 0;                    // sent per second, from the first request of a round to its last, without waiting for responses
    std::optional<double> target_rate;  // due per second, if the pace has a rate
    bool valid = true;                  // send lag and achieved rate are within bounds, and most requests succeeded
    std::vector<std::string> reasons;   // why not
    struct PathStats {
        std::uint64_t sent = 0, completed = 0, errors = 0;
        std::uint64_t failed_as_recorded = 0;  // of the errors: answers that were errors in the log too, or that were expected
        std::uint64_t refused_fresh = 0;       // of the errors: of a kind in not_fresh, because of its fresh identifiers
        LatencySummary latency;
    };
    // Identifiers that got new values in each round but the first: "field request_id", "header X-Request-Id".
    std::vector<std::string> fresh;
    // Kinds of requests that were sent with the log's values because fresh ones were refused: "GET /items/*".
    std::vector<std::string> not_fresh;
    std::uint64_t log_requests = 0;          // read in one pass over the log, bad lines not counted
    std::vector<LeftOut> left_out;           // of these
    std::optional<ReplayValues> values;      // absent: not asked for
    std::map<std::string, PathStats> paths;  // "POST /api/track", a bounded number of them
    std::vector<std::string> warnings;
};

}  // namespace leakline
