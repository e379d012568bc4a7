// Writes requests in the native log format, one JSON object a line:
//   {"ts_ns":int,"method":str,"url":str,"headers":{name:str},"body":str | "body_b64":str}
// A body that is valid UTF-8 is written as text, any other in base64: either way a replay sends the same bytes.
// Headers that belong to one connection (Host, Connection, Content-Length, Transfer-Encoding, Expect) are left out; of a
// repeated header the last one stays. Pure functions.
#pragma once

#include <chrono>
#include <span>
#include <string>
#include <string_view>

#include "http/message.hpp"

namespace leakline::http {

// Appends the line for one request, with its end. at: since the Unix epoch.
void append_log_line(std::string& out, std::chrono::nanoseconds at, std::string_view method, std::string_view target,
                     std::span<const Header> headers, std::string_view body);

// Whole, shortest-form UTF-8 without surrogates, up to U+10FFFF (RFC 3629).
bool valid_utf8(std::string_view text);

}  // namespace leakline::http
