// What a diagnosis says of its traffic, in words: made once, so that all formats agree. Pure.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "model/diagnosis.hpp"

namespace leakline::report {

struct TrafficRow {
    std::string_view name;  // "per connection", "identifiers", "values", "gRPC", "not tested"
    std::string text;
};
// Growth per connection beside growth per request, identifiers that were made fresh, and what was not served; only what
// there is to say.
std::vector<TrafficRow> traffic_rows(const Diagnosis& diagnosis);
// The same of a replay: "new values in each round: field request_id"; "" where there were none.
std::string fresh_text(const ReplayStats& stats);
// Values of responses: "980 requests sent with values of responses; {token} found in 20 of 20 responses; 12 requests not sent ..."; "" where
// none were asked for.
std::string values_text(const ReplayStats& stats);
// Responses by the name of their gRPC status: "980 x OK, 20 x UNAVAILABLE"; "" where there were none.
std::string grpc_text(const ReplayStats& stats);
// Kinds of request that were not served; "" where all were.
std::string not_tested_text(const Coverage& coverage);

}  // namespace leakline::report
