// A response that was recorded with its request. In the native log it is the member "response" of the request's line:
//
//   {"status":INT,"headers":{NAME:STR or [STR...]},"body":STR | "body_b64":STR,"latency_ns":INT}
//
// body is absent where there is none; latency_ns is the time from the request to the end of the response, absent if it is not known.
//
// Pure functions, safe from any thread.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/quantities.hpp"

namespace leakline {

struct RecordedResponse {
    int status = 200;
    std::vector<std::pair<std::string, std::string>> headers;
    std::string body;
    std::optional<Nanoseconds> latency;
};

// Appends the JSON object.
void append_json(std::string& out, const RecordedResponse& response);

// Nothing if text is not such an object.
std::optional<RecordedResponse> parse_recorded_response(std::string_view text);

}  // namespace leakline
