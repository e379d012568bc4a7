// Parts of HTTP/1 messages as they were sent (RFC 9112).
//
// Thread-safety: pure functions.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace leakline::replay {

struct HttpField {
    std::string_view name, value;
};
// Takes the first line off the rest of a head; nothing if it is no field.
std::optional<HttpField> take_field(std::string_view& head);

// The value of Content-Length; nothing if it is not a number.
std::optional<std::uint64_t> parse_content_length(std::string_view value);

// Where a chunked body ends, from the chunk at `at` on, which becomes that of the last whole one. A malformed one never ends.
std::optional<std::size_t> end_of_chunks(std::string_view stream, std::size_t& at);

// Joins the chunks of a chunked body (section 7.1); false when it ends early or is malformed, out then has what came before.
bool join_chunks(std::string_view body, std::string& out);

}  // namespace leakline::replay
