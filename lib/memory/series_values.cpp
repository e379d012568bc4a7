// Lines with a value and its unit, at most some words before it: the output of a script, greps of /proc/PID/status, an
// application's own log. Times stand in lines of their own or at the start of a line, or --interval says them.
//
//   39.9MiB        VmRSS:   82046 kB        2024-06-07T12:30:00Z worker 3 rss: 120 MB, heap: 80 MB
//   82046          (a number alone, as ps -o rss= prints it: with --unit kib)
#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "base/ascii.hpp"
#include "base/strings.hpp"
#include "memory/internal/series_column_names.hpp"
#include "memory/internal/series_columns.hpp"
#include "memory/internal/series_formats.hpp"
#include "memory/internal/series_log_time.hpp"
#include "memory/internal/series_numbers.hpp"
#include "memory/internal/series_text.hpp"
#include "system/byte_source.hpp"
#include "system/chunk_buffer.hpp"
#include "system/peeked_source.hpp"

namespace leakline::memory {

namespace {

struct LabeledValue {
    std::string label;  // the words before it, numbers in them masked
    double bytes = 0;
};

// "worker 3 rss:" -> "worker 3 rss"; a label that changes from line to line (a request's id) must not make a series each,
// so digits behind the first two of a word are masked.
std::string label_of(const std::vector<std::string_view>& words, std::size_t begin, std::size_t end) {
    std::string label;
    for (std::size_t i = begin; i < end; ++i) {
        std::string_view word = words[i];
        while (!word.empty() && std::string_view(":,;=[]()").find(word.back()) != std::string_view::npos) word.remove_suffix(1);
        if (word.empty()) continue;
        if (!label.empty()) label += ' ';
        std::size_t digits = 0;
        for (const char c : word) {
            digits = is_digit(c) ? digits + 1 : 0;
            if (digits <= 2) label += c;
        }
    }
    return label;
}

bool unit_of_memory(std::string_view unit) {
    // "m" and "s" in prose are meters and seconds; "B" and "K" are likely sizes.
    return unit.size() >= 2 && to_lower(unit.back()) != 's' && bytes_in_unit(unit).has_value();
}

std::optional<double> value_of(std::string_view number, std::string_view unit, bool short_units) {
    if (!(unit_of_memory(unit) || (short_units && bytes_in_unit(unit)))) return std::nullopt;
    const bool comma = number.find(',') != std::string_view::npos;
    const auto value = parse_written_number(number, comma ? DecimalMark::comma : DecimalMark::point);
    constexpr double kKiB = 1024;  // what /proc calls kB
    return value ? std::optional(*value * (unit == "kB" ? kKiB : *bytes_in_unit(unit))) : std::nullopt;
}

std::string_view without_marks(std::string_view word) {
    while (!word.empty() && std::string_view(",;)]").find(word.back()) != std::string_view::npos) word.remove_suffix(1);
    while (!word.empty() && std::string_view("([").find(word.front()) != std::string_view::npos) word.remove_prefix(1);
    return word;
}

std::vector<LabeledValue> values_in(std::string_view line) {
    const std::vector<std::string_view> words = words_of(line);
    std::vector<LabeledValue> values;
    std::size_t label_begin = 0;
    for (std::size_t i = 0; i < words.size(); ++i) {
        std::string_view word = without_marks(words[i]);
        std::string key;
        if (const std::size_t equals = word.rfind('='); equals != std::string_view::npos) {  // rss=120MB
            key = word.substr(0, equals);
            word.remove_prefix(equals + 1);
        }
        const WrittenSize size = split_size(word);
        if (size.number.empty() || !is_digit(size.number.front())) continue;
        const bool apart = size.unit.empty() && i + 1 < words.size();
        const auto bytes = value_of(size.number, apart ? without_marks(words[i + 1]) : size.unit, words.size() <= 2);
        if (!bytes) continue;
        values.push_back({key.empty() ? label_of(words, label_begin, i) : key, *bytes});
        if (apart) ++i;
        label_begin = i + 1;
    }
    return values;
}

// What a line of the head is, without its time.
enum class LineKind { blank, time, value, number, other };
LineKind kind_of(std::string_view line) {
    if (trim(line).empty()) return LineKind::blank;
    LogClock clock(std::nullopt);
    if (clock.take_time_line(line)) return LineKind::time;
    clock.take_prefix(line);
    if (!values_in(line).empty()) return LineKind::value;
    return parse_number(line) ? LineKind::number : LineKind::other;
}

bool begins_with_time(std::string_view line) {
    LogClock clock(std::nullopt);
    clock.take_prefix(line);
    return clock.is_set();
}

struct HeadLines {
    static constexpr double kMainShare = .6;

    std::size_t values = 0, numbers = 0, others = 0, times = 0;
    std::size_t timed = 0;  // of the values, those that begin with a time

    double known() const {
        return static_cast<double>(values + numbers) / static_cast<double>(std::max<std::size_t>(1, values + numbers + others));
    }
    // An application's log: lines that say something of memory stand among others, each after a time.
    bool is_log() const { return known() < kMainShare && values > 2 && timed == values; }
};
HeadLines lines_in(std::string_view head) {
    HeadLines found;
    // The last line of the head may be cut.
    const std::size_t whole = head.rfind('\n');
    for (const std::string_view line : split(head.substr(0, whole), '\n')) {
        switch (kind_of(without_return(line))) {
            case LineKind::value:
                ++found.values;
                found.timed += begins_with_time(line) ? 1 : 0;
                break;
            case LineKind::number: ++found.numbers; break;
            case LineKind::other: ++found.others; break;
            case LineKind::time: ++found.times; break;
            case LineKind::blank: break;
        }
    }
    return found;
}

// Of the labels of a file, those to read: of several metrics of one subject the best.
std::set<std::string> labels_to_read(std::string_view head) {
    struct Best {
        int rank;
        std::string label;
    };
    std::map<std::string, Best> best;
    bool words = false;
    std::vector<std::string> seen;
    for (std::string_view line : split(head, '\n')) {
        LogClock clock(std::nullopt);
        if (clock.take_time_line(line)) continue;
        clock.take_prefix(line);
        for (const LabeledValue& value : values_in(line)) seen.push_back(value.label);
    }
    for (const std::string& label : seen) words = words || after_memory_word(column_name(label));
    for (const std::string& label : seen) {
        const std::string name = column_name(label);
        const int rank = memory_rank(name, name);
        if (rank == kNotUsedMemory || (words && !after_memory_word(name))) continue;
        const auto [found, added] = best.emplace(words ? memory_subject(name) : label, Best{rank, label});
        if (!added && rank < found->second.rank) found->second = {rank, label};
    }
    std::set<std::string> labels;
    for (const auto& [subject, of_subject] : best) labels.insert(of_subject.label);
    return labels;
}

class ValueReader {
  public:
    // is_log: lines without a value belong there, and are no damage.
    ValueReader(std::set<std::string> labels, bool is_log, const std::string& name, const SeriesReadOptions& options,
                SeriesCollector& collector)
        : labels_(std::move(labels)), is_log_(is_log), name_(name), options_(options), collector_(collector), clock_(options.interval_s) {
        if (!options.unit.empty()) {
            unit_ = unit_by_name(options.unit);
            if (!unit_) throw Error(ErrorKind::usage, "--unit", "unknown unit '" + printable(options.unit) + "'", "bytes, kib, mib or gib");
        }
    }

    void read(std::string_view line, std::uint64_t number) {
        if (trim(line).empty() || clock_.take_time_line(line)) return;
        clock_.take_prefix(line);
        const std::vector<LabeledValue> values = values_in(line);
        for (const LabeledValue& value : values)
            if (labels_.count(value.label) != 0) add(value.label, value.bytes, number);
        if (!values.empty()) return;
        if (const auto alone = is_log_ ? std::nullopt : parse_number(line)) {
            if (!unit_) throw no_unit(number);
            add("", *alone * *unit_, number);
        } else if (!is_log_ && !line.starts_with("Vm") && line.find(':') == std::string_view::npos) {
            collector_.skipped(number, "no value with a unit in '" + printable(line.substr(0, 40)) + "'");
        }
    }

  private:
    void add(const std::string& label, double bytes, std::uint64_t number) {
        if (!clock_.is_set() && !seen_.insert(label).second) {
            clock_.begin_table();
            seen_ = {label};
        }
        const auto time = clock_.now();
        if (!time)
            throw Error(ErrorKind::input, name_ + ":" + std::to_string(number), "the log has no times",
                        "give the time between lines, for example --interval 10s, or print `date +%s` before each");
        collector_.add(label, {}, {*time, bytes, {}}, number);
    }

    Error no_unit(std::uint64_t number) const {
        const bool timed = clock_.is_set() || options_.interval_s;
        return {ErrorKind::input, name_ + ":" + std::to_string(number),
                "a number without a unit on each line, which looks like the output of `ps -o rss=`",
                fmt::format("ps prints KiB: leakline trend {}--unit kib {}", timed ? "" : "--interval 10s ", name_)};
    }

    std::set<std::string> labels_;
    bool is_log_;
    const std::string& name_;
    const SeriesReadOptions& options_;
    SeriesCollector& collector_;
    LogClock clock_;
    std::optional<double> unit_;
    std::set<std::string> seen_;  // since the last tick, where --interval says the time
};

}  // namespace

bool detect_values(std::string_view head) {
    const HeadLines lines = lines_in(head);
    const std::size_t all = lines.values + lines.numbers + lines.others;
    if (all == 0 || is_csv_with_time(head, 2)) return false;
    if (head.find("VmRSS:") != std::string_view::npos && lines.values > 0) return true;
    if (lines.is_log()) return true;
    constexpr std::size_t kLabels = 50;  // more are no labels
    if (labels_to_read(head).size() > kLabels) return false;
    // A header before a column of numbers is a CSV's.
    return lines.known() >= HeadLines::kMainShare && (lines.values > 0 || lines.others == 0);
}

void read_values(std::unique_ptr<ByteSource> source, const std::string& name, const SeriesReadOptions& options,
                 SeriesCollector& collector) {
    constexpr std::size_t kHead = 16 * 1024;
    auto peeked = std::make_unique<PeekedSource>(std::move(source));
    const std::string_view head = peeked->peek(kHead);
    std::set<std::string> labels = labels_to_read(head);
    const bool is_log = lines_in(head).is_log();
    ChunkBuffer lines(std::move(peeked));
    ValueReader reader(std::move(labels), is_log, name, options, collector);
    while (const auto line = lines.next_line()) reader.read(*line, lines.pieces());
    collector.ended(lines.source().end(), lines.pieces());
}

}  // namespace leakline::memory
