// Serializes a record for the connection. Pure functions.
#pragma once

#include <string>
#include <string_view>

#include "http/close_field.hpp"
#include "replay/internal/record.hpp"

namespace leakline::replay {

// Appends the HTTP/1.1 request: the recorded method, target, headers and body; Host is host. Headers that describe
// the recorded connection and not about the request (Keep-Alive, Content-Length, Transfer-Encoding, Expect, ...) and
// HTTP/2's ":pseudo" ones are left out; of Connection only "close" is kept. Content-Length is that of the body as it is
// sent.
// False, and out unchanged, if method, target or a header has bytes that would split the request, or the target
// is no path.
bool append_wire(std::string& out, const Record& record, std::string_view host);
using http::is_connection_close;
// Whether the request says that its connection ends with it: "Connection: close".
bool closes_connection(const Record& record);
// Why append_wire() returned false for a record.
std::string why_not_sent(const Record& record);

// Path and query of a request that append_wire() wrote.
std::string_view target_of_request(std::string_view request);
// Whether append_wire() takes it.
bool is_header_value(std::string_view text);

// "http://host/path?q" -> "/path?q"; a path stays itself; "" -> "/". A "#fragment" is left out.
std::string_view path_of_target(std::string_view target);

}  // namespace leakline::replay
