// CSV of memory over time, read at the speed of the disk: no copy of a line, no allocation per row.
//
//   header = name *( sep name ) ; sep = tab or ";" or ",", the first in the header outside of quotes
//   row    = cell *( sep cell ) ; a cell may be in double quotes, "" is a quote within it; "#" starts a comment line
// Excel's line "sep=;" may be first. Numbers may have a decimal comma and groups of three (series_numbers.hpp); memory
// may have its own unit, "12.5MiB", and a limit after it, "12.5MiB / 2GiB". Repeated headers are skipped; a
// file without one is read if its cells show what they are. Rows that are short or long, and those with no value or
// text in place of a number, are counted and skipped.
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstring>
#include <limits>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/strings.hpp"
#include "base/time_text.hpp"
#include "memory/internal/series_column_names.hpp"
#include "memory/internal/series_columns.hpp"
#include "memory/internal/series_csv_cells.hpp"
#include "memory/internal/series_formats.hpp"
#include "memory/internal/series_log_time.hpp"
#include "memory/internal/series_numbers.hpp"
#include "memory/internal/series_swap.hpp"
#include "memory/internal/series_text.hpp"
#include "system/byte_source.hpp"

namespace leakline::memory {

namespace {

class RowReader {
  public:
    // name: the file's, for errors.
    RowReader(Columns columns, const std::vector<std::string_view>& header, char separator, const std::string& name,
              const SeriesReadOptions& options, SeriesCollector& collector)
        : columns_(std::move(columns)),
          header_(header.begin(), header.end()),
          width_(header.size()),
          separator_(separator),
          name_(name),
          mark_(options.decimal),
          interval_s_(options.interval_s.value_or(0)),
          collector_(collector),
          swaps_(collector),
          bytes_(columns_.series.size()),
          has_swap_(columns_.series.size()),
          swap_(columns_.series.size()) {
        for (const MemoryColumn& column : columns_.memory)
            if (column.is_swap) has_swap_[column.series] = true;
    }

    // ahead: the lines that follow in the same block, for an ambiguous number.
    void read(std::string_view line, std::uint64_t number, std::string_view ahead) {
        line = without_return(line);
        if (line.empty() || line.front() == '#') return;
        const char* at = line.data();
        const char* const end = at + line.size();
        row_ = {};
        std::fill(bytes_.begin(), bytes_.end(), 0.);
        std::fill(swap_.begin(), swap_.end(), std::nullopt);
        if (bytes_.size() > 1) missing_.assign(bytes_.size(), false);
        label_.clear();
        metric_.clear();
        bool first_label = true;
        for (std::size_t column = 0; column < columns_.roles.size(); ++column) {
            if (at > end) return collector_.skipped(number, short_row(column));
            const ColumnRole role = columns_.roles[column];
            const char* after = nullptr;
            switch (role) {
                case ColumnRole::none: after = cell_end(at, end, separator_); break;
                case ColumnRole::label:
                case ColumnRole::metric:
                    after = cell_end(at, end, separator_);
                    if (!first_label) label_ += SeriesCollector::kBetweenLabels;
                    first_label = false;
                    label_ += unquoted({at, static_cast<std::size_t>(after - at)});
                    if (role == ColumnRole::metric)
                        (metric_ += metric_.empty() ? "" : "_") += unquoted({at, static_cast<std::size_t>(after - at)});
                    break;
                case ColumnRole::process:
                    after = cell_end(at, end, separator_);
                    row_.process = unquoted({at, static_cast<std::size_t>(after - at)});
                    break;
                default:
                    after = read_value(role, column, at, end, number, line, ahead);
                    if (after == nullptr) return;
            }
            at = after + 1;
        }
        if (at <= end && is_long({at, static_cast<std::size_t>(end - at)}))
            return collector_.skipped(number, "more cells than the header has (a number with commas needs quotes)");
        add(number);
    }

    // After the last row. Throws Error{input} if all rows were of metrics other than memory.
    void finish() {
        swaps_.finish();
        const bool memory = std::any_of(metrics_.begin(), metrics_.end(), [](const auto& metric) { return metric.second != 0; });
        if (metrics_.empty() || memory) return;
        throw Error(ErrorKind::input, name_,
                    fmt::format("no metric of memory among '{}'{}", printable(metrics_.begin()->first), metrics_.size() > 1 ? ", ..." : ""),
                    "export one such as memory_rss_bytes");
    }

  private:
    struct Row {
        double time = 0, clock = 0;
        std::optional<double> requests;
        std::string_view process;
        std::size_t memory = 0;  // columns of memory read
        bool own_unit = false;   // the cell says that it is a size: "12.5 MiB"
    };

    // Reads one cell with a number or a time into the row. Returns where it ends; nullptr: the row is skipped.
    const char* read_value(ColumnRole role, std::size_t column, const char* at, const char* end, std::uint64_t number,
                           std::string_view line, std::string_view ahead) {
        const MemoryColumn* const memory = role == ColumnRole::memory ? &columns_.memory[row_.memory++] : nullptr;
        double value = 0, bytes_per_unit = memory != nullptr ? memory->bytes_per_unit : 0;
        const bool plain = role != ColumnRole::clock && (role != ColumnRole::time || columns_.time_form == TimeForm::number);
        const char* after = plain ? plain_number(at, end, value) : nullptr;
        if (after == nullptr || (after != end && *after != separator_)) {
            after = cell_end(at, end, separator_);
            const std::string_view cell = unquoted({at, static_cast<std::size_t>(after - at)});
            const WrittenSize size = memory != nullptr ? split_size(before_limit(cell)) : WrittenSize{cell, {}};
            if (plain && mark_ == DecimalMark::undecided && mark_evidence(size.number) != MarkEvidence::none)
                settle_mark(size.number, number, line, ahead);
            const auto parsed = role == ColumnRole::time    ? time_of(cell, number)
                                : role == ColumnRole::clock ? clock_time_of(cell)
                                                            : number_of(size.number);
            // A counter that is missing keeps its value; a row without time or memory is not a sample.
            if (!parsed && role == ColumnRole::requests) return after;
            if (!parsed && memory != nullptr && memory->is_swap && is_missing(cell)) return after;
            if (!parsed && memory != nullptr && columns_.series.size() > 1 && is_missing(cell)) {
                missing_[memory->series] = true;
                return after;
            }
            if (!size.unit.empty()) bytes_per_unit = bytes_in_unit(size.unit).value_or(0);
            row_.own_unit = row_.own_unit || (!size.unit.empty() && bytes_per_unit != 0);
            if (!parsed || (!size.unit.empty() && bytes_per_unit == 0)) {
                if (cell != header_[column]) collector_.skipped(number, bad_cell(cell, role));
                return nullptr;
            }
            value = *parsed;
        }
        switch (role) {
            case ColumnRole::time: row_.time = value * columns_.seconds_per_unit; break;
            case ColumnRole::clock: row_.clock = value; break;
            case ColumnRole::requests: row_.requests = value; break;
            default:
                if (bytes_per_unit == 0 && value != 0 && std::isfinite(value)) throw no_unit(number, *memory, value);
                if (memory->is_swap)
                    swap_[memory->series] = value * bytes_per_unit;
                else
                    bytes_[memory->series] += value * bytes_per_unit;
        }
        return after;
    }

    void add(std::uint64_t number) {
        double unit = 1;
        if (columns_.has_metric && (unit = unit_of_metric()) == 0) return;
        RawSample sample;
        sample.seconds = columns_.has_time ? row_.time + row_.clock : tick() * interval_s_;
        sample.requests = row_.requests;
        ++rows_;
        const std::size_t label = label_.size();
        for (std::size_t series = 0; series < bytes_.size(); ++series) {
            if (bytes_.size() > 1 && missing_[series]) continue;
            sample.bytes = bytes_[series] * unit;
            if (bytes_.size() > 1) {
                if (columns_.has_labels) label_ += SeriesCollector::kBetweenLabels;
                label_ += columns_.series[series];
            }
            if (has_swap_[series])
                swaps_.add(label_, row_.process, sample, swap_[series], number);
            else
                collector_.add(label_, row_.process, sample, number);
            label_.resize(label);
        }
    }

    // Bytes in one of the metric's values; 0: it is not memory, and the row is skipped.
    double unit_of_metric() {
        const auto known = metrics_.find(metric_);
        if (known != metrics_.end()) return known->second;
        constexpr std::size_t kMax = 10'000;
        const std::string name = column_name(metric_);
        const auto memory = memory_name(name);
        double unit = 0;
        if (memory_rank(name, memory ? memory->metric : name) != kNotUsedMemory) {
            if (row_.own_unit)
                unit = 1;
            else if (memory && after_memory_word(name))
                unit = memory->bytes;
            else if (is_plain_memory_word(name))
                unit = 1;
        }
        if (metrics_.size() < kMax) metrics_.emplace(metric_, unit);
        return unit;
    }

    // Rows without a time: the index of this one in its series.
    double tick() {
        if (!columns_.has_labels && !columns_.has_process) return static_cast<double>(rows_);
        std::string key = label_;
        key += '\n';
        key += row_.process;
        return static_cast<double>(ticks_[key]++);
    }

    // Reads the number at `at` if its marks are not ambiguous in this file; otherwise returns nullptr. At the
    // speed of parse_decimal.
    const char* plain_number(const char* at, const char* end, double& value) const {
        if (mark_ == DecimalMark::point) return parse_decimal(at, end, value);
        constexpr int kExactDigits = 15;
        const char* const limit = at + std::min<std::ptrdiff_t>(end - at, kExactDigits);
        std::uint64_t digits = 0;
        const char* const first = at;
        while (at != limit && *at >= '0' && *at <= '9') digits = digits * 10 + static_cast<std::uint64_t>(*at++ - '0');
        value = static_cast<double>(digits);
        return at == first ? nullptr : at;
    }

    std::optional<double> number_of(std::string_view cell) const { return parse_written_number(cell, mark_); }

    // Sets the file's decimal mark by the first unambiguous number from here on. first is in line.
    void settle_mark(std::string_view first, std::uint64_t number, std::string_view line, std::string_view ahead) {
        bool point_unclear = false;
        for (;;) {
            if (!line.starts_with('#') && settle_by_row(line, point_unclear)) return;
            if (ahead.empty()) break;
            line = take_line(ahead);
        }
        // Only with a semicolon between columns is a point likely to separate groups.
        if (point_unclear && separator_ != ';') {
            mark_ = DecimalMark::point;
            return;
        }
        throw Error(ErrorKind::input, place(number),
                    "'" + printable(first) + "' has a decimal or thousands separator, and no other number shows which",
                    "--decimal point or --decimal comma");
    }

    bool settle_by_row(std::string_view row, bool& point_unclear) {
        const std::vector<std::string_view> cells = cells_of(row, separator_);
        for (std::size_t column = 0; column < std::min(cells.size(), columns_.roles.size()); ++column) {
            const ColumnRole role = columns_.roles[column];
            if (role != ColumnRole::memory && role != ColumnRole::time && role != ColumnRole::requests) continue;
            const std::string_view text = role == ColumnRole::memory ? split_size(before_limit(cells[column])).number : cells[column];
            switch (mark_evidence(text)) {
                case MarkEvidence::point: mark_ = DecimalMark::point; return true;
                case MarkEvidence::comma: mark_ = DecimalMark::comma; return true;
                case MarkEvidence::unclear: point_unclear = point_unclear || text.find('.') != std::string_view::npos; break;
                case MarkEvidence::none: break;
            }
        }
        return false;
    }

    // In units of seconds_per_unit.
    std::optional<double> time_of(std::string_view cell, std::uint64_t line) {
        if (!settle_time_form(columns_, cell, number_of(cell)))
            throw Error(ErrorKind::input, place(line), "no column of time: the first, without a name, counts rows", time_hint());
        switch (columns_.time_form) {
            case TimeForm::iso: return parse_table_time(cell);
            case TimeForm::slash_date: return parse_slash_date(cell, columns_.date_order);
            case TimeForm::compact: return parse_compact_date(cell);
            case TimeForm::date_words: return parse_date_words(cell);
            case TimeForm::clock: return clock_time_of(cell);
            case TimeForm::elapsed: return parse_elapsed(cell);
            default: return number_of(cell);
        }
    }

    std::optional<double> clock_time_of(std::string_view cell) {
        constexpr double kHalfDay = 12 * 3600, kDay = 24 * 3600;
        const auto time = parse_clock_time(cell);
        if (!time) return std::nullopt;
        if (columns_.has_clock) return time;  // the date beside it changes at midnight
        if (*time < last_clock_ - kHalfDay) midnight_ += kDay;
        last_clock_ = *time;
        return midnight_ + *time;
    }

    // Cells after the last used one that the header does not have. Counting costs time, so if columns follow,
    // only the first rows are counted: a file is written one way from its first row to its last.
    bool is_long(std::string_view rest) const {
        constexpr std::uint64_t kCounted = 1000;
        const std::size_t may_follow = width_ - columns_.roles.size();
        if (may_follow > 0 && rows_ >= kCounted) return false;
        const std::vector<std::string_view> cells = cells_of(rest, separator_);
        return cells.size() > may_follow && std::any_of(cells.begin() + static_cast<std::ptrdiff_t>(may_follow), cells.end(),
                                                        [](std::string_view cell) { return !cell.empty(); });
    }

    std::string place(std::uint64_t line) const { return name_ + ":" + std::to_string(line); }
    Error no_unit(std::uint64_t line, const MemoryColumn& column, double value) const {
        return {ErrorKind::input, place(line), fmt::format("column '{}' has no unit, nor has its value {}", printable(column.name), value),
                unit_hint(column.name)};
    }
    std::string short_row(std::size_t column) const {
        return "row ends after " + std::to_string(column) + " of " + std::to_string(columns_.roles.size()) + " columns";
    }
    std::string bad_cell(std::string_view cell, ColumnRole role) const {
        const char* what = role == ColumnRole::time || role == ColumnRole::clock ? "time" : "memory";
        if (cell.empty()) return std::string("no value for ") + what;
        std::string text = std::string("bad ") + what + " '" + printable(cell.substr(0, 40)) + "'";
        const WrittenSize size = split_size(cell);
        if (role == ColumnRole::memory && number_of(size.number) && !size.unit.empty())
            text += ": unknown unit '" + printable(size.unit.substr(0, 20)) + "'";
        const bool other = mark_evidence(size.number) == (mark_ == DecimalMark::point ? MarkEvidence::comma : MarkEvidence::point);
        if (other && mark_ != DecimalMark::undecided)
            text += mark_ == DecimalMark::point ? ": the file's decimal mark is the point" : ": the file's decimal mark is the comma";
        return text;
    }

    Columns columns_;
    std::vector<std::string> header_;  // as it is written
    std::size_t width_;                // columns of the header
    char separator_;
    std::string name_;
    DecimalMark mark_;
    double interval_s_;
    std::uint64_t rows_ = 0;  // good ones
    SeriesCollector& collector_;
    SwapCollector swaps_;
    double last_clock_ = 0, midnight_ = 0;  // of TimeForm::clock, in seconds
    Row row_;
    std::vector<double> bytes_;  // of each series of the row
    std::vector<bool> missing_;  // those without a value
    std::vector<bool> has_swap_;
    std::vector<std::optional<double>> swap_;  // of each series of the row
    std::string label_, metric_;
    std::map<std::string, double> metrics_;  // bytes in one of each
    std::map<std::string, std::uint64_t> ticks_;
};

// Finds the header: the first line that is no comment, or the last comment before rows of as many cells (as numpy and
// sadf -d write it).
class HeaderFinder {
  public:
    struct Header {
        std::vector<std::string_view> cells;  // views into the line or into the finder
        char separator;
        std::uint64_t line;
        bool is_row;  // the line given to take() is the first row: the header was a comment, or there is none
    };

    // Nothing: the header has not been found yet.
    std::optional<Header> take(std::string_view line, std::uint64_t number) {
        if (trim(line).empty()) return std::nullopt;
        if (const char named = separator_named(line); named != 0 && separator_ == 0) {
            separator_ = named;
            return std::nullopt;
        }
        if (line.front() == '#') {
            comment_ = line.substr(std::min(line.find_first_not_of("# \t"), line.size()));
            comment_line_ = number;
            return std::nullopt;
        }
        const char separator = separator_ != 0 ? separator_ : separator_of(line);
        std::vector<std::string_view> cells = cells_of(line, separator);
        if (!comment_.empty() && has_values(cells)) {
            std::vector<std::string_view> names = cells_of(comment_, separator);
            if (names.size() > 1 && names.size() == cells.size()) return Header{std::move(names), separator, comment_line_, true};
        }
        return Header{std::move(cells), separator, number, false};
    }

  private:
    static bool has_values(const std::vector<std::string_view>& cells) {
        return std::any_of(cells.begin(), cells.end(), [](std::string_view cell) {
            const CellKind kind = cell_kind(cell);
            return kind == CellKind::number || kind == CellKind::time || kind == CellKind::size;
        });
    }

    char separator_ = 0;
    std::string comment_;
    std::uint64_t comment_line_ = 0;
};

// The first rows of text (whole lines), for what the names do not show.
CellSample sample_of(std::string_view text, char separator) {
    constexpr std::size_t kRows = 2000;
    CellSample sample;
    while (!text.empty() && sample.rows.size() < kRows) {
        const std::string_view line = take_line(text);
        if (!trim(line).empty() && line.front() != '#') sample.rows.push_back(cells_of(line, separator));
    }
    return sample;
}

bool is_header_again(const std::vector<std::string_view>& row, const std::vector<std::string_view>& header) {
    if (row.size() != header.size()) return false;
    for (std::size_t i = 1; i < row.size(); ++i)
        if (row[i] != header[i]) return false;
    return row.size() > 1 && cell_kind(row[1]) == CellKind::text;
}

// The names of the columns. A header may be missing, or have a time like its rows ("1717763400,CONTAINER,...").
std::vector<std::string_view> names_of(HeaderFinder::Header& header, CellSample& sample, const SeriesReadOptions& options,
                                       std::string_view line) {
    const auto is = [&](CellKind kind) {
        return std::any_of(header.cells.begin(), header.cells.end(), [&](std::string_view cell) { return cell_kind(cell) == kind; });
    };
    if (!header.is_row && is(CellKind::size)) {
        CellSample with_first = sample;
        with_first.rows.insert(with_first.rows.begin(), cells_of(line, header.separator));
        if (const auto names = header_by_cells(with_first, !options.interval_s)) {
            header.is_row = true;
            sample = std::move(with_first);
            return *names;
        }
    }
    std::vector<std::string_view> names = header.cells;
    std::erase_if(sample.rows, [&](const auto& row) { return is_header_again(row, names); });
    if (names.size() > 1 && cell_kind(names.front()) == CellKind::time && is(CellKind::text)) names.front() = "time";
    return names;
}

}  // namespace

bool detect_csv(std::string_view head) {
    return std::none_of(head.begin(), head.end(), [](char c) { return c == '\0'; });
}

void read_csv(std::unique_ptr<ByteSource> source, const std::string& name, const SeriesReadOptions& options, SeriesCollector& collector) {
    Blocks blocks(std::move(source));
    HeaderFinder finder;
    std::optional<RowReader> rows;
    std::uint64_t number = 0;
    for (std::string_view block = blocks.next(); !block.empty(); block = blocks.next()) {
        const char* at = block.data();
        const char* const end = at + block.size();
        while (at != end) {
            const void* newline = std::memchr(at, '\n', static_cast<std::size_t>(end - at));
            const char* const line_end = newline == nullptr ? end : static_cast<const char*>(newline);
            std::string_view line(at, static_cast<std::size_t>(line_end - at));
            at = newline == nullptr ? end : line_end + 1;
            ++number;
            const std::string_view ahead(at, static_cast<std::size_t>(end - at));
            if (rows) {
                rows->read(line, number, ahead);
                continue;
            }
            line = without_return(line);
            auto header = finder.take(line, number);
            if (!header) continue;
            // A header in a comment is known only at the first row, which belongs to the sample.
            const char* const from = header->is_row ? line.data() : ahead.data();
            CellSample sample = sample_of({from, static_cast<std::size_t>(end - from)}, header->separator);
            const std::vector<std::string_view> names = names_of(*header, sample, options, line);
            Columns columns = columns_of(names, sample, options, name + ":" + std::to_string(header->line));
            for (const std::string& note : columns.notes) collector.note(name + ": " + note);
            rows.emplace(std::move(columns), names, header->separator, name, options, collector);
            if (header->is_row) rows->read(line, number, ahead);
        }
    }
    if (!rows) throw Error(ErrorKind::input, name, "is empty", "expected memory over time, as CSV with a header");
    rows->finish();
    collector.ended(blocks.end(), number);
}

}  // namespace leakline::memory
