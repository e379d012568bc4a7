#include "replay/internal/quoted_field.hpp"

#include <algorithm>
#include <charconv>

#include "base/ascii.hpp"
#include "replay/internal/method.hpp"

namespace leakline::replay {

std::string_view take_until_blank(std::string_view& text) {
    const std::size_t end = text.find(' ');
    const std::string_view word = text.substr(0, end);
    text.remove_prefix(end == text.npos ? text.size() : end + 1);
    return word;
}

std::string_view take_word(std::string_view& text) {
    text.remove_prefix(std::min(text.find_first_not_of(' '), text.size()));
    return take_until_blank(text);
}

std::size_t end_of_quoted(std::string_view text) {
    for (std::size_t at = 0; at < text.size(); ++at) {
        if (text[at] == '"') return at;
        if (text[at] == '\\') ++at;
    }
    return text.npos;
}

std::string_view unescaped_field(std::string_view text, Scratch& scratch) {
    if (text.find('\\') == text.npos) return text;
    const auto number = [&](std::size_t at, std::size_t digits) {
        int value = -1;
        if (at + digits > text.size()) return -1;
        const auto parsed = std::from_chars(text.data() + at, text.data() + at + digits, value, 16);
        return parsed.ptr == text.data() + at + digits ? value : -1;
    };
    char* const first = scratch.position();
    char* to = first;
    for (std::size_t i = 0; i < text.size(); ++i) {
        if (text[i] != '\\' || i + 1 == text.size()) {
            *to++ = text[i];
            continue;
        }
        const char kind = text[++i];
        if (const int byte = kind == 'x' ? number(i + 1, 2) : -1; byte >= 0) {
            *to++ = static_cast<char>(byte);
            i += 2;
        } else if (const int unit = kind == 'u' ? number(i + 1, 4) : -1; unit >= 0 && unit < 0x80) {
            *to++ = static_cast<char>(unit);  // control characters, as nginx's escape=json writes them
            i += 4;
        } else {
            *to++ = kind == 'n' ? '\n' : kind == 't' ? '\t' : kind == 'r' ? '\r' : kind;
        }
    }
    scratch.advance(to);
    return {first, static_cast<std::size_t>(to - first)};
}

char http_version_of(std::string_view text) {
    for (const std::string_view prefix : {"http/", "h"}) {
        if (!starts_with_ignoring_case(text, prefix) || text.size() == prefix.size()) continue;
        const char digit = text[prefix.size()];
        return digit >= '1' && digit <= '3' ? digit : '\0';
    }
    return '\0';
}

bool read_request_line(std::string_view request, Record& record) {
    const std::size_t space = request.find(' ');
    std::string_view target = space == request.npos ? std::string_view() : request.substr(space + 1);
    if (const std::size_t version = target.rfind(" HTTP/"); version != target.npos) {
        record.http_version = http_version_of(target.substr(version + 1));
        target = target.substr(0, version);
    } else if (const std::size_t last = target.rfind(' '); last != target.npos) {
        for (const std::string_view number : {"1.0", "1.1", "2", "3"})  // as Hypercorn writes it
            if (target.substr(last + 1) == number) {
                record.http_version = number.front();
                target = target.substr(0, last);
                break;
            }
    }
    record.method = request.substr(0, space);
    record.target = target;
    // "-" means that no request arrived; a load balancer writes "- http://host:80- -".
    const auto is_of_method = [](char c) { return is_letter(c) || c == '-' || c == '_'; };
    if (record.method.empty() || record.method.front() == '-' || target.empty()) return false;
    if (!std::all_of(record.method.begin(), record.method.end(), is_of_method)) return false;
    record.method = standard_method(record.method);
    return true;
}

}  // namespace leakline::replay
