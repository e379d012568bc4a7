// The native log format, one request per line. What `trackd --record` and `leakline capture` write and `leakline replay`
// reads (replay/format_jsonl.*):
//
//   {"ts_ns":INT,"method":STR,"url":STR,"headers":{NAME:STR or [STR...]},"body":STR | "body_b64":STR,
//    "conn":STR, "status":INT, "resolution_ns":INT, "response":{...}}
//
// ts_ns is nanoseconds since the Unix epoch, null if the log had no times. resolution_ns is present if that is coarse, as the
// whole seconds of a text log are: the replay spreads such requests over it. body holds bodies that are valid UTF-8, body_b64 (RFC 4648) all others, so
// that every body is preserved byte by byte; neither: no body. A header that occurs several times has an array. conn and
// status are present only if known, response (recorded_response.hpp) if it was recorded.
//
// Pure functions, safe from any thread.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "base/json_scan.hpp"
#include "model/request.hpp"

namespace leakline {

// Appends the line for request, with its "\n". Bytes of method, url and headers that are not UTF-8 are taken as
// ISO 8859-1 (RFC 9112, section 5.5 on old field values), so that the line is valid JSON whatever it holds.
void append_jsonl(std::string& out, const Request& request);

// Parts of such a line, which recorded responses have too: ,"headers":{...}, and ,"body":"..." where there is a body.
void append_json_headers(std::string& out, const std::vector<std::pair<std::string, std::string>>& headers);
void append_json_body(std::string& out, std::string_view body);
// Reads the value that append_json_headers() writes, NAME:STR or [STR...]. headers: pairs, of strings or of views.
template <class Headers>
bool take_json_headers(JsonScan& scan, Headers& headers) {
    return scan.object([&](std::string_view name) {
        const auto one = [&] {
            std::string_view value;
            if (!scan.scalar(value)) return false;
            headers.emplace_back(name, value);
            return true;
        };
        return scan.next_is('[') ? scan.array(one) : one();
    });
}

void append_base64(std::string& out, std::string_view bytes);
// Appends the decoded bytes to out; false (out has the bytes before the fault) on an invalid character or length.
// Padding may be absent; the URL-safe alphabet is accepted too.
bool append_from_base64(std::string& out, std::string_view text);

}  // namespace leakline
