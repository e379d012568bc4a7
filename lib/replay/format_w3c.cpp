#include "replay/internal/format_w3c.hpp"

#include <algorithm>

#include "base/strings.hpp"
#include "replay/internal/quoted_field.hpp"

namespace leakline::replay {

namespace {

constexpr std::string_view kFields = "#Fields:";

// Cuts the next column off; between tabs it may be empty.
std::optional<std::string_view> take_column(std::string_view& line, bool tabs) {
    if (!tabs) {
        const std::string_view word = take_word(line);
        return word.empty() ? std::nullopt : std::optional(word);
    }
    if (line.empty()) return std::nullopt;
    const std::size_t end = line.find('\t');
    const std::string_view column = line.substr(0, end);
    line.remove_prefix(end == line.npos ? line.size() : end + 1);
    return column;
}

// Names of columns, and the field of a request that each one holds.
constexpr std::pair<std::string_view, std::string_view> kNames[] = {
    {"cs-method", "method"},
    {"cs-uri-stem", "url"},
    {"cs-uri", "url"},
    {"cs-uri-query", "query"},
    {"sc-status", "status"},
    {"cs-host", "header.Host"},
    {"cs(Host)", "header.Host"},
    {"x-host-header", "header.Host"},  // CloudFront: what the client asked for, where cs(Host) is the distribution
    {"cs(Referer)", "header.Referer"},
    {"cs(Content-Type)", "header.Content-Type"},
    {"x-edge-request-id", "header.X-Request-Id"},
};

}  // namespace

bool looks_like_w3c(std::string_view prefix) {
    while (prefix.starts_with('#')) {
        const std::string_view line = take_line(prefix);
        if (line.starts_with(kFields)) return line.find("cs-") != line.npos;
    }
    return false;
}

W3cStream::Column W3cStream::column_of(std::string_view name) {
    using Kind = Column::Kind;
    if (name == "date") return {Kind::date, {}};
    if (name == "time") return {Kind::time, {}};
    if (name == "time-taken") return {Kind::time_taken, {}};
    if (name == "cs(User-Agent)") return {Kind::agent, parse_access_field("header.User-Agent")};
    for (const auto& [column, field] : kNames)
        if (column == name) return {Kind::field, parse_access_field(field)};
    return {};
}

void W3cStream::read_fields(std::string_view names) {
    columns_.clear();
    has_request_ = false;
    bool has_host_header = false;
    while (const auto name = take_column(names, false)) {
        columns_.push_back(column_of(trim(*name)));
        const auto& field = columns_.back().field;
        has_request_ = has_request_ || (field && field->kind == AccessField::Kind::url);
        if (trim(*name) == "x-host-header") has_host_header = true;
    }
    if (!has_host_header) return;
    bool first = true;  // cs(Host) stands before it
    for (Column& column : columns_)
        if (column.field && column.field->kind == AccessField::Kind::header && column.field->name == "Host" && std::exchange(first, false))
            column = {};
}

RecordStream::Step W3cStream::next(Record& record) {
    std::string_view line;
    if (const Step step = line_of_record(line, record); step != Step::record) return step;
    if (line.starts_with(kFields)) read_fields(line.substr(kFields.size()));
    if (line.starts_with('#')) return Step::skipped;
    if (!has_request_) return bad("a line before '#Fields:' names cs-uri-stem, so its columns are not known");
    return read_line(line, record);
}

RecordStream::Step W3cStream::read_line(std::string_view line, Record& record) {
    using Kind = Column::Kind;
    fields_.clear();
    stamp_.clear();
    const bool tabs = line.find('\t') != line.npos;
    std::string_view date, time, taken;
    std::size_t read = 0;
    for (; read < columns_.size(); ++read) {
        const auto value = take_column(line, tabs);
        if (!value) break;
        switch (columns_[read].kind) {
            case Kind::nothing: break;
            case Kind::date: date = *value; break;
            case Kind::time: time = *value; break;
            case Kind::time_taken: taken = *value; break;
            case Kind::agent:
                agent_ = *value;
                std::replace(agent_.begin(), agent_.end(), '+', ' ');
                fields_.assign(*columns_[read].field, agent_, record);
                break;
            case Kind::field: fields_.assign(*columns_[read].field, *value, record); break;
        }
    }
    if (read < columns_.size())
        return bad_line("it has " + std::to_string(read) + " columns, '#Fields:' names " + std::to_string(columns_.size()));
    if (!date.empty() && !time.empty()) {
        stamp_.append(date).append("T").append(time).append("Z");
        fields_.assign({AccessField::Kind::end, ""}, stamp_, record);
        const bool seconds = taken.find('.') != taken.npos;
        fields_.assign({seconds ? AccessField::Kind::duration : AccessField::Kind::duration_ms, ""}, taken, record);
    }
    const std::string fault = fields_.finish(record);
    return fault.empty() ? Step::record : bad_line(fault);
}

}  // namespace leakline::replay
