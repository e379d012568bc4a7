// memory_profiler's .dat, as `mprof run` writes it:
//   CMDLINE python app.py
//   MEM 12.5 1717763400.1234        MiB, seconds since the epoch
//   CHLD 4711 3.25 1717763400.1234  the same of a child process, pid first
//   FUNC module.function 12.0 1717763400.1 12.5 1717763400.9
#include "base/quantities.hpp"
#include "base/strings.hpp"
#include "memory/internal/series_formats.hpp"
#include "memory/internal/series_text.hpp"
#include "system/byte_source.hpp"
#include "system/chunk_buffer.hpp"

namespace leakline::memory {

bool detect_mprof(std::string_view head) { return head.starts_with("CMDLINE ") || head.starts_with("MEM ") || head.starts_with("CHLD "); }

void read_mprof(std::unique_ptr<ByteSource> source, const std::string&, const SeriesReadOptions&, SeriesCollector& collector) {
    ChunkBuffer lines(std::move(source));
    const auto add = [&](const std::string& process, std::string_view mib, std::string_view seconds) {
        const auto value = parse_number(mib);
        const auto time = parse_number(seconds);
        if (!value || !time) return collector.skipped(lines.pieces(), "not a number");
        collector.add({}, process, {*time, *value * kMiB, {}}, lines.pieces());
    };
    while (const auto line = lines.next_line()) {
        const std::vector<std::string_view> words = split(trim(*line), ' ');
        if (words[0] == "MEM" && words.size() == 3) {
            add("main", words[1], words[2]);
        } else if (words[0] == "CHLD" && words.size() == 4) {
            add("child " + std::string(words[1]), words[2], words[3]);
        } else if (words[0] != "CMDLINE" && words[0] != "FUNC" && !words[0].empty()) {
            collector.skipped(lines.pieces(), "not an mprof record: '" + printable(line->substr(0, 40)) + "'");
        }
    }
    collector.ended(lines.source().end(), lines.pieces());
}

}  // namespace leakline::memory
