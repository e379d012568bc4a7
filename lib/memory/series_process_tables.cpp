// Logs of ps and pidstat -r: tables with a header that has RSS among its words, in KiB; one series a process.
//
//   ps:      date; ps -o pid,rss,etimes,comm       again and again, or ps aux
//   pidstat: "16:26:19  UID  PID  minflt/s ... RSS  %MEM  Command", then rows that begin with a time of day
#include <algorithm>
#include <cctype>
#include <optional>
#include <string>
#include <vector>

#include "base/text.hpp"
#include "memory/series_formats.hpp"
#include "memory/series_log_time.hpp"
#include "memory/series_text.hpp"

namespace leakline::memory {

namespace {

struct TableColumns {
    std::size_t rss = 0;
    std::optional<std::size_t> pid, elapsed, command;
};

// Of a header, without its time.
std::optional<TableColumns> table_columns(std::string_view line) {
    if (line.find(',') != std::string_view::npos) return std::nullopt;
    TableColumns columns;
    bool has_rss = false;
    const std::vector<std::string_view> words = words_of(line);
    for (std::size_t i = 0; i < words.size(); ++i) {
        if (words[i] == "RSS" || words[i] == "RSZ") {
            columns.rss = i;
            has_rss = true;
        } else if (words[i] == "PID") {
            columns.pid = i;
        } else if (words[i] == "ELAPSED") {
            columns.elapsed = i;
        } else if (words[i] == "COMMAND" || words[i] == "CMD" || words[i] == "Command" || words[i] == "COMM") {
            columns.command = i;
        }
    }
    // A column RSS alone may be a CSV's.
    return has_rss && (columns.pid || columns.elapsed || columns.command) ? std::optional(columns) : std::nullopt;
}

bool has_table_header(std::string_view head) {
    for (std::string_view line : split(head, '\n')) {
        std::string plain(line);
        std::replace(plain.begin(), plain.end(), '#', ' ');
        if (table_columns(plain)) return true;
    }
    return false;
}

// The program's name without its folder and arguments.
std::string command_name(std::string_view word) {
    return printable(file_name(word));
}

}  // namespace

bool detect_pidstat(std::string_view head) { return head.starts_with("Linux ") && has_table_header(head); }

bool detect_ps(std::string_view head) { return has_table_header(head); }

void read_process_tables(std::unique_ptr<ByteSource> source, const std::string& name, const SeriesReadOptions& options,
                         SeriesCollector& collector) {
    LineReader lines(std::move(source));
    LogClock clock(options.interval_s);
    std::optional<TableColumns> columns;
    while (const auto next = lines.next()) {
        std::string_view line = *next;
        if (trim(line).empty() || line.starts_with("Linux ") || line.starts_with("Average:")) continue;
        if (clock.take_time_line(line)) continue;
        clock.take_prefix(line);
        std::string_view titles = trim(line);
        if (titles.starts_with("# Time")) titles.remove_prefix(6);  // pidstat -h: the rows' times are cut off
        if (const auto found = table_columns(titles)) {
            columns = found;
            clock.begin_table();
            continue;
        }
        if (!columns) continue;  // a greeting before the first table
        const std::vector<std::string_view> words = words_of(line);
        if (words.size() <= columns->rss || (columns->pid && words.size() <= *columns->pid)) {
            collector.skipped(lines.number(), "no row of the table: '" + printable(line.substr(0, 40)) + "'");
            continue;
        }
        const auto kib = parse_number(words[columns->rss]);
        if (!kib) {
            collector.skipped(lines.number(), "bad RSS '" + printable(words[columns->rss].substr(0, 40)) + "'");
            continue;
        }
        std::optional<double> time = clock.now();
        if (!clock.told() && columns->elapsed && *columns->elapsed < words.size()) {
            time = parse_elapsed(words[*columns->elapsed]);
        }
        if (!time) {
            throw Error(ErrorKind::input, name + ":" + std::to_string(lines.number()), "the log has no times",
                        "print `date +%s` before each table, or say --interval 10s");
        }
        std::string process;
        if (columns->pid) process = std::string(words[*columns->pid]);
        if (columns->command && *columns->command < words.size()) {
            process += (process.empty() ? "" : " ") + command_name(words[*columns->command]);
        }
        collector.add(process, {*time, *kib * 1024, {}}, lines.number());
    }
    collector.ended(lines.source().end(), lines.number());
}

}  // namespace leakline::memory
