// CSV of memory over time, read at the speed of the disk: no copy of a line, no allocation a row.
//
//   header = name *( sep name ) ; sep = tab or ";" or ",", the first that the header holds outside of quotes
//   row    = cell *( sep cell ) ; a cell may stand in double quotes, "" is one in it; "#" starts a comment line
// Where sep is not ",", a number may have a decimal comma; memory may carry its own unit, "12.5MiB".
// A cell that is empty, short rows and text where a number belongs are counted and left out.
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
    RowReader(Columns columns, char separator, SeriesCollector& collector)
        : columns_(std::move(columns)), separator_(separator), collector_(collector) {}

    void read(std::string_view line, std::uint64_t number) {
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
            double value = 0;
            const char* after = role == ColumnRole::time && columns_.time_form != TimeForm::number
                                    ? nullptr
                                    : parse_decimal(at, end, value);
            if (after == nullptr || (after != end && *after != separator_)) {
                after = cell_end(at, end, separator_);
                const std::string_view cell = unquoted({at, static_cast<std::size_t>(after - at)});
                const auto parsed = role == ColumnRole::time ? time_of(cell) : number_of(cell);
                // A counter that is missing for a moment holds; a sample without its time or memory is none.
                if (!parsed && role == ColumnRole::requests) {
                    at = after + 1;
                    continue;
                }
                const auto size = !parsed && role == ColumnRole::memory ? parse_size(cell) : std::nullopt;
                if (!parsed && !size) return collector_.skipped(number, bad_cell(cell, role));
                value = parsed ? *parsed : static_cast<double>(*size) / columns_.bytes_per_unit[memory];
            }
            at = after + 1;
            switch (role) {
                case ColumnRole::time: time = value * columns_.seconds_per_unit; break;
                case ColumnRole::memory: sample.bytes += value * columns_.bytes_per_unit[memory++]; break;
                case ColumnRole::requests: sample.requests = value; break;
                case ColumnRole::process: process = value; break;
                case ColumnRole::none: break;
            }
        }
        sample.seconds = time;
        if (columns_.has_process) {
            collector_.add(process, sample, number);
        } else {
            collector_.add(sample, number);
        }
    }

  private:
    // A number in a cell that the fast way does not read: quoted, with blanks, with a decimal comma.
    std::optional<double> number_of(std::string_view cell) const {
        return separator_ == ',' ? parse_number(cell) : parse_comma_number(cell);
    }

    // In units of seconds_per_unit.
    std::optional<double> time_of(std::string_view cell) {
        settle_time_form(columns_, cell, number_of(cell));
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

    std::string short_row(std::size_t column) const {
        return "row ends after " + std::to_string(column) + " of " + std::to_string(columns_.roles.size()) + " columns";
    }
    static std::string bad_cell(std::string_view cell, ColumnRole role) {
        const char* what = role == ColumnRole::time ? "time" : role == ColumnRole::process ? "pid" : "memory";
        if (cell.empty()) return std::string("no value for ") + what;
        return std::string("bad ") + what + " '" + printable(cell.substr(0, 40)) + "'";
    }

    Columns columns_;
    char separator_;
    SeriesCollector& collector_;
    double last_clock_ = 0, midnight_ = 0;  // of TimeForm::clock, in seconds
};

}  // namespace

bool detect_csv(std::string_view head) {
    return std::none_of(head.begin(), head.end(), [](char c) { return c == '\0'; });
}

void read_csv(std::unique_ptr<ByteSource> source, const std::string& name, const SeriesReadOptions& options,
              SeriesCollector& collector) {
    constexpr std::string_view kByteOrderMark = "\xEF\xBB\xBF";
    Blocks blocks(std::move(source));
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
            if (rows) {
                rows->read(line, number);
                continue;
            }
            if (number == 1 && line.starts_with(kByteOrderMark)) line.remove_prefix(kByteOrderMark.size());
            line = without_return(line);
            if (trim(line).empty() || line.front() == '#') continue;
            const char separator = separator_of(line);
            rows.emplace(columns_of(cells_of(line, separator), options, name + ":" + std::to_string(number)), separator, collector);
        }
    }
    if (!rows) throw Error(ErrorKind::input, name, "is empty", "expected memory over time, as CSV with a header");
    collector.ended(blocks.end(), number);
}

}  // namespace leakline::memory
