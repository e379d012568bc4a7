// Reads JSON in one pass and builds no tree: the replay's sender has about 4 us per request, and building a tree takes 7.
//
// simdjson 3.0 (on-demand, AVX2) instead of it, CPU time, medians of interleaved runs on x86-64: the log reader takes 2.0
// times as long for bodies that are JSON in a JSON string (0.30 s for 518 MB; the noise is 0.91 to 1), 0.95 for requests with
// few escapes; a whole replay 1.0, trackd 1.0 to 1.04. It also refuses what logs hold (bytes that are not UTF-8, nginx's
// "\xNN", raw control characters) and does not check the values that it skips.
//
// Thread-safety: one thread at a time.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

namespace leakline {

// Unescaped strings are stored here until the next reset(); they never move before it.
class Scratch {
  public:
    // Makes room for the strings of a text of that size.
    void reset(std::size_t text_size);
    char* position() { return position_; }
    void advance(char* to) { position_ = to; }

  private:
    std::unique_ptr<char[]> bytes_;
    std::size_t capacity_ = 0;
    char* position_ = nullptr;
};

enum class JsonRules : unsigned char {
    // What logs hold: bytes that are not UTF-8 and raw control characters in strings stay as they are, nginx's "\xNN" is
    // decoded, half a surrogate pair becomes U+FFFD, and of numbers and literals only the characters are checked.
    lenient,
    // RFC 8259, and numbers that a double can hold. That the text is UTF-8 is the caller's to check (is_utf8).
    strict,
};

// A cursor over one JSON text. Each call returns false, and leaves the cursor at the fault, when the text is not what
// it asks for.
class JsonScan {
  public:
    static constexpr int kMaxDepth = 512;  // of arrays and objects within each other

    JsonScan(std::string_view text, Scratch& scratch, JsonRules rules = JsonRules::lenient, int max_depth = kMaxDepth)
        : begin_(text.data()),
          at_(text.data()),
          end_(text.data() + text.size()),
          scratch_(&scratch),
          max_depth_(max_depth),
          strict_(rules == JsonRules::strict) {}

    // Takes this character and the blanks before it.
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
        if (!open('{')) return false;
        if (next_is('}')) return close('}');
        do {
            std::string_view key;
            if (!string(key) || !take(':') || !on_member(key)) return false;
        } while (take(','));
        return close('}');
    }
    template <class OnElement>
    bool array(OnElement on_element) {
        if (!open('[')) return false;
        if (next_is(']')) return close(']');
        do {
            if (!on_element()) return false;
        } while (take(','));
        return close(']');
    }

    // Bytes before the cursor.
    std::size_t position() const { return static_cast<std::size_t>(at_ - begin_); }
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
    bool open(char bracket);
    bool close(char bracket);
    bool escaped_string(const char* start, std::string_view& out);
    bool unescape(char*& to);
    bool unescape_utf16(char*& to);
    bool is_free_of_controls(const char* start);
    bool is_strict_scalar(const char* start);

    const char *begin_, *at_, *end_;
    Scratch* scratch_;
    const char* expected_ = "";
    int depth_ = 0, max_depth_;
    bool strict_;
};

// Follows the brackets and strings of a JSON text that is still arriving, one character at a time.
class JsonNesting {
  public:
    enum class Part : unsigned char {
        other,         // outside of strings
        quote,         // that begins or ends a string
        text,          // within a string
        escape,        // within a string: a backslash, or the character after it
        open_bracket,  // of an object or array, already counted in depth()
        close_bracket,
    };
    Part take(char c);
    int depth() const { return depth_; }  // arrays and objects that are open
    bool in_string() const { return in_string_; }

  private:
    int depth_ = 0;
    bool in_string_ = false, escaped_ = false;
};

}  // namespace leakline
