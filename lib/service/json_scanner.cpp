#include "service/internal/json_scanner.hpp"

#include <charconv>
#include <utility>

namespace leakline::service {

namespace {

bool is_digit(char c) { return c >= '0' && c <= '9'; }

void append_utf8(std::string& out, unsigned code) {
    if (code < 0x80) {
        out += static_cast<char>(code);
    } else if (code < 0x800) {
        out += static_cast<char>(0xC0 | code >> 6);
        out += static_cast<char>(0x80 | (code & 63));
    } else if (code < 0x10000) {
        out += static_cast<char>(0xE0 | code >> 12);
        out += static_cast<char>(0x80 | (code >> 6 & 63));
        out += static_cast<char>(0x80 | (code & 63));
    } else {
        out += static_cast<char>(0xF0 | code >> 18);
        out += static_cast<char>(0x80 | (code >> 12 & 63));
        out += static_cast<char>(0x80 | (code >> 6 & 63));
        out += static_cast<char>(0x80 | (code & 63));
    }
}

}  // namespace

void JsonScanner::fail(const std::string& what) const { throw JsonError(what + " at byte " + std::to_string(position_)); }

void JsonScanner::skip_blanks() {
    while (position_ < text_.size()) {
        const char c = text_[position_];
        if (c != ' ' && c != '\n' && c != '\r' && c != '\t') return;
        ++position_;
    }
}

char JsonScanner::peek() {
    skip_blanks();
    return position_ < text_.size() ? text_[position_] : '\0';
}

void JsonScanner::open(char bracket) {
    if (peek() != bracket) fail(std::string("expected '") + bracket + "'");
    if (++depth_ > max_depth_) fail("nested deeper than " + std::to_string(max_depth_) + " levels");
    ++position_;
    first_ = true;
}

bool JsonScanner::next(char closing) {
    const char c = peek();
    const bool first = std::exchange(first_, false);
    if (c == closing) {
        ++position_;
        --depth_;
        return false;
    }
    if (first) return true;
    if (c != ',') fail(std::string("expected ',' or '") + closing + "'");
    ++position_;
    if (peek() == closing) fail("a comma without a value after it");
    return true;
}

bool JsonScanner::next_member(std::string& name) {
    if (!next('}')) return false;
    name = string();
    if (peek() != ':') fail("expected ':'");
    ++position_;
    return true;
}

bool JsonScanner::next_element() { return next(']'); }

// Iterative: the nesting of what is skipped is counted, not put on our stack. closing holds one bracket a level.
std::string_view JsonScanner::skip_value() {
    peek();
    const std::size_t begin = position_;
    const int outer = depth_;
    std::string closing;
    for (;;) {
        bool opened = false;
        switch (peek()) {
            case '{':
            case '[':
                closing += text_[position_] == '{' ? '}' : ']';
                open(text_[position_]);
                opened = true;
                break;
            case '"': skip_string(); break;
            case 't': skip_literal("true"); break;
            case 'f': skip_literal("false"); break;
            case 'n': skip_literal("null"); break;
            case '\0': fail(position_ < text_.size() ? "unexpected character" : "the text ends where a value should be");
            default: skip_number();
        }
        if (!opened) first_ = false;
        // On to the next value: past closed brackets, and past the member's name.
        while (depth_ > outer && !next(closing.back())) closing.pop_back();
        if (depth_ == outer) return text_.substr(begin, position_ - begin);
        if (closing.back() == '}') {
            if (peek() != '"') fail("expected a member's name");
            skip_string();
            if (peek() != ':') fail("expected ':'");
            ++position_;
        }
    }
}

void JsonScanner::skip_literal(std::string_view literal) {
    if (text_.substr(position_, literal.size()) != literal) fail("unexpected character");
    position_ += literal.size();
}

void JsonScanner::skip_number() {
    const std::size_t begin = position_;
    const auto at = [&] { return position_ < text_.size() ? text_[position_] : '\0'; };
    const auto digits = [&] {
        if (!is_digit(at())) fail(position_ == begin ? "unexpected character" : "a digit is missing");
        while (is_digit(at())) ++position_;
    };
    if (at() == '-') ++position_;
    if (at() == '0') {
        ++position_;
        if (is_digit(at())) fail("a number with a leading zero");
    } else {
        digits();
    }
    bool integral = true;
    if (at() == '.') {
        integral = false;
        ++position_;
        digits();
    }
    if (at() == 'e' || at() == 'E') {
        integral = false;
        ++position_;
        if (at() == '+' || at() == '-') ++position_;
        digits();
    }
    // Up to 300 digits cannot overflow a double; only the unusual is worth converting.
    if (integral && position_ - begin < 300) return;
    double value = 0;
    const auto result = std::from_chars(text_.data() + begin, text_.data() + position_, value);
    // Too small a number is read as 0 by everyone; too large a one cannot be kept.
    if (result.ec == std::errc::result_out_of_range) {
        const std::string_view number = text_.substr(begin, position_ - begin);
        const std::size_t exponent = number.find_first_of("eE");
        const bool tiny = exponent != std::string_view::npos && exponent + 1 < number.size() && number[exponent + 1] == '-';
        if (!tiny) {
            position_ = begin;
            fail("a number out of range");
        }
    }
}

void JsonScanner::skip_string() {
    ++position_;
    while (position_ < text_.size()) {
        const auto c = static_cast<unsigned char>(text_[position_]);
        if (c == '"') {
            ++position_;
            return;
        }
        if (c < 0x20) fail("a control character inside a string");
        if (c == '\\') {
            std::string discarded;
            append_escape(discarded);
        } else {
            ++position_;
        }
    }
    fail("a string without its end");
}

std::string JsonScanner::string() {
    if (peek() != '"') fail("expected a string");
    ++position_;
    std::string out;
    while (position_ < text_.size()) {
        const auto c = static_cast<unsigned char>(text_[position_]);
        if (c == '"') {
            ++position_;
            first_ = false;
            return out;
        }
        if (c < 0x20) fail("a control character inside a string");
        if (c == '\\') {
            append_escape(out);
        } else {
            out += text_[position_++];
        }
    }
    fail("a string without its end");
}

unsigned JsonScanner::hex4() {
    unsigned value = 0;
    if (text_.size() - position_ < 4) fail("a \\u escape needs four hex digits");
    const char* const begin = text_.data() + position_;
    if (std::from_chars(begin, begin + 4, value, 16).ptr != begin + 4) fail("a \\u escape needs four hex digits");
    position_ += 4;
    return value;
}

void JsonScanner::append_escape(std::string& out) {
    ++position_;
    if (position_ >= text_.size()) fail("a string without its end");
    switch (text_[position_++]) {
        case '"': out += '"'; return;
        case '\\': out += '\\'; return;
        case '/': out += '/'; return;
        case 'b': out += '\b'; return;
        case 'f': out += '\f'; return;
        case 'n': out += '\n'; return;
        case 'r': out += '\r'; return;
        case 't': out += '\t'; return;
        case 'u': break;
        default: --position_; fail("an unknown escape");
    }
    unsigned code = hex4();
    if (code >= 0xD800 && code < 0xDC00) {
        if (text_.substr(position_, 2) != "\\u") fail("half a surrogate pair");
        position_ += 2;
        const unsigned low = hex4();
        if (low < 0xDC00 || low > 0xDFFF) fail("half a surrogate pair");
        code = 0x10000 + ((code - 0xD800) << 10) + (low - 0xDC00);
    } else if (code >= 0xDC00 && code <= 0xDFFF) {
        fail("half a surrogate pair");
    }
    append_utf8(out, code);
}

void JsonScanner::end() {
    if (peek() != '\0' || position_ < text_.size()) fail("something follows the value");
}

}  // namespace leakline::service
