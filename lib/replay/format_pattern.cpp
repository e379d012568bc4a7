#include "replay/internal/format_pattern.hpp"

#include <algorithm>

#include "base/ascii.hpp"
#include "base/error.hpp"
#include "base/quantities.hpp"
#include "base/strings.hpp"
#include "base/time_text.hpp"
#include "replay/internal/method.hpp"
#include "replay/internal/quoted_field.hpp"

namespace leakline::replay {

namespace {

constexpr const char* kOption = "--log-format-string";

// Variables of nginx and directives of Apache, and the field of a request that each one holds. Both write a line after the response;
// Apache's %t is the time when the request came.
constexpr std::pair<std::string_view, std::string_view> kPatternFields[] = {
    {"request", "request"},
    {"request_method", "method"},
    {"request_uri", "url"},
    {"uri", "url"},
    {"document_uri", "url"},
    {"args", "query"},
    {"query_string", "query"},
    {"method", "method"},
    {"url", "url"},
    {"status", "status"},
    {"time", "end"},
    {"latency", "duration"},
    {"latency_ms", "duration_ms"},
    {"msec", "end"},
    {"time_iso8601", "end"},
    {"time_local", "end"},
    {"request_time", "duration"},
    {"request_body", "body"},
    {"content_length", "received"},
    {"content_type", "header.Content-Type"},
    {"host", "header.Host"},
    {"connection", "conn"},
    {"%r", "request"},
    {"%m", "method"},
    {"%U", "url"},
    {"%q", "query"},
    {"%s", "status"},
    {"%t", "ts"},
    {"%D", "duration_us"},
    {"%T", "duration"},
    {"%V", "header.Host"},
    {"%v", "header.Host"},
};

std::optional<AccessField> field_of(std::string_view name) {
    for (const auto& [variable, field] : kPatternFields)
        if (variable == name) return parse_access_field(field);
    if (name.starts_with("http_")) return AccessField{AccessField::Kind::header, header_of_variable(name.substr(5))};
    return std::nullopt;
}

// "log_format main escape=json '...' '...';" or "LogFormat \"...\" combined" -> the quoted parts, joined; otherwise text itself.
std::string unwrapped_directive(std::string_view text) {
    text = trim(text);
    // "escape=json '{...}'" is the directive from its second parameter on; a shell may have taken the quotes.
    const bool escape = text.starts_with("escape=");
    if (escape && text.find_first_of("'") == text.npos) return std::string(trim(text.substr(std::min(text.find(' '), text.size()))));
    const bool nginx = escape || text.starts_with("log_format "), apache = text.starts_with("LogFormat ") || text.starts_with("CustomLog ");
    if (!nginx && !apache) return std::string(text);
    std::string joined;
    while (!text.empty()) {
        const std::size_t begin = text.find_first_of("'\"");
        if (begin == text.npos) break;
        const char quote = text[begin];
        std::size_t end = begin + 1;
        while (end < text.size() && text[end] != quote) end += text[end] == '\\' ? 2 : 1;
        joined += text.substr(begin + 1, std::min(end, text.size()) - begin - 1);
        text.remove_prefix(std::min(end + 1, text.size()));
        if (apache) break;
    }
    return joined;
}

// One of Apache's directives at the start of text ("%>s", "%{User-Agent}i", "%!200,304{Referer}i", "%%"): its field's name,
// "header.NAME", or "" for other values; and its length, 0 if there is none.
std::size_t take_apache(std::string_view text, std::string& name) {
    std::size_t at = 1;
    while (at < text.size() && (text[at] == '>' || text[at] == '<' || text[at] == '!' || text[at] == ',' || is_digit(text[at]))) ++at;
    std::string_view argument;
    if (at < text.size() && text[at] == '{') {
        const std::size_t end = text.find('}', at);
        if (end == text.npos) return 0;
        argument = text.substr(at + 1, end - at - 1);
        at = end + 1;
    }
    if (at < text.size() && text[at] == '^') at += 2;  // %^FB, %^ti
    if (at >= text.size()) return 0;
    const char kind = text[at];
    name.clear();
    if (argument.empty())
        name = std::string("%") + kind;
    else if (kind == 'i')
        name = "header:" + std::string(argument);
    else if (kind == 'T' && (argument == "ms" || argument == "us" || argument == "s"))
        name = argument == "ms" ? "%T:ms" : argument == "us" ? "%D" : "%T";
    else if (kind == 't')  // the beginning, or the end with "end:"
        name = argument == "sec" || argument == "msec" || argument == "usec" ? "%t:begin"
               : argument.starts_with("end:") && argument.ends_with("sec")   ? "%t:end"
                                                                             : "";
    return at + 1;
}

std::optional<AccessField> apache_field(const std::string& name) {
    if (name.starts_with("header:")) return AccessField{AccessField::Kind::header, name.substr(7)};
    if (name == "%T:ms") return AccessField{AccessField::Kind::duration_ms, ""};
    if (name == "%t:begin") return AccessField{AccessField::Kind::ts, ""};
    if (name == "%t:end") return AccessField{AccessField::Kind::end, ""};
    return field_of(name);
}

bool is_plain_request(const Record& record, const LogPattern& pattern) {
    return is_known_method(record.method) && (record.recorded_status != 0 || !pattern.has_status()) &&
           (record.target.starts_with('/') || record.target.find("://") != record.target.npos) &&
           record.target.find(' ') == record.target.npos;
}

}  // namespace

LogPattern parse_log_pattern(std::string_view given) {
    const std::string text = unwrapped_directive(given);
    // A format is of one server: in nginx's, '%' is literal, in Apache's, '$'.
    const bool nginx = text.find('$') != text.npos;
    LogPattern pattern;
    std::string literal;
    constexpr std::string_view kAnyText = "...";
    pattern.anywhere_ = text.starts_with(kAnyText);
    bool has_request = false, has_url = false;
    const auto add = [&](std::optional<AccessField> field, bool several, bool bracketed, bool zoned) {
        if (pattern.variables_.empty())
            pattern.before_ = literal;
        else
            pattern.variables_.back().behind = literal;
        if (!pattern.variables_.empty() && literal.empty())
            throw Error(ErrorKind::usage, kOption, "two variables without a separator between them");
        LogPattern::Variable variable;
        variable.quoted = literal.ends_with('"');
        variable.several = several;
        variable.zoned = zoned;
        variable.bracketed = bracketed;
        variable.field = std::move(field);
        if (variable.field) {
            has_request = has_request || variable.field->kind == AccessField::Kind::request;
            has_url = has_url || variable.field->kind == AccessField::Kind::url;
            pattern.has_status_ = pattern.has_status_ || variable.field->kind == AccessField::Kind::status;
            pattern.has_body_ = pattern.has_body_ || variable.field->kind == AccessField::Kind::body;
        }
        pattern.variables_.push_back(std::move(variable));
        literal.clear();
    };
    for (std::size_t at = pattern.anywhere_ ? kAnyText.size() : 0; at < text.size();) {
        const std::string_view rest = std::string_view(text).substr(at);
        if (nginx && rest.size() > 1 && rest[0] == '$') {
            const bool braces = rest[1] == '{';
            std::size_t end = braces ? 2 : 1;
            while (end < rest.size() && is_word_part(rest[end])) ++end;
            const std::string_view name = rest.substr(braces ? 2 : 1, end - (braces ? 2 : 1));
            if (!name.empty()) {
                add(field_of(name), name.starts_with("upstream_"), false, name == "time_local");
                at += end + (braces && end < rest.size() && rest[end] == '}' ? 1 : 0);
                continue;
            }
        }
        if (!nginx && rest.starts_with("%%")) {
            literal += '%';
            at += 2;
            continue;
        }
        if (std::string name; !nginx && rest[0] == '%') {
            const std::size_t length = take_apache(rest, name);
            if (length > 0) {
                add(apache_field(name), false, name == "%t", false);
                at += length;
                continue;
            }
        }
        // Configuration files write a quote within quotes as \", a tab as \t.
        if (rest.size() > 1 && rest[0] == '\\') {
            literal += rest[1] == 't' ? '\t' : rest[1] == 'n' ? '\n' : rest[1];
            at += 2;
            continue;
        }
        literal += rest[0];
        ++at;
    }
    if (!pattern.variables_.empty()) pattern.variables_.back().behind = literal;
    for (LogPattern::Variable& variable : pattern.variables_) variable.quoted = variable.quoted && variable.behind.starts_with('"');
    if (!has_request && !has_url)
        throw Error(ErrorKind::usage, kOption, "'" + printable(text.substr(0, 80)) + "' has no request in it",
                    "--log-format-string '$remote_addr - $remote_user [$time_local] \"$request\" $status $body_bytes_sent', or Apache's "
                    "'%h %l %u %t \\\"%r\\\" %>s %b'");
    return pattern;
}

std::size_t LogPattern::end_of(const Variable& variable, std::string_view rest) {
    if (variable.quoted) return end_of_quoted(rest);
    if (variable.bracketed && rest.starts_with('[')) {
        const std::size_t end = rest.find(']');
        return end == rest.npos ? end : end + 1;
    }
    if (variable.behind.empty()) return rest.size();
    std::size_t end = rest.find(variable.behind);
    // "10/Oct/2023:13:55:36 +0000" contains a space.
    if (variable.zoned && end != rest.npos && end + 1 < rest.size() && (rest[end + 1] == '+' || rest[end + 1] == '-'))
        end = rest.find(variable.behind, end + 1);
    // "0.1, 0.2 : 0.3": the separators of several upstreams are spaces too.
    while (
        variable.several && end != rest.npos && variable.behind.starts_with(' ') &&
        ((end > 0 && rest[end - 1] == ',') || rest.substr(end).starts_with(" : ") || (end > 1 && rest.substr(end - 2).starts_with(" : "))))
        end = rest.find(variable.behind, end + 1);
    return end;
}

// values: of each variable; false if the line, which begins with the first one, has another format.
bool LogPattern::split(std::string_view line, Columns columns, std::vector<std::string_view>& values) const {
    const auto skip_blanks = [&] { line.remove_prefix(std::min(line.find_first_not_of(" \t"), line.size())); };
    values.clear();
    if (columns == Columns::padded) skip_blanks();
    for (const Variable& variable : variables_) {
        const std::size_t end = end_of(variable, line);
        if (end == line.npos) return false;
        std::string_view value = line.substr(0, end);
        line.remove_prefix(end);
        if (!line.starts_with(variable.behind)) return false;
        line.remove_prefix(variable.behind.size());
        if (columns == Columns::padded) {
            if (variable.behind.ends_with(' ')) skip_blanks();
            if (!variable.quoted) value = trim(value);
        }
        if (variable.bracketed && value.size() > 1) value = value.substr(1, value.size() - 2);
        values.push_back(value);
    }
    return true;  // modules may append fields: ignore what follows
}

template <class OnValue>
bool LogPattern::read(std::string_view line, Values& values, Scratch& scratch, OnValue on_value) const {
    constexpr int kPlaces = 8;  // of before_ in one line
    std::size_t at = anywhere_ ? line.find(before_) : line.starts_with(before_) ? 0 : line.npos;
    for (int place = 0; place < kPlaces && at != line.npos; ++place) {
        const std::string_view rest = line.substr(at + before_.size());
        if (split(rest, Columns::padded, values.texts) || split(rest, Columns::exact, values.texts)) {
            values.before = line.substr(0, at);
            for (std::size_t i = 0; i < values.texts.size(); ++i)
                if (variables_[i].field) on_value(*variables_[i].field, unescaped_field(values.texts[i], scratch));
            return true;
        }
        at = anywhere_ && at + 1 < line.size() ? line.find(before_, at + 1) : line.npos;
    }
    return false;
}

bool LogPattern::matches(std::string_view line, Strictness strictness) const {
    Scratch scratch;
    scratch.reset(line.size());
    Record record;
    AccessFields fields;
    Values values;
    if (!read(line, values, scratch, [&](const AccessField& field, std::string_view value) { fields.assign(field, value, record); }) ||
        !fields.finish(record).empty())
        return false;
    return strictness == Strictness::any || is_plain_request(record, *this);
}

RecordStream::Step PatternStream::next(Record& record) {
    std::string_view line;
    if (const Step step = line_of_record(line, record); step != Step::record) return step;
    scratch_.reset(line.size());
    fields_.clear();
    const auto is_other = [&] {
        return foreign_line((name_.empty() ? "not of the form of --log-format-string: '" : "not a request of " + name_ + ": '") +
                            printable(line.substr(0, 40)) + "'");
    };
    if (!pattern_.read(line, values_, scratch_,
                       [&](const AccessField& field, std::string_view value) { fields_.assign(field, value, record); }))
        return is_other();
    if (!fields_.has_time()) fields_.assign({AccessField::Kind::end, ""}, find_time(values_.before), record);
    const std::string fault = fields_.finish(record);
    if (!name_.empty() && !is_plain_request(record, pattern_)) return is_other();
    if (fields_.body_is_empty()) ++empty_bodies_;
    return fault.empty() ? Step::record : bad(fault);
}

std::vector<std::string> PatternStream::warnings() const {
    if (empty_bodies_ == 0) return {};
    return {format_count(empty_bodies_) + (empty_bodies_ == 1 ? " request has" : " requests have") +
            " a method that takes a body, but an empty body: nginx leaves $request_body empty when it has written the body to disk"};
}

}  // namespace leakline::replay
