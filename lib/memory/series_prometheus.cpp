// Formats of Prometheus: the answer of its HTTP API to a range query, and metrics as text with timestamps (OpenMetrics,
// which `leakline sample -o x.om` writes, too) or again and again after a date.
#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "base/ascii.hpp"
#include "base/quantities.hpp"
#include "base/strings.hpp"
#include "base/time_text.hpp"
#include "memory/internal/prometheus_answer.hpp"
#include "memory/internal/series_column_names.hpp"
#include "memory/internal/series_formats.hpp"
#include "memory/internal/series_log_time.hpp"
#include "memory/internal/series_text.hpp"
#include "system/byte_source.hpp"
#include "system/chunk_buffer.hpp"
#include "system/peeked_source.hpp"

namespace leakline::memory {

bool detect_prometheus_json(std::string_view head) {
    head = trim(head);
    return head.starts_with('{') && head.find("\"resultType\"") != std::string_view::npos;
}

void read_prometheus_json(std::unique_ptr<ByteSource> source, const std::string& name, const SeriesReadOptions&,
                          SeriesCollector& collector) {
    constexpr std::size_t kMaxSeries = 10'000;
    const std::string json = read_all(*source, name);
    const MatrixAnswer answer = parse_matrix(json, kMaxSeries);
    if (!answer.success && !answer.error.empty())
        throw Error(ErrorKind::input, name, "Prometheus returned an error: " + printable(answer.error));
    if (answer.result_type != "matrix")
        throw Error(ErrorKind::input, name,
                    fmt::format("a Prometheus response of type '{}' has only one sample per series", printable(answer.result_type)),
                    "ask /api/v1/query_range, or: leakline trend --prometheus URL --query 'process_resident_memory_bytes'");
    if (answer.too_many_series)
        throw Error(ErrorKind::input, name, fmt::format("more than {} series", format_count(kMaxSeries)), "narrow the query");
    for (const MatrixSeries& series : answer.series) {
        const std::string label = labels_text(series.labels);
        for (std::size_t i = 0; i < series.seconds.size(); ++i) collector.add(label, {}, {series.seconds[i], series.values[i], {}}, 1);
    }
    for (const std::string& warning : answer.warnings) collector.note(name + ": " + printable(warning));
    if (answer.unreadable + answer.not_finite > 0)
        collector.note(
            fmt::format("{}: {} values that are not numbers were skipped", name, format_count(answer.unreadable + answer.not_finite)));
    if (!answer.damage.empty()) collector.skipped(1, answer.damage);
    collector.ended(source->end(), 1);
}

namespace {

struct MetricLine {
    std::string_view name, labels;
    double value = 0;
    std::optional<double> seconds;
};

bool is_name_character(char c) { return is_letter(c) || is_digit(c) || c == '_' || c == ':'; }

// name{label="value",...} 1.5e+08 1717763400.123
std::optional<MetricLine> metric_line(std::string_view line) {
    line = trim(line);
    MetricLine metric;
    std::size_t at = 0;
    while (at < line.size() && is_name_character(line[at])) ++at;
    if (at == 0 || is_digit(line[0])) return std::nullopt;
    metric.name = line.substr(0, at);
    if (at < line.size() && line[at] == '{') {
        bool quoted = false;
        std::size_t end = at;
        for (; end < line.size() && (quoted || line[end] != '}'); ++end) {
            if (line[end] == '"') quoted = !quoted;
            if (quoted && line[end] == '\\') ++end;
        }
        if (end >= line.size()) return std::nullopt;
        metric.labels = line.substr(at, end + 1 - at);
        at = end + 1;
    }
    const std::vector<std::string_view> words = words_of(line.substr(at));
    if (words.empty() || words.size() > 2 || line[at] != ' ') return std::nullopt;
    const auto value = parse_number(words[0]);
    if (!value) return std::nullopt;
    metric.value = *value;
    if (words.size() == 2) {
        metric.seconds = parse_epoch(words[1]);  // seconds in OpenMetrics, ms in the older text
        if (!metric.seconds) return std::nullopt;
    }
    return metric;
}

bool is_memory(std::string_view name) {
    const std::string word(name);
    const auto memory = memory_name(word);
    return memory && memory_rank(word, memory->metric) != kNotUsedMemory && after_memory_word(word);
}

// The metric to read: --metric, else the best of those in the head.
std::optional<std::string> metric_to_read(std::string_view head, const std::string& wanted) {
    std::optional<std::string> best;
    int best_rank = kNotUsedMemory;
    for (const std::string_view line : split(head, '\n')) {
        const auto metric = metric_line(line);
        if (!metric) continue;
        const std::string name(metric->name);
        if (!wanted.empty() && (name == wanted || name == wanted + "_bytes")) return name;
        if (!is_memory(name)) continue;
        const int rank = memory_rank(name, memory_name(name)->metric);
        if (rank >= best_rank) continue;
        best = name;
        best_rank = rank;
    }
    return wanted.empty() ? best : std::nullopt;
}

}  // namespace

bool detect_openmetrics(std::string_view head) {
    for (const std::string_view line : split(head, '\n')) {
        if (line.starts_with("# TYPE ")) return true;
        const auto metric = metric_line(line);
        if (metric && is_memory(metric->name)) return true;
    }
    return false;
}

void read_openmetrics(std::unique_ptr<ByteSource> source, const std::string& name, const SeriesReadOptions& options,
                      SeriesCollector& collector) {
    constexpr std::size_t kHead = 16 * 1024;
    auto peeked = std::make_unique<PeekedSource>(std::move(source));
    const auto wanted = metric_to_read(peeked->peek(kHead), options.metric);
    if (!wanted) {
        throw Error(ErrorKind::input, name,
                    options.metric.empty() ? "no metric of memory in the first lines"
                                           : "no metric '" + printable(options.metric) + "' in the first lines",
                    "--metric NAME, for example process_resident_memory_bytes");
    }
    ChunkBuffer lines(std::move(peeked));
    LogClock clock(options.interval_s);
    std::set<std::string> seen;  // since the last time
    while (const auto line = lines.next_line()) {
        if (trim(*line).empty() || clock.take_time_line(*line) || line->starts_with('#')) continue;
        const auto metric = metric_line(*line);
        if (!metric || metric->name != *wanted) continue;
        const std::string labels(metric->labels);
        if (!seen.insert(labels).second) {
            clock.begin_table();
            seen = {labels};
        }
        const auto time = metric->seconds ? metric->seconds : clock.now();
        if (!time)
            throw Error(ErrorKind::input, name + ":" + std::to_string(lines.pieces()), "the metrics have no times",
                        "print `date +%s` before each, or give --interval 10s");
        collector.add(labels, {}, {*time, metric->value, {}}, lines.pieces());
    }
    collector.ended(lines.source().end(), lines.pieces());
}

}  // namespace leakline::memory
