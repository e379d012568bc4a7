// Fields of text logs: between blanks, and in quotes.
//
// Thread-safety: one Scratch, one thread at a time.
#pragma once

#include <string_view>

#include "base/json_scan.hpp"
#include "replay/internal/record.hpp"

namespace leakline::replay {

// Cuts off what stands before the next blank, and that blank; empty at a blank and at the end of text.
std::string_view take_until_blank(std::string_view& text);
// Cuts off the next word and the blank after it; empty at the end of text. Blanks before it are passed over.
std::string_view take_word(std::string_view& text);

// Where the field at the start of text ends: at the first '"' without a backslash before it; npos if there is none.
std::size_t end_of_quoted(std::string_view text);
// Decodes the escapes \" \\ \n \t \r \xNN \uNNNN (Apache's, nginx's, JSON's). Returns a view into text or into scratch.
std::string_view unescaped_field(std::string_view text, Scratch& scratch);

// '2' of "HTTP/2.0", "h2" or "http/2"; 0 if the text names no version of HTTP.
char http_version_of(std::string_view text);

// "GET /path HTTP/1.1"; HTTP/0.9 requests have no version. Sets method, target and version; false if it is not a request.
bool read_request_line(std::string_view request, Record& record);

}  // namespace leakline::replay
