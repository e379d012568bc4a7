// Reads JSON in one pass without building a tree: the sender has some 4 us for a request, a tree alone takes 7.
// More lenient than RFC 8259 where logs are: bytes that are not UTF-8 pass through, nginx's "\xNN" is decoded, raw
// control characters in strings are taken.
//
// Thread-safety: one thread at a time.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

namespace leakline::replay {

// Unescaped strings live here until the next reset(); never moves while in use.
class Scratch {
  public:
    // Room for the strings of a text of that size.
    void reset(std::size_t text_size);
    char* position() { return position_; }
    void advance(char* to) { position_ = to; }

  private:
    std::unique_ptr<char[]> bytes_;
    std::size_t capacity_ = 0;
    char* position_ = nullptr;
};

// A cursor over one JSON text. Each call returns false, and leaves the cursor at the fault, when the text is not what
// it asks for.
class JsonScan {
  public:
    JsonScan(std::string_view text, Scratch& scratch)
        : begin_(text.data()), at_(text.data()), end_(text.data() + text.size()), scratch_(&scratch) {}

    // Takes this character, blanks before it.
    bool take(char c);
    bool next_is(char c);
    // A string, unescaped; the view points into the text or into the scratch.
    bool string(std::string_view& out);
    // Any value that is not an array or object, as text: strings unescaped, numbers and literals as they stand.
    bool scalar(std::string_view& out);
    bool integer(std::int64_t& out);
    bool skip_value();
    bool raw_value(std::string_view& out);  // any value, as it stands in the text
    bool at_end();                          // nothing but blanks left

    // Walks an object: on_member(key) is called at each value and has to take it.
    template <class OnMember>
    bool object(OnMember on_member) {
        if (!take('{')) return false;
        if (take('}')) return true;
        do {
            std::string_view key;
            if (!string(key) || !take(':') || !on_member(key)) return false;
        } while (take(','));
        return take('}');
    }
    template <class OnElement>
    bool array(OnElement on_element) {
        if (!take('[')) return false;
        if (take(']')) return true;
        do {
            if (!on_element()) return false;
        } while (take(','));
        return take(']');
    }

    // "column 17: expected '}', found 'x'" for the fault that made the last call return false.
    std::string fault() const;

  private:
    void skip_blanks() {
        while (at_ != end_ && (*at_ == ' ' || *at_ == '\t' || *at_ == '\n' || *at_ == '\r')) ++at_;
    }
    bool fail(const char* expected) {
        expected_ = expected;
        return false;
    }
    bool escaped_string(const char* start, std::string_view& out);
    bool unescape(char*& to);
    bool skip_nested(int depth);

    const char *begin_, *at_, *end_;
    Scratch* scratch_;
    const char* expected_ = "";
};

}  // namespace leakline::replay
