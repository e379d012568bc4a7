// Logs of `docker stats`: its table, --format lines and --format json; live views captured with their escape sequences
// too. A container's memory is the size before the slash of "12.5MiB / 1.944GiB"; one series a container.
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "base/text.hpp"
#include "memory/series_formats.hpp"
#include "memory/series_log_time.hpp"

namespace leakline::memory {

namespace {

// The value of "key":"value" in one line of JSON; docker escapes nothing in these.
std::optional<std::string_view> json_text(std::string_view line, std::string_view key) {
    const std::string quoted = "\"" + std::string(key) + "\":\"";
    const std::size_t at = line.find(quoted);
    if (at == std::string_view::npos) return std::nullopt;
    line.remove_prefix(at + quoted.size());
    const std::size_t end = line.find('"');
    return end == std::string_view::npos ? std::nullopt : std::optional(line.substr(0, end));
}

// The time that whoever logged the JSON put into it: docker itself writes none.
std::optional<std::string> json_time(std::string_view line) {
    for (const std::string_view key : {"time", "timestamp", "@timestamp", "ts", "Time", "Timestamp"}) {
        if (const auto text = json_text(line, key)) return std::string(*text);
        const std::string quoted = "\"" + std::string(key) + "\":";
        const std::size_t at = line.find(quoted);
        if (at == std::string_view::npos) continue;
        const std::string_view number = line.substr(at + quoted.size());
        return std::string(number.substr(0, number.find_first_of(",} ")));
    }
    return std::nullopt;
}

struct Usage {
    std::string container;
    Bytes memory = 0;
};

std::string_view without_punctuation(std::string_view word) {
    while (!word.empty() && (word.back() == ',' || word.back() == ':' || word.back() == ';')) word.remove_suffix(1);
    return word;
}

std::optional<Usage> usage_of(std::string_view line, bool named_in_second_column) {
    if (const auto memory = json_text(line, "MemUsage")) {
        const auto size = parse_size(trim(memory->substr(0, memory->find('/'))));
        const auto name = json_text(line, "Name");
        if (!size) return std::nullopt;
        return Usage{printable(name.value_or("container")), *size};
    }
    // "NAME,12.5MiB / 1.9GiB" has no blank before the size
    std::string spaced(line);
    for (char& c : spaced) {
        if (c == ',' || c == ';') c = ' ';
    }
    const std::vector<std::string_view> words = words_of(spaced);
    for (std::size_t i = 1; i + 1 < words.size(); ++i) {
        if (words[i] != "/") continue;
        const auto used = parse_size(words[i - 1]), limit = parse_size(words[i + 1]);
        if (!used || !limit) continue;
        const std::size_t name = named_in_second_column && i > 2 ? 1 : 0;
        return Usage{i == 1 ? "container" : printable(without_punctuation(words[name])), *used};
    }
    return std::nullopt;
}

}  // namespace

bool detect_docker_stats(std::string_view head) {
    return head.find("MEM USAGE") != std::string_view::npos || head.find("\"MemUsage\":") != std::string_view::npos ||
           head.find("iB / ") != std::string_view::npos;
}

void read_docker_stats(std::unique_ptr<ByteSource> source, const std::string& name, const SeriesReadOptions& options,
                       SeriesCollector& collector) {
    LineReader lines(std::move(source));
    LogClock clock(options.interval_s);
    bool has_header = false;
    std::set<std::string> seen;  // in this table, where no header tells one from the next
    while (const auto next = lines.next()) {
        const std::string plain = without_escapes(*next);
        std::string_view line = plain;
        if (trim(line).empty() || clock.take_time_line(line)) continue;
        clock.take_prefix(line);
        if (line.find("MEM USAGE") != std::string_view::npos) {
            has_header = line.find("NAME") != std::string_view::npos && line.find("CONTAINER") != std::string_view::npos;
            clock.begin_table();
            seen.clear();
            continue;
        }
        if (trim(line).starts_with('{'))
            if (const auto time = json_time(line)) clock.take_time_line(*time);
        const auto usage = usage_of(line, has_header);
        if (!usage) {
            // "-- / --" stands for a container that is gone
            collector.skipped(lines.number(), "no memory in '" + printable(line.substr(0, 40)) + "'");
            continue;
        }
        if (!seen.insert(usage->container).second) {
            if (!has_header) clock.begin_table();
            seen = {usage->container};
        }
        const auto time = clock.now();
        if (!time) {
            throw Error(ErrorKind::input, name + ":" + std::to_string(lines.number()), "the log has no times",
                        "print `date +%s` before each table, or say --interval 10s");
        }
        collector.add(usage->container, {*time, static_cast<double>(usage->memory), {}}, lines.number());
    }
    collector.ended(lines.source().end(), lines.number());
}

}  // namespace leakline::memory
