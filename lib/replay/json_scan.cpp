#include "replay/json_scan.hpp"

#include <charconv>
#include <cstring>

#include "base/strings.hpp"
#include "replay/internal/json_escapes.hpp"

namespace leakline::replay {

namespace {

constexpr int kMaxDepth = 512;

int hex_digit(char c) {
    if (c >= '0' && c <= '9') return c - '0';
    if (c >= 'a' && c <= 'f') return c - 'a' + 10;
    if (c >= 'A' && c <= 'F') return c - 'A' + 10;
    return -1;
}

// Of a number or a literal.
bool is_of_scalar(char c) {
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '-' || c == '+' || c == '.';
}

// The digits at from, or -1.
int hex_number(const char* from, const char* end, int digits) {
    if (end - from < digits) return -1;
    int value = 0;
    for (int i = 0; i < digits; ++i) {
        const int digit = hex_digit(from[i]);
        if (digit < 0) return -1;
        value = value << 4 | digit;
    }
    return value;
}

char* put_utf8(char* to, std::uint32_t code) {
    if (code < 0x80) {
        *to++ = static_cast<char>(code);
    } else if (code < 0x800) {
        *to++ = static_cast<char>(0xc0 | (code >> 6));
        *to++ = static_cast<char>(0x80 | (code & 0x3f));
    } else if (code < 0x10000) {
        *to++ = static_cast<char>(0xe0 | (code >> 12));
        *to++ = static_cast<char>(0x80 | ((code >> 6) & 0x3f));
        *to++ = static_cast<char>(0x80 | (code & 0x3f));
    } else {
        *to++ = static_cast<char>(0xf0 | (code >> 18));
        *to++ = static_cast<char>(0x80 | ((code >> 12) & 0x3f));
        *to++ = static_cast<char>(0x80 | ((code >> 6) & 0x3f));
        *to++ = static_cast<char>(0x80 | (code & 0x3f));
    }
    return to;
}

}  // namespace

// No string grows by unescaping (\uNNNN is 6 bytes for at most 3, \xNN 4 for at most 2): the text's size suffices.
void Scratch::reset(std::size_t text_size) {
    const std::size_t wanted = text_size + kCopySlack;
    constexpr std::size_t kKept = std::size_t{1} << 20;  // a huge line's memory is given back after it
    if (wanted > capacity_ || (capacity_ > kKept && wanted <= kKept)) {
        capacity_ = wanted + wanted / 2;
        bytes_ = std::make_unique<char[]>(capacity_);
    }
    position_ = bytes_.get();
}

bool JsonScan::take(char c) {
    if (next_is(c)) {
        ++at_;
        return true;
    }
    switch (c) {
        case '{': return fail("'{'");
        case '}': return fail("',' or '}'");
        case '[': return fail("'['");
        case ']': return fail("',' or ']'");
        case ':': return fail("':'");
        default: return fail("','");
    }
}

bool JsonScan::next_is(char c) {
    skip_blanks();
    return at_ != end_ && *at_ == c;
}

bool JsonScan::string(std::string_view& out) {
    skip_blanks();
    if (at_ == end_ || *at_ != '"') return fail("a string");
    const char* const start = ++at_;
    at_ = find_special(at_, end_);
    if (at_ == end_) return fail("the string's closing '\"'");
    if (*at_ == '\\') return escaped_string(start, out);
    out = {start, static_cast<std::size_t>(at_ - start)};
    ++at_;
    return true;
}

bool JsonScan::escaped_string(const char* start, std::string_view& out) {
    char* const first = scratch_->position();
    std::memcpy(first, start, static_cast<std::size_t>(at_ - start));
    char* to = first + (at_ - start);
    // The cursor is a local here: what is written through `to` could be a member, for all that the compiler knows.
    const char* const end = end_;
    const char* at = at_;
    for (;;) {
        at = copy_unescaping(at, end, to);
        if (at == end || *at == '"') break;
        at_ = at;
        if (!unescape(to)) return false;
        at = at_;
    }
    at_ = at;
    if (at == end) return fail("the string's closing '\"'");
    ++at_;
    scratch_->advance(to);
    out = {first, static_cast<std::size_t>(to - first)};
    return true;
}

bool JsonScan::unescape(char*& to) {
    if (end_ - at_ < 2) return fail("an escape sequence");
    const char kind = at_[1];
    switch (kind) {
        case '"':
        case '\\':
        case '/': *to++ = kind; break;
        case 'n': *to++ = '\n'; break;
        case 't': *to++ = '\t'; break;
        case 'r': *to++ = '\r'; break;
        case 'b': *to++ = '\b'; break;
        case 'f': *to++ = '\f'; break;
        case 'x': {
            const int byte = hex_number(at_ + 2, end_, 2);
            if (byte < 0) return fail("two hex digits after '\\x'");
            *to++ = static_cast<char>(byte);
            at_ += 4;
            return true;
        }
        case 'u': {
            const int unit = hex_number(at_ + 2, end_, 4);
            if (unit < 0) return fail("four hex digits after '\\u'");
            at_ += 6;
            std::uint32_t code = static_cast<std::uint32_t>(unit);
            if (code >= 0xd800 && code < 0xdc00 && end_ - at_ >= 6 && at_[0] == '\\' && at_[1] == 'u') {
                const int low = hex_number(at_ + 2, end_, 4);
                if (low >= 0xdc00 && low < 0xe000) {
                    code = 0x10000 + ((code - 0xd800) << 10) + static_cast<std::uint32_t>(low - 0xdc00);
                    at_ += 6;
                }
            }
            // A lone half of a pair stands for no character: the replacement character, as decoders do.
            if (code >= 0xd800 && code < 0xe000) code = 0xfffd;
            to = put_utf8(to, code);
            return true;
        }
        default: return fail("an escape sequence that JSON has");
    }
    at_ += 2;
    return true;
}

bool JsonScan::scalar(std::string_view& out) {
    skip_blanks();
    if (at_ == end_) return fail("a value");
    if (*at_ == '"') return string(out);
    const char* const start = at_;
    while (at_ != end_ && is_of_scalar(*at_)) ++at_;
    if (at_ == start) return fail("a string, number, true, false or null");
    out = {start, static_cast<std::size_t>(at_ - start)};
    return true;
}

bool JsonScan::integer(std::int64_t& out) {
    skip_blanks();
    const char* const start = at_;
    const auto [rest, error] = std::from_chars(at_, end_, out);
    if (error == std::errc() && (rest == end_ || !is_of_scalar(*rest))) {
        at_ = rest;
        return true;
    }
    std::string_view text;
    if (at_ == end_ || *at_ == '"' || !scalar(text)) return fail("an integer");
    // Tools in languages without integers write 1.7e18.
    double number = 0;
    const auto [end, failure] = std::from_chars(text.data(), text.data() + text.size(), number);
    if (failure == std::errc() && end == text.data() + text.size() && number > -9.2e18 && number < 9.2e18) {
        out = static_cast<std::int64_t>(number);
        return true;
    }
    at_ = start;
    return fail("an integer of 64 bits");
}

bool JsonScan::skip_value() { return skip_nested(0); }

bool JsonScan::raw_value(std::string_view& out) {
    skip_blanks();
    const char* const start = at_;
    if (!skip_value()) return false;
    out = {start, static_cast<std::size_t>(at_ - start)};
    return true;
}

bool JsonScan::skip_nested(int depth) {
    if (depth > kMaxDepth) return fail("less nesting");
    skip_blanks();
    std::string_view ignored;
    if (at_ != end_ && *at_ == '{') {
        return object([&](std::string_view) { return skip_nested(depth + 1); });
    }
    if (at_ != end_ && *at_ == '[') return array([&] { return skip_nested(depth + 1); });
    return scalar(ignored);
}

bool JsonScan::at_end() {
    skip_blanks();
    return at_ == end_ || fail("the end of the line");
}

std::string JsonScan::fault() const {
    std::string text = "column " + std::to_string(at_ - begin_ + 1) + ": expected " + expected_ + ", found ";
    if (at_ == end_) return text + "the end";
    const std::size_t left = static_cast<std::size_t>(end_ - at_);
    return text + "'" + printable(std::string_view(at_, left < 20 ? left : 20)) + "'";
}

}  // namespace leakline::replay
