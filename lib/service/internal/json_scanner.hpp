// A strict JSON scanner (RFC 8259) that walks a text without building a tree: the caller steps through the objects and
// arrays that it cares about and skips the rest, every byte of which is checked all the same.
//
// One object, one text, one thread.
#pragma once

#include <stdexcept>
#include <string>
#include <string_view>

namespace leakline::service {

class JsonError : public std::runtime_error {
    using std::runtime_error::runtime_error;
};

// All throw JsonError ("... at byte N") where the text is not JSON.
class JsonScanner {
  public:
    // text must be valid UTF-8 (see is_utf8) and outlive the scanner.
    JsonScanner(std::string_view text, int max_depth) : text_(text), max_depth_(max_depth) {}

    // The first character of the next value, after blanks; '\0' at the end of the text.
    char peek();
    std::size_t position() const { return position_; }

    // Objects: begin_object(), then while (next_member(name)) one value each. The same with arrays and next_element().
    // The value must be consumed before the next call.
    void begin_object() { open('{'); }
    bool next_member(std::string& name);
    void begin_array() { open('['); }
    bool next_element();

    // One whole value of any kind; returns its text without the blanks around it.
    std::string_view skip_value();
    // A string, unescaped. Lone surrogate escapes are refused.
    std::string string();
    // Nothing but blanks may follow.
    void end();

    [[noreturn]] void fail(const std::string& what) const;

  private:
    void open(char bracket);
    bool next(char closing);
    void skip_blanks();
    void skip_string();
    void skip_number();
    void skip_literal(std::string_view literal);
    unsigned hex4();
    void append_escape(std::string& out);

    std::string_view text_;
    int max_depth_;
    std::size_t position_ = 0;
    int depth_ = 0;
    bool first_ = false;  // directly after an opening bracket
};

}  // namespace leakline::service
