#include "replay/internal/http1_message.hpp"

#include <charconv>

#include "base/strings.hpp"

namespace leakline::replay {

std::optional<HttpField> take_field(std::string_view& head) {
    const std::string_view line = take_line(head);
    const std::size_t colon = line.find(':');
    if (colon == line.npos || colon == 0) return std::nullopt;
    return HttpField{line.substr(0, colon), trim(line.substr(colon + 1))};
}

std::optional<std::uint64_t> parse_content_length(std::string_view value) {
    std::uint64_t length = 0;
    const auto [end, error] = std::from_chars(value.data(), value.data() + value.size(), length);
    return error == std::errc{} && end == value.data() + value.size() ? std::optional(length) : std::nullopt;
}

std::optional<std::size_t> end_of_chunks(std::string_view stream, std::size_t& at) {
    constexpr std::uint64_t kMaxChunk = std::uint64_t{64} << 20;  // bytes
    for (;;) {
        const std::size_t line = stream.find("\r\n", at);
        if (line == stream.npos) return std::nullopt;
        std::uint64_t size = 0;
        if (std::from_chars(stream.data() + at, stream.data() + line, size, 16).ec != std::errc{} || size > kMaxChunk) return std::nullopt;
        if (size == 0) {
            if (stream.substr(line, 4) == "\r\n\r\n") return line + 4;
            const std::size_t end = stream.find("\r\n\r\n", line);  // after trailers
            return end == stream.npos ? std::nullopt : std::optional(end + 4);
        }
        if (stream.size() - line < 2 + size + 2) return std::nullopt;
        at = line + 2 + static_cast<std::size_t>(size) + 2;
    }
}

bool join_chunks(std::string_view body, std::string& out) {
    for (;;) {
        if (body.find('\n') == body.npos) return false;
        const std::string_view line = take_line(body);
        std::uint64_t size = 0;
        const auto parsed = std::from_chars(line.data(), line.data() + line.size(), size, 16);
        if (parsed.ec != std::errc()) return false;
        if (size == 0) return true;  // trailers belong to the connection
        out.append(body.substr(0, size));
        if (body.size() < size) return false;
        body.remove_prefix(size);
        if (body.starts_with("\r\n"))
            body.remove_prefix(2);
        else if (body.starts_with('\n'))
            body.remove_prefix(1);
        else
            return false;
    }
}

}  // namespace leakline::replay
