// Quoted fields of text logs.
//
// Thread-safety: one Scratch, one thread at a time.
#pragma once

#include <string_view>

#include "base/json_scan.hpp"
#include "replay/internal/record.hpp"

namespace leakline::replay {

// Where the field at the start of text ends: at the first '"' without a backslash before it; npos if there is none.
std::size_t end_of_quoted(std::string_view text);
// Decodes the escapes \" \\ \n \t \r \xNN \uNNNN (Apache's, nginx's, JSON's). Returns a view into text or into scratch.
std::string_view unescaped_field(std::string_view text, Scratch& scratch);

// "GET /path HTTP/1.1"; HTTP/0.9 requests have no version. Sets method and target; false if it is not a request.
bool read_request_line(std::string_view request, Record& record);

}  // namespace leakline::replay
