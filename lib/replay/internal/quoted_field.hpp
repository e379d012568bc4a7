// Fields in quotes, as text logs have them.
//
// Thread-safety: one Scratch, one thread at a time.
#pragma once

#include <string_view>

#include "base/json_scan.hpp"
#include "replay/internal/record.hpp"

namespace leakline::replay {

// Where the field that begins at text's start ends: at the first '"' without a backslash in front; npos where there is none.
std::size_t end_of_quoted(std::string_view text);
// Without the escapes \" \\ \n \t \r \xNN \uNNNN (Apache's, nginx's, JSON's); a view into text, or into scratch.
std::string_view unescaped_field(std::string_view text, Scratch& scratch);

// "GET /path HTTP/1.1"; HTTP/0.9 requests have no version. Sets method and target; false where it is no request.
bool read_request_line(std::string_view request, Record& record);

}  // namespace leakline::replay
