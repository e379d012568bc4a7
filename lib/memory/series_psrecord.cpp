// psrecord's log, and that of its relatives: a header in a comment, whose titles have blanks in them, then numbers.
//
//   # Elapsed time   CPU (%)     Real (MB)   Virtual (MB)
//          0.008        3.088       63.426     5149.902
// Its MB are MiB. A time before each row (as ts puts it) is used instead of the elapsed one.
#include <string>
#include <vector>

#include "base/quantities.hpp"
#include "base/strings.hpp"
#include "memory/internal/series_formats.hpp"
#include "memory/internal/series_log_time.hpp"
#include "memory/internal/series_text.hpp"
#include "system/byte_source.hpp"
#include "system/chunk_buffer.hpp"

namespace leakline::memory {

namespace {

// Titles are at least two blanks apart, or a bracket ends one.
std::vector<std::string> titles_of(std::string_view line) {
    std::vector<std::string> titles;
    std::string title;
    for (const std::string_view word : words_of(line)) {
        if (word == "#") continue;
        title += (title.empty() ? "" : " ") + std::string(word);
        const bool ends = title == "Elapsed time" || title == "Timestamp" || title == "Read count" || title == "Write count" ||
                          title == "Read bytes" || title == "Write bytes" || title.back() == ')';
        if (!ends) continue;
        titles.push_back(title);
        title.clear();
    }
    return titles;
}

bool is_header(std::string_view line) {
    return line.find("Elapsed time") != std::string_view::npos && line.find("Real (MB)") != std::string_view::npos;
}

}  // namespace

bool detect_psrecord(std::string_view head) {
    for (const std::string_view line : split(head, '\n'))
        if (is_header(line)) return true;
    return false;
}

void read_psrecord(std::unique_ptr<ByteSource> source, const std::string&, const SeriesReadOptions& options, SeriesCollector& collector) {
    ChunkBuffer lines(std::move(source));
    LogClock clock(options.interval_s);
    std::size_t elapsed = 0, real = 0, width = 0;
    while (const auto next = lines.next_line()) {
        std::string_view line = *next;
        if (is_header(line)) {
            clock.take_prefix(line);
            const std::vector<std::string> titles = titles_of(line);
            width = titles.size();
            for (std::size_t i = 0; i < width; ++i) {
                if (titles[i] == "Elapsed time") elapsed = i;
                if (titles[i] == "Real (MB)") real = i;
            }
            continue;
        }
        if (width == 0 || trim(line).empty() || clock.take_time_line(line)) continue;
        if (words_of(line).size() > width) clock.take_prefix(line);
        const std::vector<std::string_view> words = words_of(line);
        const auto seconds = words.size() >= width ? parse_number(words[elapsed]) : std::nullopt;
        const auto mib = words.size() >= width ? parse_number(words[real]) : std::nullopt;
        if (!seconds || !mib) {
            collector.skipped(lines.pieces(), "not a row of psrecord: '" + printable(line.substr(0, 40)) + "'");
            continue;
        }
        collector.add({clock.is_set() ? *clock.now() : *seconds, *mib * kMiB, {}}, lines.pieces());
    }
    collector.ended(lines.source().end(), lines.pieces());
}

}  // namespace leakline::memory
