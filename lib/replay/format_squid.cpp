#include "replay/internal/format_squid.hpp"

#include <algorithm>
#include <array>

#include "base/ascii.hpp"
#include "base/quantities.hpp"
#include "base/strings.hpp"
#include "replay/internal/quoted_field.hpp"

namespace leakline::replay {

namespace {

constexpr std::size_t kColumns = 10;

bool all_digits(std::string_view text) { return !text.empty() && std::all_of(text.begin(), text.end(), is_digit); }

// The columns; false where the line does not have that many, or they are not what they should be.
bool read_columns(std::string_view line, std::array<std::string_view, kColumns>& columns) {
    for (std::string_view& column : columns) {
        column = take_word(line);
        if (column.empty()) return false;
    }
    const std::size_t point = columns[0].find('.'), slash = columns[3].find('/');
    return point != std::string_view::npos && all_digits(columns[0].substr(0, point)) && all_digits(columns[0].substr(point + 1)) &&
           all_digits(columns[1]) && slash != std::string_view::npos && all_digits(columns[3].substr(slash + 1)) &&
           all_digits(columns[4]) && columns[8].find('/') != std::string_view::npos;
}

}  // namespace

bool looks_like_squid(std::string_view line) {
    std::array<std::string_view, kColumns> columns;
    return read_columns(line, columns);
}

RecordStream::Step SquidStream::next(Record& record) {
    using Kind = AccessField::Kind;
    std::string_view line;
    if (const Step step = line_of_record(line, record); step != Step::record) return step;
    std::array<std::string_view, kColumns> columns;
    if (!read_columns(line, columns)) return foreign_line("not a line of Squid's access log: '" + printable(line.substr(0, 40)) + "'");
    const auto& [at, elapsed, client, result, bytes, method, url, user, hierarchy, type] = columns;
    if (method == "CONNECT" || method == "NONE" || method == "-" || url.starts_with("error:") || url == "-") {
        ++no_requests_;
        return Step::skipped;
    }
    fields_.clear();
    fields_.assign({Kind::end, ""}, at, record);
    fields_.assign({Kind::duration_ms, ""}, elapsed, record);
    fields_.assign({Kind::status, ""}, result.substr(result.find('/') + 1), record);
    fields_.assign({Kind::method, ""}, method, record);
    fields_.assign({Kind::url, ""}, url, record);
    const std::string fault = fields_.finish(record);
    return fault.empty() ? Step::record : bad_line(fault);
}

std::vector<std::string> SquidStream::warnings() const {
    if (no_requests_ == 0) return {};
    return {format_count(no_requests_) + (no_requests_ == 1 ? " line is a tunnel" : " lines are tunnels") +
            " (CONNECT) or no request: skipped"};
}

}  // namespace leakline::replay
