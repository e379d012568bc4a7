// Logs of ps, pidstat -r, top -b, kubectl top, smem, free and sar -r: tables with a header (series_tables.hpp),
// again; a series for each process or pod.
//
//   ps:      date; ps -o pid,rss,etimes,comm       again and again, or ps aux, with or without its header
//   pidstat: "16:26:19  UID  PID  minflt/s ... RSS  %MEM  Command", then rows that begin with a time of day
//   top:     "top - 12:30:00 up 27:00, ...", a summary, a header, rows
#include <algorithm>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "base/quantities.hpp"
#include "base/strings.hpp"
#include "memory/internal/series_formats.hpp"
#include "memory/internal/series_log_time.hpp"
#include "memory/internal/series_numbers.hpp"
#include "memory/internal/series_tables.hpp"
#include "memory/internal/series_text.hpp"
#include "system/byte_source.hpp"
#include "system/chunk_buffer.hpp"

namespace leakline::memory {

namespace {

struct FoundTable {
    const TableLayout* layout;
    TableColumns columns;
};

// Of a header, without its time.
std::optional<FoundTable> table_of_header(std::string_view line) {
    if (line.find(',') != std::string_view::npos || line.find(';') != std::string_view::npos) return std::nullopt;
    const std::vector<std::string_view> words = words_of(line);
    for (const TableLayout& layout : table_layouts())
        if (const auto columns = layout.of_header(words)) return FoundTable{&layout, *columns};
    return std::nullopt;
}

std::optional<FoundTable> table_of_row(std::string_view line) {
    const std::vector<std::string_view> words = words_of(line);
    for (const TableLayout& layout : table_layouts())
        if (const auto columns = layout.of_row == nullptr ? std::nullopt : layout.of_row(words)) return FoundTable{&layout, *columns};
    return std::nullopt;
}

// The kind of table in the first lines.
std::optional<FoundTable> table_in(std::string_view head) {
    for (std::string_view line : split(head, '\n')) {
        std::string plain = without_escapes(line);
        std::replace(plain.begin(), plain.end(), '#', ' ');
        if (const auto found = table_of_header(plain)) return found;
    }
    LogClock clock(std::nullopt);
    for (std::string_view line : split(head, '\n')) {
        if (clock.take_time_line(line)) continue;
        clock.take_prefix(line);
        if (const auto found = table_of_row(line)) return found;
    }
    return std::nullopt;
}

bool is_table_of(std::string_view head, std::string_view format) {
    const auto found = table_in(head);
    return found && found->layout->format == format;
}

// The program's name without its folder and arguments; the whole title that a program gave itself ("nginx: worker process").
std::string command_name(std::string_view line, std::string_view first) {
    if (!first.ends_with(':')) return printable(file_name(first));
    const auto begin = static_cast<std::size_t>(first.data() - line.data());
    std::string_view title = trim(line.substr(begin));
    const std::size_t path = title.find(" /");  // "master process /usr/sbin/nginx -c ..."
    return printable(trim(title.substr(0, std::min<std::size_t>(path, 60))));
}

// "12345", "1.2g", "100Mi", "1,2g".
std::optional<double> bytes_of(std::string_view word, double bytes_per_unit) {
    const WrittenSize size = split_size(word);
    const bool comma = size.number.find(',') != std::string_view::npos;
    const auto number = parse_written_number(size.number, comma ? DecimalMark::comma : DecimalMark::point);
    if (!number) return std::nullopt;
    if (size.unit.empty()) return *number * bytes_per_unit;
    const auto unit = bytes_in_unit(size.unit);
    return unit ? std::optional(*number * *unit) : std::nullopt;
}

class TableReader {
  public:
    TableReader(const std::string& name, const SeriesReadOptions& options, SeriesCollector& collector)
        : name_(name), options_(options), collector_(collector), clock_(options.interval_s) {}

    void read(std::string_view line, std::uint64_t number) {
        if (trim(line).empty() || line.starts_with("Linux ") || line.starts_with("Average:")) return;
        if (clock_.take_time_line(line)) return;
        constexpr std::string_view kTop = "top - ";
        if (line.starts_with(kTop)) {
            line.remove_prefix(kTop.size());
            clock_.take_prefix(line);
            return;
        }
        clock_.take_prefix(line);
        std::string_view titles = trim(line);
        if (titles.starts_with("# Time")) titles.remove_prefix(6);  // pidstat -h: the rows' times are cut off
        if (const auto found = table_of_header(titles)) {
            table_ = found;
            with_header_ = true;
            clock_.begin_table();
            return;
        }
        if (!table_ && !(table_ = table_of_row(line))) return;  // other text before the first table
        if (!with_header_ && !table_of_row(line)) return collector_.skipped(number, no_row(line));
        read_row(line, number);
    }

  private:
    static std::string no_row(std::string_view line) { return "not a row of the table: '" + printable(line.substr(0, 40)) + "'"; }

    void read_row(std::string_view line, std::uint64_t number) {
        const TableColumns& columns = table_->columns;
        const std::vector<std::string_view> words = words_of(line);
        if (!columns.row_starts.empty() && words[0] != columns.row_starts) return;
        const std::size_t least = std::max(columns.memory, columns.pid.value_or(0)) + 1;
        const std::size_t at = columns.from_end > 0 && words.size() >= columns.from_end ? words.size() - columns.from_end : columns.memory;
        if (words.size() < least || (columns.from_end > 0 && words.size() < columns.from_end + 1)) {
            if (!columns.other_lines) collector_.skipped(number, no_row(line));
            return;
        }
        const bool has_pid = !columns.pid || parse_number(words[*columns.pid]);
        if (columns.other_lines && !has_pid) return;
        const auto bytes = bytes_of(words[at], unit(columns, words, number));
        if (!bytes || !has_pid) {
            if (columns.other_lines) return;
            return collector_.skipped(number, !bytes ? "bad RSS '" + printable(words[at].substr(0, 40)) + "'" : no_row(line));
        }
        std::string series, process;
        if (columns.pid) process = std::string(words[*columns.pid]);
        for (const std::size_t label : columns.labels) {
            if (label >= words.size()) continue;
            if (label != columns.labels.front()) series += SeriesCollector::kBetweenLabels;
            series += words[label];
        }
        if (columns.command && *columns.command < words.size()) series = command_name(line, words[*columns.command]);
        if (!with_header_ && !seen_.insert(process + " " + series).second) {
            clock_.begin_table();
            seen_ = {process + " " + series};
        }
        collector_.add(series, process, {time_of(columns, words, number), *bytes, {}}, number);
    }

    double time_of(const TableColumns& columns, const std::vector<std::string_view>& words, std::uint64_t number) {
        std::optional<double> time = clock_.now();
        if (!clock_.is_set() && columns.elapsed && *columns.elapsed < words.size()) time = parse_elapsed(words[*columns.elapsed]);
        if (!time) {
            throw Error(ErrorKind::input, name_ + ":" + std::to_string(number), "the log has no times",
                        "print `date +%s` before each table, or give --interval 10s");
        }
        return *time;
    }

    // free prints KiB, or MiB with -m, without a unit: a machine's total shows which, unless it is a small one in KiB or a
    // large one in MiB.
    double unit(const TableColumns& columns, const std::vector<std::string_view>& words, std::uint64_t number) {
        constexpr double kMaxMiB = 1e5, kMinKiB = 4e6, kMinBytes = 4e9;
        if (columns.bytes_per_unit != 0) return columns.bytes_per_unit;
        if (!options_.unit.empty()) return bytes_in_unit(options_.unit == "bytes" ? "B" : options_.unit).value_or(1024);
        const auto total = parse_number(words[1]);
        if (!total) return 1024;  // "23Gi": each value has its unit
        if (*total >= kMinBytes) return 1;
        if (*total < kMaxMiB) return kMiB;
        if (*total >= kMinKiB) return 1024;
        throw Error(ErrorKind::input, name_ + ":" + std::to_string(number), "free does not say whether these are KiB or MiB",
                    "--unit kib or --unit mib");
    }

    const std::string& name_;
    const SeriesReadOptions& options_;
    SeriesCollector& collector_;
    LogClock clock_;
    std::optional<FoundTable> table_;
    bool with_header_ = false;
    std::set<std::string> seen_;  // in this table, if no header separates the tables
};

}  // namespace

bool detect_pidstat(std::string_view head) { return head.starts_with("Linux ") && is_table_of(head, "ps"); }
bool detect_ps(std::string_view head) { return is_table_of(head, "ps"); }
bool detect_top(std::string_view head) { return is_table_of(head, "top"); }
bool detect_kubectl(std::string_view head) { return is_table_of(head, "kubectl top"); }
bool detect_smem(std::string_view head) { return is_table_of(head, "smem"); }
bool detect_free(std::string_view head) { return is_table_of(head, "free"); }
bool detect_sar(std::string_view head) { return is_table_of(head, "sar -r"); }

void read_process_tables(std::unique_ptr<ByteSource> source, const std::string& name, const SeriesReadOptions& options,
                         SeriesCollector& collector) {
    ChunkBuffer lines(std::move(source));
    TableReader reader(name, options, collector);
    while (const auto next = lines.next_line()) {
        const std::string plain = next->find('\x1b') == std::string_view::npos ? std::string(*next) : without_escapes(*next);
        reader.read(plain, lines.pieces());
    }
    collector.ended(lines.source().end(), lines.pieces());
}

}  // namespace leakline::memory
