// Text logs in a format that the user gives, as in the server's configuration:
//
//   nginx   log_format:  $remote_addr - $remote_user [$time_local] "$request" $status $body_bytes_sent
//   Apache  LogFormat:   %h %l %u %t \"%r\" %>s %b \"%{User-Agent}i\"
//
// A whole directive (log_format main '...' '...';  LogFormat "..." combined) is accepted too. The text between variables has
// to be in the line; a variable's value ends where the text after it begins, a quoted one at a quote that is not escaped,
// as both servers write them. Variables that do not describe the request are ignored. Columns may be padded with blanks. "..." at
// the start stands for any text. If no variable gives the time, it is the first one in the text before the variables.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/json_scan.hpp"
#include "replay/internal/access_fields.hpp"
#include "replay/internal/record.hpp"

namespace leakline::replay {

class LogPattern {
  public:
    // plain: of a format that is looked for in any text, a request has a method of HTTP, a path or URL, and a status if there is a
    // variable for it.
    enum class Strictness : unsigned char { any, plain };
    // Whether line has this format and contains a request.
    bool matches(std::string_view line, Strictness strictness = Strictness::any) const;
    struct Values {
        std::string_view before;              // the text that "..." stands for
        std::vector<std::string_view> texts;  // of each variable, with escapes
    };
    // Splits line into values; on_value(field, text) for those that have a field, escapes undone (into scratch). False
    // if the line has another format.
    template <class OnValue>
    bool read(std::string_view line, Values& values, Scratch& scratch, OnValue on_value) const;
    bool has_body() const { return has_body_; }
    bool has_status() const { return has_status_; }

  private:
    friend LogPattern parse_log_pattern(std::string_view text);
    struct Variable {
        std::optional<AccessField> field;
        bool several = false;    // nginx's $upstream_*: "0.1, 0.2 : 0.3"
        bool zoned = false;      // nginx's $time_local: a blank before its zone
        bool bracketed = false;  // Apache's %t brings its brackets
        bool quoted = false;     // in quotes: the text before it ends with one, and the text after it begins with one
        std::string behind;      // the text after it
    };
    enum class Columns : unsigned char { exact, padded };
    static std::size_t end_of(const Variable& variable, std::string_view rest);
    bool split(std::string_view line, Columns columns, std::vector<std::string_view>& values) const;

    std::string before_;     // the first variable
    bool anywhere_ = false;  // before_ may follow other text
    std::vector<Variable> variables_;
    bool has_body_ = false, has_status_ = false;
};

// Throws Error{usage} located at --log-format-string: no variables, or none of the request.
LogPattern parse_log_pattern(std::string_view text);

class PatternStream : public RecordStream {
  public:
    // name: of a pattern that is built in, whose lines have other messages between them; "": the user's.
    PatternStream(ChunkBuffer chunks, LogPattern pattern, std::string name = "")
        : RecordStream(std::move(chunks)), pattern_(std::move(pattern)), name_(std::move(name)) {
        mixed_ = !name_.empty();
    }
    Step next(Record& record) override;
    std::vector<std::string> warnings() const override;
    std::string variant() const override { return name_; }

  private:
    const LogPattern pattern_;
    const std::string name_;
    LogPattern::Values values_;
    AccessFields fields_;
    Scratch scratch_;
    std::uint64_t empty_bodies_ = 0;
};

}  // namespace leakline::replay
