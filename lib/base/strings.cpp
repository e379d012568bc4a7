#include "base/strings.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "base/ascii.hpp"
#include "base/utf8.hpp"

namespace leakline {

std::vector<std::string_view> split(std::string_view text, char separator) {
    std::vector<std::string_view> out;
    for (;;) {
        const std::size_t at = text.find(separator);
        out.push_back(text.substr(0, at));
        if (at == std::string_view::npos) return out;
        text.remove_prefix(at + 1);
    }
}

std::string_view take_line(std::string_view& text) {
    const std::size_t end = text.find('\n');
    std::string_view line = text.substr(0, end);
    text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
    if (line.ends_with('\r')) line.remove_suffix(1);
    return line;
}

std::string_view file_name(std::string_view path) {
    const std::size_t slash = path.rfind('/');
    return slash == std::string_view::npos || slash + 1 == path.size() ? path : path.substr(slash + 1);
}

std::string_view trim(std::string_view text) {
    const auto blank = [](char c) { return c == ' ' || c == '\t' || c == '\r' || c == '\n'; };
    while (!text.empty() && blank(text.front())) text.remove_prefix(1);
    while (!text.empty() && blank(text.back())) text.remove_suffix(1);
    return text;
}

bool has_form(std::string_view text, std::string_view form, std::size_t at) {
    if (text.size() < at + form.size()) return false;
    for (std::size_t i = 0; i < form.size(); ++i) {
        const char c = text[at + i];
        const bool fits = form[i] == 'd'   ? is_digit(c)
                          : form[i] == 'a' ? is_letter(c)
                          : form[i] == '_' ? c == ' ' || is_digit(c)
                                           : c == form[i];
        if (!fits) return false;
    }
    return true;
}

namespace {

// How many bytes the character at text's begin takes where a terminal obeys it instead of showing it; else 0.
std::size_t control_length(std::string_view text) {
    const auto byte = [&](std::size_t i) { return i < text.size() ? static_cast<unsigned char>(text[i]) : 0u; };
    if (byte(0) < 0x20 || byte(0) == 0x7f) return 1;
    if (byte(0) == 0xc2 && byte(1) >= 0x80 && byte(1) <= 0x9f) return 2;  // U+0080 to U+009F, among them another ESC [
    // U+202A to U+202E and U+2066 to U+2069 turn the order of what follows around, so that a name reads as another one.
    if (byte(0) == 0xe2 && byte(1) == 0x80 && byte(2) >= 0xaa && byte(2) <= 0xae) return 3;
    if (byte(0) == 0xe2 && byte(1) == 0x81 && byte(2) >= 0xa6 && byte(2) <= 0xa9) return 3;
    return 0;
}

}  // namespace

std::string printable(std::string_view text) {
    std::string out;
    while (!text.empty()) {
        const std::size_t character = utf8_length(text);
        const std::size_t hidden = character == 0 ? 1 : control_length(text);
        for (const char c : text.substr(0, hidden)) out += fmt::format("\\x{:02x}", static_cast<unsigned char>(c));
        if (hidden == 0) out += text.substr(0, character);
        text.remove_prefix(hidden == 0 ? character : hidden);
    }
    return out;
}

void add_once(std::vector<std::string>& list, std::string text) {
    if (std::find(list.begin(), list.end(), text) == list.end()) list.push_back(std::move(text));
}

}  // namespace leakline
