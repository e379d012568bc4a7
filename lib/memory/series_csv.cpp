// CSV of memory over time, read at the speed of the disk: no copy of a line, no allocation a row.
//
//   header = name *( sep name ) ; sep = tab or ";" or ",", the first that the header holds outside of quotes
//   row    = cell *( sep cell ) ; a cell may stand in double quotes, "" is one in it; "#" starts a comment line
// Numbers may have a decimal comma and groups of three (series_numbers.hpp); memory may carry its own unit, "12.5MiB".
// Rows that are short or long, and those with no value or text where a number belongs, are counted and left out.
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstring>
#include <limits>
#include <optional>
#include <string>
#include <vector>

#include "base/text.hpp"
#include "memory/series_columns.hpp"
#include "memory/series_formats.hpp"
#include "memory/series_log_time.hpp"
#include "memory/series_numbers.hpp"
#include "memory/series_text.hpp"

namespace leakline::memory {

namespace {

std::string_view unquoted(std::string_view cell) {
    cell = trim(cell);
    if (cell.size() >= 2 && cell.front() == '"' && cell.back() == '"') cell = cell.substr(1, cell.size() - 2);
    return cell;
}

std::string_view without_return(std::string_view line) {
    if (line.ends_with('\r')) line.remove_suffix(1);
    return line;
}

// Where the cell that begins at `at` ends: at a separator outside of quotes, or at the end of the line.
const char* cell_end(const char* at, const char* end, char separator) {
    while (at != end && *at == '"') {  // a quote within doubles: "a""b" is two quoted runs
        const char* const quote = std::find(at + 1, end, '"');
        if (quote == end) break;
        at = quote + 1;
    }
    return std::find(at, end, separator);
}

std::vector<std::string_view> cells_of(std::string_view line, char separator) {
    std::vector<std::string_view> cells;
    const char* at = line.data();
    const char* const end = at + line.size();
    for (;;) {
        const char* const stop = cell_end(at, end, separator);
        cells.push_back(unquoted({at, static_cast<std::size_t>(stop - at)}));
        if (stop == end) return cells;
        at = stop + 1;
    }
}

// A name with a comma in it, "RSS (KiB, no swap)", is likelier than one with a tab or a semicolon.
char separator_of(std::string_view header) {
    bool quoted = false, tab = false, semicolon = false;
    for (const char c : header) {
        if (c == '"') quoted = !quoted;
        tab = tab || (c == '\t' && !quoted);
        semicolon = semicolon || (c == ';' && !quoted);
    }
    return tab ? '\t' : semicolon ? ';' : ',';
}

// Whole lines of a source in blocks.
class Blocks {
  public:
    static constexpr std::size_t kBlock = std::size_t{1} << 20;

    explicit Blocks(std::unique_ptr<ByteSource> source) : source_(std::move(source)) {}

    // Whole lines, valid until the next call; the last may lack its end. Empty at the end. A line longer than a
    // block is cut to pieces, which no row survives.
    std::string_view next() {
        std::memmove(buffer_.data(), buffer_.data() + given_, size_ - given_);
        size_ -= given_;
        given_ = 0;
        while (size_ < buffer_.size()) {
            const std::size_t got = source_->read(std::span(buffer_).subspan(size_));
            if (got == 0) {
                given_ = size_;
                return {buffer_.data(), size_};
            }
            const void* last = ::memrchr(buffer_.data() + size_, '\n', got);
            size_ += got;
            if (last != nullptr && size_ >= kBlock / 2) {
                given_ = static_cast<std::size_t>(static_cast<const char*>(last) - buffer_.data()) + 1;
                return {buffer_.data(), given_};
            }
        }
        const void* last = ::memrchr(buffer_.data(), '\n', size_);
        given_ = last == nullptr ? size_ : static_cast<std::size_t>(static_cast<const char*>(last) - buffer_.data()) + 1;
        return {buffer_.data(), given_};
    }
    StreamEnd end() const { return source_->end(); }

  private:
    std::unique_ptr<ByteSource> source_;
    std::vector<char> buffer_ = std::vector<char>(kBlock);
    std::size_t size_ = 0, given_ = 0;
};

class RowReader {
  public:
    // name: the file's, for errors.
    RowReader(Columns columns, std::size_t width, char separator, const std::string& name, const SeriesReadOptions& options,
              SeriesCollector& collector)
        : columns_(std::move(columns)), width_(width), separator_(separator), name_(name), mark_(options.decimal),
          interval_s_(options.interval_s.value_or(0)), collector_(collector) {}

    // ahead: the lines that follow in the same block, for a number that only others make clear.
    void read(std::string_view line, std::uint64_t number, std::string_view ahead) {
        line = without_return(line);
        if (line.empty() || line.front() == '#') return;
        const char* at = line.data();
        const char* const end = at + line.size();
        double time = 0, process = 0;
        RawSample sample;
        std::size_t memory = 0;
        for (std::size_t column = 0; column < columns_.roles.size(); ++column) {
            if (at > end) return collector_.skipped(number, short_row(column));
            const ColumnRole role = columns_.roles[column];
            if (role == ColumnRole::none) {
                at = cell_end(at, end, separator_) + 1;
                continue;
            }
            double value = 0, bytes_per_unit = role == ColumnRole::memory ? columns_.bytes_per_unit[memory] : 0;
            const char* after = role == ColumnRole::time && columns_.time_form != TimeForm::number
                                    ? nullptr
                                    : plain_number(at, end, value);
            if (after == nullptr || (after != end && *after != separator_)) {
                after = cell_end(at, end, separator_);
                const std::string_view cell = unquoted({at, static_cast<std::size_t>(after - at)});
                const WrittenSize size = role == ColumnRole::memory ? split_size(cell) : WrittenSize{cell, {}};
                if (mark_ == DecimalMark::undecided && mark_evidence(size.number) != MarkEvidence::none)
                    settle_mark(size.number, number, line, ahead);
                const auto parsed = role == ColumnRole::time ? time_of(cell, number) : number_of(size.number);
                // A counter that is missing for a moment holds; a sample without its time or memory is none.
                if (!parsed && role == ColumnRole::requests) {
                    at = after + 1;
                    continue;
                }
                if (!size.unit.empty()) bytes_per_unit = bytes_in_unit(size.unit).value_or(0);
                if (!parsed || (!size.unit.empty() && bytes_per_unit == 0))
                    return collector_.skipped(number, bad_cell(cell, role));
                value = *parsed;
            }
            at = after + 1;
            switch (role) {
                case ColumnRole::time: time = value * columns_.seconds_per_unit; break;
                case ColumnRole::memory:
                    if (bytes_per_unit == 0 && value != 0 && std::isfinite(value)) throw no_unit(number, memory, value);
                    sample.bytes += value * bytes_per_unit;
                    ++memory;
                    break;
                case ColumnRole::requests: sample.requests = value; break;
                case ColumnRole::process: process = value; break;
                case ColumnRole::none: break;
            }
        }
        if (at <= end && is_long({at, static_cast<std::size_t>(end - at)}))
            return collector_.skipped(number, "more cells than the header has (a number with commas needs quotes)");
        sample.seconds = columns_.has_time ? time : static_cast<double>(rows_) * interval_s_;
        ++rows_;
        if (columns_.has_process) {
            collector_.add(process, sample, number);
        } else {
            collector_.add(sample, number);
        }
    }

  private:
    // The number that begins at `at`, where it has no mark that the file has not yet made clear; else nullptr. At the
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

    // The file's decimal mark, by the first number from here on that is clear. first stands in line.
    void settle_mark(std::string_view first, std::uint64_t number, std::string_view line, std::string_view ahead) {
        bool point_unclear = false;
        for (;;) {
            if (!line.starts_with('#') && settle_by_row(line, point_unclear)) return;
            if (ahead.empty()) break;
            const std::size_t length = std::min(ahead.find('\n'), ahead.size());
            line = without_return(ahead.substr(0, length));
            ahead.remove_prefix(std::min(ahead.size(), length + 1));
        }
        // Only with a semicolon between columns is a point likely to part groups.
        if (point_unclear && separator_ != ';') {
            mark_ = DecimalMark::point;
            return;
        }
        throw Error(ErrorKind::input, place(number),
                    "'" + printable(first) + "' has a decimal mark or a thousands mark, and no other number tells which",
                    "--decimal point or --decimal comma");
    }

    bool settle_by_row(std::string_view row, bool& point_unclear) {
        const std::vector<std::string_view> cells = cells_of(row, separator_);
        for (std::size_t column = 0; column < std::min(cells.size(), columns_.roles.size()); ++column) {
            if (columns_.roles[column] == ColumnRole::none) continue;
            const std::string_view text = columns_.roles[column] == ColumnRole::memory ? split_size(cells[column]).number
                                                                                     : cells[column];
            switch (mark_evidence(text)) {
                case MarkEvidence::point: mark_ = DecimalMark::point; return true;
                case MarkEvidence::comma: mark_ = DecimalMark::comma; return true;
                case MarkEvidence::unclear:
                    point_unclear = point_unclear || text.find('.') != std::string_view::npos;
                    break;
                case MarkEvidence::none: break;
            }
        }
        return false;
    }

    // In units of seconds_per_unit.
    std::optional<double> time_of(std::string_view cell, std::uint64_t line) {
        if (!settle_time_form(columns_, cell, number_of(cell)))
            throw Error(ErrorKind::input, place(line), "no column of time: the first, without a name, counts rows",
                        time_hint());
        switch (columns_.time_form) {
            case TimeForm::iso: return parse_iso_time(cell);
            case TimeForm::clock: return clock_time_of(cell);
            default: return number_of(cell);
        }
    }

    std::optional<double> clock_time_of(std::string_view cell) {
        constexpr double kHalfDay = 12 * 3600, kDay = 24 * 3600;
        auto time = parse_clock_time(cell);
        if (!time) time = parse_elapsed(cell);
        if (!time) return std::nullopt;
        if (*time < last_clock_ - kHalfDay) midnight_ += kDay;
        last_clock_ = *time;
        return midnight_ + *time;
    }

    // Cells behind the last wanted one that the header does not have. Counting costs time, so that where columns follow
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
    Error no_unit(std::uint64_t line, std::size_t memory, double value) const {
        const std::string column(split_metric(memory));
        return {ErrorKind::input, place(line),
                fmt::format("column '{}' has no unit, nor has its value {}", printable(column), value), unit_hint(column)};
    }
    std::string_view split_metric(std::size_t memory) const { return split(columns_.metric, '+').at(memory); }
    std::string short_row(std::size_t column) const {
        return "row ends after " + std::to_string(column) + " of " + std::to_string(columns_.roles.size()) + " columns";
    }
    std::string bad_cell(std::string_view cell, ColumnRole role) const {
        const char* what = role == ColumnRole::time ? "time" : role == ColumnRole::process ? "pid" : "memory";
        if (cell.empty()) return std::string("no value for ") + what;
        std::string text = std::string("bad ") + what + " '" + printable(cell.substr(0, 40)) + "'";
        if (role == ColumnRole::time && cell.size() >= 8 && cell[2] == '/' && cell[5] == '/')
            return text + ": month or day first? write 2024-06-07";
        const WrittenSize size = split_size(cell);
        if (role == ColumnRole::memory && number_of(size.number) && !size.unit.empty())
            text += ": unknown unit '" + printable(size.unit.substr(0, 20)) + "'";
        const bool other = mark_evidence(size.number) == (mark_ == DecimalMark::point ? MarkEvidence::comma : MarkEvidence::point);
        if (other && mark_ != DecimalMark::undecided)
            text += mark_ == DecimalMark::point ? ": the file's decimal mark is the point" : ": the file's decimal mark is the comma";
        return text;
    }

    Columns columns_;
    std::size_t width_;  // columns of the header
    char separator_;
    std::string name_;
    DecimalMark mark_;
    double interval_s_;
    std::uint64_t rows_ = 0;  // good ones
    SeriesCollector& collector_;
    double last_clock_ = 0, midnight_ = 0;  // of TimeForm::clock, in seconds
};

// Finds the header: the first line that is no comment, or the last comment before rows of values (as numpy writes it).
class HeaderFinder {
  public:
    struct Header {
        std::vector<std::string_view> cells;  // views into the line, or into the finder
        char separator;
        std::uint64_t line;
        bool in_comment;  // then the line given to take() is the first row
    };

    // Nothing: the header is still to come.
    std::optional<Header> take(std::string_view line, std::uint64_t number) {
        if (trim(line).empty()) return std::nullopt;
        if (line.front() == '#') {
            comment_ = line.substr(std::min(line.find_first_not_of("# \t"), line.size()));
            comment_line_ = number;
            return std::nullopt;
        }
        const char separator = separator_of(line);
        std::vector<std::string_view> cells = cells_of(line, separator);
        if (is_row_of_values(cells) && separator_of(comment_) == separator) {
            std::vector<std::string_view> names = cells_of(comment_, separator);
            if (names.size() > 1 && names.size() == cells.size()) return Header{std::move(names), separator, comment_line_, true};
        }
        return Header{std::move(cells), separator, number, false};
    }

  private:
    std::string comment_;
    std::uint64_t comment_line_ = 0;
};

}  // namespace

bool detect_csv(std::string_view head) {
    return std::none_of(head.begin(), head.end(), [](char c) { return c == '\0'; });
}

void read_csv(std::unique_ptr<ByteSource> source, const std::string& name, const SeriesReadOptions& options,
              SeriesCollector& collector) {
    constexpr std::string_view kByteOrderMark = "\xEF\xBB\xBF";
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
            if (number == 1 && line.starts_with(kByteOrderMark)) line.remove_prefix(kByteOrderMark.size());
            line = without_return(line);
            const auto header = finder.take(line, number);
            if (!header) continue;
            rows.emplace(columns_of(header->cells, options, name + ":" + std::to_string(header->line)),
                         header->cells.size(), header->separator, name, options, collector);
            if (header->in_comment) rows->read(line, number, ahead);
        }
    }
    if (!rows) throw Error(ErrorKind::input, name, "is empty", "expected memory over time, as CSV with a header");
    collector.ended(blocks.end(), number);
}

}  // namespace leakline::memory
