// UTF-8: checking it, encoding it, and cutting it between characters (text that is not UTF-8 is cut near that place). Pure
// functions, safe from any thread.
#pragma once

#include <algorithm>
#include <cstdint>
#include <string>
#include <string_view>

namespace leakline {

inline bool is_utf8_continuation(char c) { return (static_cast<unsigned char>(c) & 0xc0) == 0x80; }

// How many bytes the character at text's begin takes; 0 where there is none. Well-formed are the byte sequences of table
// 3-7 of the Unicode Standard: no overlong forms, no surrogates, up to U+10FFFF.
inline std::size_t utf8_length(std::string_view text) {
    const auto byte = [&](std::size_t i) { return i < text.size() ? static_cast<unsigned char>(text[i]) : 0u; };
    const unsigned lead = byte(0), second = byte(1);
    if (lead < 0x80) return text.empty() ? 0 : 1;
    if (lead < 0xc2 || lead > 0xf4) return 0;
    const std::size_t length = lead >= 0xf0 ? 4 : lead >= 0xe0 ? 3 : 2;
    for (std::size_t i = 1; i < length; ++i)
        if ((byte(i) & 0xc0) != 0x80) return 0;
    const bool overlong = (lead == 0xe0 && second < 0xa0) || (lead == 0xf0 && second < 0x90);
    const bool surrogate = lead == 0xed && second > 0x9f, beyond = lead == 0xf4 && second > 0x8f;
    return overlong || surrogate || beyond ? 0 : length;
}

// How many bytes at text's begin are well-formed UTF-8.
std::size_t utf8_prefix(std::string_view text);
inline bool is_utf8(std::string_view text) { return utf8_prefix(text) == text.size(); }

// Writes the code point at `to`, which needs room for 4 bytes, and returns the place after it.
inline char* put_utf8(char* to, std::uint32_t code) {
    const auto put = [&](std::uint32_t byte) { *to++ = static_cast<char>(byte); };
    if (code < 0x80) {
        put(code);
        return to;
    }
    if (code < 0x800) {
        put(0xc0 | code >> 6);
    } else {
        if (code < 0x10000) {
            put(0xe0 | code >> 12);
        } else {
            put(0xf0 | code >> 18);
            put(0x80 | (code >> 12 & 0x3f));
        }
        put(0x80 | (code >> 6 & 0x3f));
    }
    put(0x80 | (code & 0x3f));
    return to;
}
inline void append_utf8(std::string& out, std::uint32_t code) {
    char bytes[4];
    out.append(bytes, put_utf8(bytes, code));
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
