// Which values of responses go into which later requests of the same session: what --extract and --substitute say.
//
// Plain data; pure functions, safe from any thread.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/json_path.hpp"

namespace leakline::replay {

// The requests that a rule is about: "POST /orders/*", "/login", "".
struct RequestScope {
    std::string method;                 // upper case; empty: all
    std::vector<std::string> segments;  // of the path; "*": any; "**" at the end: any number of any; empty: all
    // target: path and query.
    bool covers(std::string_view request_method, std::string_view target) const;
};

// "token=POST /login .body.access_token": a value and where a response has it. Several may give the same value.
struct Extraction {
    enum class Source { body, header, cookie };
    std::string name;
    RequestScope scope;
    Source source = Source::body;
    JsonPath path;      // of a body
    std::string field;  // the header's or the cookie's name
    std::string text;   // as it was written
};
// Throws Error{usage}.
Extraction parse_extraction(const std::string& text);

// "header:Authorization=Bearer {token}": a part of a request and what is sent instead of what was recorded.
struct Substitution {
    enum class Target { header, cookie, query, path, body };
    struct Piece {
        std::string literal;
        int value = -1;  // follows the literal: the number of the first extraction with its name; -1: none
    };
    RequestScope scope;
    Target target = Target::header;
    std::string field;        // of a header, a cookie or a parameter: its name
    std::size_t segment = 0;  // of a path, from 0
    JsonPath path;            // of a JSON body; a single name also of a form
    std::vector<Piece> replacement;
    std::string text;  // as it was written
};
// Throws Error{usage}, also for a {name} that is no extraction's.
Substitution parse_substitution(const std::string& text, const std::vector<Extraction>& extractions);

// What happens to a request whose session has no value for it.
enum class MissingValue : std::uint8_t {
    skip,      // it is not sent
    recorded,  // it is sent as recorded
    shared,    // it is sent with the value that any other session got last; without one it is not sent
};

struct ValueOptions {
    static constexpr std::size_t kMaxExtractions = 31;

    std::vector<Extraction> extractions;
    std::vector<Substitution> substitutions;
    bool cookies = false;  // cookies that the service has set in the session are sent, as a browser does
    MissingValue missing = MissingValue::skip;
    std::vector<std::string> notes;  // the rules that were found (find_values), for the report

    bool any() const { return !extractions.empty() || !substitutions.empty() || cookies; }
};
// Throws Error{usage} for rules that contradict each other or that nothing uses.
void check(const ValueOptions& options);

// Which extractions a response is searched for: bit i for the extraction i, and kCookies.
using ExtractionSet = std::uint32_t;
inline constexpr ExtractionSet kCookies = ExtractionSet{1} << ValueOptions::kMaxExtractions;
ExtractionSet extractions_of(const ValueOptions& options, std::string_view method, std::string_view target);

}  // namespace leakline::replay
