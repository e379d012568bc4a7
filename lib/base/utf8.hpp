// Cutting UTF-8 without cutting a character in two. Pure, safe from any thread. Text that is no UTF-8 is cut somewhere
// near.
#pragma once

#include <algorithm>
#include <string>
#include <string_view>

namespace leakline {

inline bool is_utf8_continuation(char c) {
    return (static_cast<unsigned char>(c) & 0xc0) == 0x80;
}

// The characters that lie within the first (head) or the last (tail) bytes of text; all of it where it is shorter.
inline std::string_view utf8_head(std::string_view text, std::size_t bytes) {
    if (text.size() <= bytes) return text;
    while (bytes > 0 && is_utf8_continuation(text[bytes])) --bytes;
    return text.substr(0, bytes);
}
inline std::string_view utf8_tail(std::string_view text, std::size_t bytes) {
    std::size_t begin = text.size() - std::min(text.size(), bytes);
    while (begin > 0 && begin < text.size() && is_utf8_continuation(text[begin])) ++begin;
    return text.substr(begin);
}

// text, or its head and "..." in width bytes at most (3 at least).
inline std::string utf8_cut(std::string_view text, std::size_t width) {
    if (text.size() <= width) return std::string(text);
    return std::string(utf8_head(text, width > 3 ? width - 3 : 0)) + "...";
}

}  // namespace leakline
