// Logs of `docker stats`: its table, --format lines and --format json; live views captured with their escape sequences
// too. A container's memory is the size before the slash of "12.5MiB / 1.944GiB"; one series per container.
#include <algorithm>
#include <cctype>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "base/json_scan.hpp"
#include "base/quantities.hpp"
#include "base/strings.hpp"
#include "memory/internal/series_columns.hpp"
#include "memory/internal/series_formats.hpp"
#include "memory/internal/series_log_time.hpp"
#include "memory/internal/series_numbers.hpp"
#include "system/byte_source.hpp"
#include "system/chunk_buffer.hpp"

namespace leakline::memory {

namespace {

// The values of a line of `docker stats --format json`, which may be within an object of a logging program.
class StatsObject {
  public:
    // Reads the first object in the line, up to the place where it stops being JSON.
    explicit StatsObject(std::string_view line) {
        const std::size_t brace = line.find('{');
        if (brace == line.npos) return;
        line.remove_prefix(brace);
        scratch_.reset(line.size());
        JsonScan scan(line, scratch_);
        read(scan);
    }

    std::optional<std::string_view> memory, name;  // "12.5MiB / 1.944GiB"
    // Added by the program that logged the JSON: docker itself writes no time.
    std::optional<std::string_view> time;

  private:
    bool read(JsonScan& scan) {
        return scan.object([&](std::string_view key) {
            if (scan.next_is('{')) return read(scan);
            if (scan.next_is('[')) return scan.skip_value();
            const bool text = scan.next_is('"');
            std::string_view value;
            if (!scan.scalar(value)) return false;
            if (text && key == "MemUsage" && !memory) memory = value;
            if (text && key == "Name" && !name) name = value;
            for (const std::string_view known : {"time", "timestamp", "@timestamp", "ts", "Time", "Timestamp"})
                if (key == known && !time) time = value;
            return true;
        });
    }

    Scratch scratch_;
};

struct Usage {
    std::string container;
    Bytes memory = 0;
};

std::string_view without_punctuation(std::string_view word) {
    while (!word.empty() && (word.back() == ',' || word.back() == ':' || word.back() == ';')) word.remove_suffix(1);
    return word;
}

// "603.7MiB" or "603.7 MiB", the last or first words of a text.
std::optional<Bytes> size_of(std::string_view number, std::string_view unit) {
    const bool unit_inside = !number.empty() && std::isalpha(static_cast<unsigned char>(number.back())) != 0;
    return parse_size(unit_inside ? std::string(number) : std::string(number) + std::string(unit));
}

struct UsedOfLimit {
    Bytes used = 0;
    std::size_t before = 0;  // words before it
};

// The first "12.5MiB / 1.944GiB" of a line, with or without spaces.
std::optional<UsedOfLimit> used_of_limit(std::string_view line) {
    for (std::size_t slash = line.find('/'); slash != std::string_view::npos; slash = line.find('/', slash + 1)) {
        const std::vector<std::string_view> left = words_of(line.substr(0, slash)), right = words_of(line.substr(slash + 1));
        if (left.empty() || right.empty()) continue;
        const std::string_view last = left.back();
        const bool apart = left.size() > 1 && bytes_in_unit(last).has_value();  // "603.7 MiB"
        const auto used = apart ? size_of(left[left.size() - 2], last) : size_of(last, "");
        const auto limit = size_of(right[0], right.size() > 1 ? right[1] : "");
        const bool has_unit = apart || std::isalpha(static_cast<unsigned char>(last.back())) != 0;
        if (used && limit && has_unit) return UsedOfLimit{*used, left.size() - (apart ? 2 : 1)};
    }
    return std::nullopt;
}

std::optional<Usage> usage_of(std::string_view line, const StatsObject& object, bool named_in_second_column) {
    if (object.memory) {
        const auto size = parse_size(trim(object.memory->substr(0, object.memory->find('/'))));
        if (!size) return std::nullopt;
        return Usage{printable(object.name.value_or("container")), *size};
    }
    // "NAME,12.5MiB / 1.9GiB" has no space before the size
    std::string spaced(line);
    for (char& c : spaced) {
        if (c == ',' || c == ';') c = ' ';
    }
    const auto found = used_of_limit(spaced);
    if (!found) return std::nullopt;
    const std::vector<std::string_view> words = words_of(spaced);
    const std::size_t name = named_in_second_column && found->before > 1 ? 1 : 0;
    return Usage{found->before == 0 ? "container" : printable(without_punctuation(words[name])), found->used};
}

}  // namespace

bool detect_docker_stats(std::string_view head) {
    if (head.find("\"MemUsage\":") != std::string_view::npos) return true;
    const bool usage = head.find("MEM USAGE") != std::string_view::npos || head.find("iB / ") != std::string_view::npos ||
                       head.find("iB/") != std::string_view::npos;
    return usage && !is_csv_with_time(head, 3);
}

void read_docker_stats(std::unique_ptr<ByteSource> source, const std::string& name, const SeriesReadOptions& options,
                       SeriesCollector& collector) {
    ChunkBuffer lines(std::move(source));
    LogClock clock(options.interval_s);
    bool has_header = false;
    std::set<std::string> seen;  // in this table, if no header separates the tables
    while (const auto next = lines.next_line()) {
        const std::string plain = without_escapes(*next);
        std::string_view line = plain;
        if (trim(line).empty() || clock.take_time_line(line)) continue;
        clock.take_prefix(line);
        if (line.find("MEM USAGE") != std::string_view::npos) {
            // "CONTAINER ID   NAME   CPU % ...", and podman's "ID   NAME   ...".
            const std::size_t title = line.find("NAME");
            has_header = title != std::string_view::npos && !trim(line.substr(0, title)).empty();
            clock.begin_table();
            seen.clear();
            continue;
        }
        const StatsObject object(line);
        if (object.time && trim(line).starts_with('{')) clock.take_time_line(*object.time);
        const auto usage = usage_of(line, object, has_header);
        if (!usage) {
            // "-- / --" means a container that has ended
            collector.skipped(lines.pieces(), "no memory in '" + printable(line.substr(0, 40)) + "'");
            continue;
        }
        if (!seen.insert(usage->container).second) {
            if (!has_header) clock.begin_table();
            seen = {usage->container};
        }
        const auto time = clock.now();
        if (!time) {
            throw Error(ErrorKind::input, name + ":" + std::to_string(lines.pieces()), "the log has no times",
                        "print `date +%s` before each table, or give --interval 10s");
        }
        collector.add(usage->container, {}, {*time, static_cast<double>(usage->memory), {}}, lines.pieces());
    }
    collector.ended(lines.source().end(), lines.pieces());
}

}  // namespace leakline::memory
