#include "base/json_scan.hpp"

#include <algorithm>
#include <charconv>
#include <cstring>

#include "base/ascii.hpp"
#include "base/internal/json_escapes.hpp"
#include "base/strings.hpp"
#include "base/utf8.hpp"

namespace leakline {

namespace {

// Of a number or a literal.
bool is_of_scalar(char c) { return is_digit(c) || is_letter(c) || c == '-' || c == '+' || c == '.'; }

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

}  // namespace

// No string grows by unescaping (\uNNNN is 6 bytes for at most 3, \xNN 4 for at most 2): the text's size suffices.
void Scratch::reset(std::size_t text_size) {
    const std::size_t wanted = text_size + kCopySlack;
    constexpr std::size_t kKept = std::size_t{1} << 20;  // a huge line's memory is given back after it
    if (wanted > capacity_ || (capacity_ > kKept && wanted <= kKept)) {
        capacity_ = wanted + wanted / 2;
        bytes_ = std::make_unique_for_overwrite<char[]>(capacity_);
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

bool JsonScan::open(char bracket) {
    if (!take(bracket)) return false;
    if (++depth_ <= max_depth_) return true;
    --at_;
    return fail("no deeper nesting");
}

bool JsonScan::close(char bracket) {
    if (!take(bracket)) return false;
    --depth_;
    return true;
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
    if (strict_ && !is_free_of_controls(start)) return false;
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
    if (strict_ && !is_free_of_controls(start)) return false;
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
            if (strict_) return fail("an escape sequence of JSON");
            const int byte = hex_number(at_ + 2, end_, 2);
            if (byte < 0) return fail("two hex digits after '\\x'");
            *to++ = static_cast<char>(byte);
            at_ += 4;
            return true;
        }
        case 'u': return unescape_utf16(to);
        default: return fail("an escape sequence of JSON");
    }
    at_ += 2;
    return true;
}

// \uNNNN, or two of them where they are a surrogate pair.
bool JsonScan::unescape_utf16(char*& to) {
    const int unit = hex_number(at_ + 2, end_, 4);
    if (unit < 0) return fail("four hex digits after '\\u'");
    std::uint32_t code = static_cast<std::uint32_t>(unit);
    std::ptrdiff_t length = 6;
    if (code >= 0xd800 && code < 0xdc00 && end_ - at_ >= 12 && at_[6] == '\\' && at_[7] == 'u') {
        const int low = hex_number(at_ + 8, end_, 4);
        if (low >= 0xdc00 && low < 0xe000) {
            code = 0x10000 + ((code - 0xd800) << 10) + static_cast<std::uint32_t>(low - 0xdc00);
            length = 12;
        }
    }
    if (code >= 0xd800 && code < 0xe000) {
        if (strict_) return fail("both halves of a surrogate pair");
        code = 0xfffd;  // half a pair stands for no character: the replacement character, as decoders do
    }
    to = put_utf8(to, code);
    at_ += length;
    return true;
}

// Whether [start, at_), a string's inside, has no control character in it.
bool JsonScan::is_free_of_controls(const char* start) {
    const char* const found = std::find_if(start, at_, [](char c) { return static_cast<unsigned char>(c) < 0x20; });
    if (found == at_) return true;
    at_ = found;
    return fail("an escape sequence for the control character");
}

// Whether [start, at_) is a literal, or a number by the grammar that a double can hold.
bool JsonScan::is_strict_scalar(const char* start) {
    const std::string_view text(start, static_cast<std::size_t>(at_ - start));
    if (text == "true" || text == "false" || text == "null") return true;
    const char* at = start;
    const auto skip_digits = [&] {
        const char* const first = at;
        while (at != at_ && is_digit(*at)) ++at;
        return at - first;
    };
    if (at != at_ && *at == '-') ++at;
    const bool leading_zero = at != at_ && *at == '0';
    const std::ptrdiff_t whole = skip_digits();
    bool number = whole > 0 && (!leading_zero || whole == 1), integral = true;
    if (at != at_ && *at == '.') {
        integral = false;
        ++at;
        number = skip_digits() > 0 && number;
    }
    if (at != at_ && (*at == 'e' || *at == 'E')) {
        integral = false;
        ++at;
        if (at != at_ && (*at == '+' || *at == '-')) ++at;
        number = skip_digits() > 0 && number;
    }
    const char* const end = at_;
    at_ = start;
    if (!number || at != end) return fail("a string, number, true, false or null");
    // Up to 300 digits cannot overflow a double; only the unusual is worth converting.
    double value = 0;
    if (!integral || text.size() >= 300) {
        const auto result = std::from_chars(start, end, value);
        // Everybody reads a number that is too small as 0; one that is too large cannot be kept.
        const std::size_t exponent = text.find_first_of("eE");
        const bool tiny = exponent != text.npos && text[exponent + 1] == '-';
        if (result.ec == std::errc::result_out_of_range && !tiny) return fail("a number within the range of a double");
    }
    at_ = end;
    return true;
}

bool JsonScan::scalar(std::string_view& out) {
    skip_blanks();
    if (at_ == end_) return fail("a value");
    if (*at_ == '"') return string(out);
    const char* const start = at_;
    while (at_ != end_ && is_of_scalar(*at_)) ++at_;
    if (at_ == start) return fail("a string, number, true, false or null");
    if (strict_ && !is_strict_scalar(start)) return false;
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

bool JsonScan::skip_value() {
    if (next_is('{')) return object([&](std::string_view) { return skip_value(); });
    if (next_is('[')) return array([&] { return skip_value(); });
    std::string_view ignored;
    return scalar(ignored);
}

bool JsonScan::raw_value(std::string_view& out) {
    skip_blanks();
    const char* const start = at_;
    if (!skip_value()) return false;
    out = {start, static_cast<std::size_t>(at_ - start)};
    return true;
}

bool JsonScan::at_end() {
    skip_blanks();
    return at_ == end_ || fail("the end");
}

std::string JsonScan::fault() const {
    std::string text = "column " + std::to_string(at_ - begin_ + 1) + ": expected " + expected_ + ", found ";
    if (at_ == end_) return text + "the end";
    const std::size_t left = static_cast<std::size_t>(end_ - at_);
    return text + "'" + printable(std::string_view(at_, left < 20 ? left : 20)) + "'";
}

JsonNesting::Part JsonNesting::take(char c) {
    if (escaped_) {
        escaped_ = false;
        return Part::escape;
    }
    if (c == '"') {
        in_string_ = !in_string_;
        return Part::quote;
    }
    if (in_string_) {
        escaped_ = c == '\\';
        return escaped_ ? Part::escape : Part::text;
    }
    if (c == '{' || c == '[') {
        ++depth_;
        return Part::open_bracket;
    }
    if (c != '}' && c != ']') return Part::other;
    --depth_;
    return Part::close_bracket;
}

}  // namespace leakline
