#include "memory/internal/series_csv_cells.hpp"

#include <algorithm>

#include "base/strings.hpp"
#include "base/time_text.hpp"
#include "memory/internal/series_log_time.hpp"
#include "memory/internal/series_numbers.hpp"
#include "memory/internal/series_text.hpp"

namespace leakline::memory {

std::string_view without_return(std::string_view line) {
    if (line.ends_with('\r')) line.remove_suffix(1);
    return line;
}

char separator_named(std::string_view line) {
    line = unquoted(line);
    if (line.size() < 5 || line.size() > 6 || line.substr(0, 4) != "sep=") return 0;
    return line.size() == 6 ? '\t' : line[4];  // "sep=\t" in letters
}

std::string_view before_limit(std::string_view cell) {
    const std::size_t slash = cell.find('/');
    return slash == std::string_view::npos ? cell : trim(cell.substr(0, slash));
}

namespace {

bool is_size(std::string_view cell) {
    const WrittenSize size = split_size(before_limit(cell));
    if (size.unit.empty() || size.number.empty()) return false;
    const bool number = parse_written_number(size.number, DecimalMark::point) || parse_written_number(size.number, DecimalMark::comma);
    return number && bytes_in_unit(size.unit).has_value();
}

}  // namespace

CellKind cell_kind(std::string_view cell) {
    cell = trim(cell);
    if (is_missing(cell)) return CellKind::empty;
    if (cell.back() == '%')
        return parse_written_number(cell.substr(0, cell.size() - 1), DecimalMark::point) ? CellKind::share : CellKind::text;
    const bool ends_in_time = parse_table_time(cell) || parse_clock_time(cell) || parse_slash_date(cell, DateOrder::month_first) ||
                              parse_slash_date(cell, DateOrder::day_first) || parse_date_words(cell);
    if (ends_in_time) return CellKind::time;
    if (parse_written_number(cell, DecimalMark::point))
        return parse_epoch(cell) || parse_compact_date(cell) ? CellKind::time : CellKind::number;
    if (parse_written_number(cell, DecimalMark::comma)) return CellKind::number;
    return is_size(cell) ? CellKind::size : CellKind::text;
}

double CellSample::share(std::size_t column, CellKind kind) const {
    std::size_t of_kind = 0, all = 0;
    for (const auto& row : rows) {
        if (column >= row.size()) continue;
        const CellKind found = cell_kind(row[column]);
        if (found == CellKind::empty) continue;
        ++all;
        of_kind += found == kind ? 1 : 0;
    }
    return all == 0 ? 0 : static_cast<double>(of_kind) / static_cast<double>(all);
}

std::size_t CellSample::width() const {
    std::size_t width = 0;
    for (const auto& row : rows) width = std::max(width, row.size());
    return width;
}

}  // namespace leakline::memory
