#include "memory/series_columns.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <utility>

#include "base/text.hpp"
#include "memory/series_log_time.hpp"
#include "memory/series_numbers.hpp"
#include "memory/series_text.hpp"

namespace leakline::memory {

namespace {

std::string lower(std::string_view text) {
    std::string result(text);
    std::transform(result.begin(), result.end(), result.begin(),
                   [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
    return result;
}

// Between text[at - 1] and text[at], as in rssBytes; but not within a unit, KiB or kB.
bool parts_words(std::string_view text, std::size_t at) {
    if (at == 0 || std::islower(static_cast<unsigned char>(text[at - 1])) == 0 ||
        std::isupper(static_cast<unsigned char>(text[at])) == 0) {
        return false;
    }
    const bool last = at + 1 == text.size() || std::isalnum(static_cast<unsigned char>(text[at + 1])) == 0;
    const bool kilo = text[at - 1] == 'k' && (at == 1 || std::isalnum(static_cast<unsigned char>(text[at - 2])) == 0);
    const bool binary = text[at - 1] == 'i' && at > 1 && std::string_view("KMGkmg").find(text[at - 2]) != std::string_view::npos;
    return !(last && text[at] == 'B' && (kilo || binary));
}

// A header's cell as one lower-case word: "RSS (KiB)", "rss-kib" and "rssKiB" are rss_kib, "Time [s]" is time_s. A per
// cent sign stays, so that a share of memory is not taken for memory.
std::string column_name(std::string_view cell) {
    cell = trim(cell);
    std::string name;
    for (std::size_t i = 0; i < cell.size(); ++i) {
        const bool separates = std::string_view(" \t-/()[]{},;:").find(cell[i]) != std::string_view::npos;
        if ((separates || parts_words(cell, i)) && !name.empty() && name.back() != '_') name += '_';
        if (!separates) name += static_cast<char>(std::tolower(static_cast<unsigned char>(cell[i])));
    }
    while (name.size() > 1 && name.back() == '_') name.pop_back();
    return name;
}

constexpr std::array<std::string_view, 26> kTimeWords = {
    "time",   "timestamp", "@timestamp", "ts",      "t",    "datetime",   "date_time",      "date",   "at",
    "unix",   "unixtime",  "unix_time",  "unix_timestamp", "epoch", "epoch_time", "elapsed", "elapsed_time", "etime",
    "uptime", "duration",  "runtime",    "run_time", "age",  "offset",     "clock",          "now"};

struct TimeUnit {
    std::string_view name;
    double seconds;
};
constexpr std::array kTimeUnits = {
    TimeUnit{"s", 1},        TimeUnit{"sec", 1},          TimeUnit{"secs", 1},   TimeUnit{"second", 1},
    TimeUnit{"seconds", 1},  TimeUnit{"ms", 1e-3},        TimeUnit{"msec", 1e-3}, TimeUnit{"millis", 1e-3},
    TimeUnit{"milliseconds", 1e-3}, TimeUnit{"us", 1e-6}, TimeUnit{"usec", 1e-6}, TimeUnit{"micros", 1e-6},
    TimeUnit{"microseconds", 1e-6}, TimeUnit{"ns", 1e-9}, TimeUnit{"nanos", 1e-9}, TimeUnit{"nanoseconds", 1e-9},
    TimeUnit{"min", 60},     TimeUnit{"minutes", 60},     TimeUnit{"h", 3600},   TimeUnit{"hours", 3600},
    TimeUnit{"d", 86400},    TimeUnit{"days", 86400},
};

bool is_time_word(std::string_view name) {
    return std::find(kTimeWords.begin(), kTimeWords.end(), name) != kTimeWords.end();
}

struct TimeMeaning {
    TimeForm form = TimeForm::number;
    double seconds_per_unit = 1;
};

// What a column of that name says about time; nothing where it is none.
std::optional<TimeMeaning> time_meaning(std::string_view name) {
    if (name.ends_with("_utc")) name.remove_suffix(4);
    if (is_time_word(name)) return TimeMeaning{TimeForm::by_value, 1};
    for (const TimeUnit& unit : kTimeUnits) {
        const bool alone = name == unit.name && name != "d" && name != "h";
        const std::string suffix = "_" + std::string(unit.name);
        if (alone || (name.ends_with(suffix) && is_time_word(name.substr(0, name.size() - suffix.size()))))
            return TimeMeaning{TimeForm::number, unit.seconds};
    }
    return std::nullopt;
}

struct Unit {
    std::string_view name;
    double bytes;
};
constexpr double kGiB = 1024 * kMiB;
constexpr std::array kUnits = {
    Unit{"bytes", 1},         Unit{"byte", 1},       Unit{"kib", 1024},      Unit{"kb", 1024},
    Unit{"kbytes", 1024},     Unit{"mib", kMiB},     Unit{"mb", kMiB},       Unit{"mbytes", kMiB},
    Unit{"gib", kGiB},        Unit{"gb", kGiB},      Unit{"gbytes", kGiB},   Unit{"kilobytes", 1024},
    Unit{"megabytes", kMiB},  Unit{"gigabytes", kGiB}, Unit{"tib", 1024 * kGiB}, Unit{"tb", 1024 * kGiB}};
// Units only behind a word for memory: cpu_m is a thousandth of a processor.
constexpr std::array kShortUnits = {Unit{"b", 1}, Unit{"k", 1024}, Unit{"m", kMiB}, Unit{"g", kGiB}};

constexpr std::array<std::string_view, 5> kRequestNames = {"requests", "requests_total", "http_requests_total",
                                                           "cumulative_requests", "request_count"};
// Words that name memory when they stand without a unit.
constexpr std::array<std::string_view, 15> kMemoryWords = {"rss", "pss", "uss", "memory", "mem", "heap", "swap", "rsz",
                                                           "anonymous", "anon", "cgroup", "working_set", "resident",
                                                           "res", "vmrss"};
// What may stand behind such a word and says nothing about a unit.
constexpr std::array<std::string_view, 7> kStateWords = {"used", "usage", "in_use", "size", "current", "value", "now"};
constexpr std::array<std::string_view, 7> kShareWords = {"%", "percent", "pct", "percentage", "ratio", "fraction", "share"};

template <class Table>
bool is_one_of(const Table& table, std::string_view word) {
    return std::find(table.begin(), table.end(), word) != table.end();
}

// What follows the last word for memory in a name: "pages" of "api_rss_pages", nothing to see in "rss". No value where
// the name holds no such word, or is a share of memory.
std::optional<std::string_view> behind_memory_word(std::string_view name) {
    std::optional<std::string_view> behind;
    for (std::size_t begin = 0; begin < name.size(); begin = std::min(name.find('_', begin), name.size()) + 1) {
        for (const std::string_view word : kMemoryWords) {
            const std::string_view rest = name.substr(begin);
            if (rest == word) behind = std::string_view();
            if (rest.starts_with(word) && rest.size() > word.size() && rest[word.size()] == '_')
                behind = rest.substr(word.size() + 1);
        }
    }
    if (!behind || name.find('%') != std::string_view::npos) return std::nullopt;
    const std::size_t last = name.rfind('_') + 1;  // 0 where there is none
    return is_one_of(kShareWords, name.substr(last)) ? std::nullopt : behind;
}

struct MemoryColumn {
    std::size_t index;
    std::string metric;  // lower case, without the unit; the unit itself where nothing else stands
    double bytes;        // per unit
};

std::optional<MemoryColumn> memory_column(std::size_t index, const std::string& name) {
    for (const Unit& unit : kUnits) {
        if (name == unit.name) return MemoryColumn{index, name, unit.bytes};
        const std::string suffix = "_" + std::string(unit.name);
        if (name.ends_with(suffix)) return MemoryColumn{index, name.substr(0, name.size() - suffix.size()), unit.bytes};
        // "RSS (KiB, without swap)"; but network_bytes_sent is no memory.
        const std::string inside = suffix + "_";
        for (const std::string_view word : kMemoryWords)
            if (name.starts_with(std::string(word) + inside)) return MemoryColumn{index, std::string(word), unit.bytes};
    }
    const auto behind = behind_memory_word(name);
    for (const Unit& unit : kShortUnits)
        if (behind == unit.name) return MemoryColumn{index, name.substr(0, name.size() - 2), unit.bytes};
    return std::nullopt;
}

// Which of a file's columns to read by default: the one with the smallest rank, of equals the first. A service's
// log may also hold bytes sent, and limits, which no leak moves.
int default_rank(std::string_view name, std::string_view metric) {
    if (metric == "rss") return 0;
    static constexpr std::array<std::string_view, 7> kOther = {"limit", "total", "free", "avail", "vsz", "virt", "max"};
    const bool other = std::any_of(kOther.begin(), kOther.end(),
                                   [&](std::string_view word) { return name.find(word) != std::string_view::npos; });
    return !behind_memory_word(name) ? 2 : other ? 3 : 1;
}

double unit_named(const std::string& unit) {
    const auto known = std::find_if(kUnits.begin(), kUnits.end(), [&](const Unit& u) { return u.name == lower(unit); });
    if (known != kUnits.end()) return known->bytes;
    throw Error(ErrorKind::usage, "--unit", "unknown unit '" + printable(unit) + "'", "bytes, kib, mib or gib");
}

std::string list_of(const std::vector<std::string>& names) {
    return fmt::format("'{}'", fmt::join(names, "', '"));
}

// Those to read, in the order of the file.
std::vector<MemoryColumn> choose_memory(const std::vector<std::string>& names, const SeriesReadOptions& options,
                                        const std::string& place) {
    std::vector<MemoryColumn> known;
    for (std::size_t i = 0; i < names.size(); ++i) {
        if (const auto column = memory_column(i, names[i])) known.push_back(*column);
    }
    const double unit_if_none = options.unit.empty() ? 0 : unit_named(options.unit);

    if (options.metric.empty()) {
        if (!known.empty())
            return {*std::min_element(known.begin(), known.end(), [&](const MemoryColumn& a, const MemoryColumn& b) {
                return default_rank(names[a.index], a.metric) < default_rank(names[b.index], b.metric);
            })};
        for (std::size_t i = 0; i < names.size(); ++i) {
            const auto behind = behind_memory_word(names[i]);
            if (behind && (behind->empty() || is_one_of(kStateWords, *behind))) return {{i, names[i], unit_if_none}};
        }
        for (const std::string& name : names) {
            if (const auto unit = behind_memory_word(name))
                throw Error(ErrorKind::input, place,
                            fmt::format("column '{}': '{}' is no known unit", printable(name), printable(*unit)),
                            fmt::format("bytes, kib, mib or gib; or --metric {} and --unit", printable(name)));
        }
        throw Error(ErrorKind::input, place, fmt::format("no column of memory among {}", list_of(names)),
                    "name it NAME_bytes, NAME_kib or NAME_mib, or choose one with --metric and --unit");
    }

    std::vector<MemoryColumn> chosen;
    for (const std::string_view part : split(options.metric, '+')) {
        const std::string wanted = column_name(part);
        const auto found = std::find_if(known.begin(), known.end(), [&](const MemoryColumn& column) {
            return column.metric == wanted || names[column.index] == wanted;
        });
        if (found != known.end()) {
            chosen.push_back(*found);
            continue;
        }
        const auto plain = std::find(names.begin(), names.end(), wanted);
        if (plain == names.end()) {
            throw Error(ErrorKind::usage, "--metric",
                        fmt::format("{} has no column '{}'{}", place, printable(wanted), did_you_mean_text(wanted, names)),
                        fmt::format("its columns are {}", list_of(names)));
        }
        chosen.push_back({static_cast<std::size_t>(plain - names.begin()), wanted, unit_if_none});
    }
    std::sort(chosen.begin(), chosen.end(),
              [](const MemoryColumn& a, const MemoryColumn& b) { return a.index < b.index; });
    return chosen;
}

}  // namespace

bool is_row_of_values(const std::vector<std::string_view>& cells) {
    return std::all_of(cells.begin(), cells.end(), [](std::string_view cell) {
        return parse_written_number(cell, DecimalMark::point) || parse_written_number(cell, DecimalMark::comma) ||
               parse_iso_time(cell) || parse_clock_time(cell);
    });
}

std::string time_hint() {
    return "name it unix_ms, unix_s, t_s, seconds, or time with ISO 8601 values; or say --interval 10s";
}

std::string unit_hint(const std::string& column) {
    return fmt::format("name it {0}_bytes, {0}_kib or {0}_mib, or give --unit", printable(column));
}

Columns columns_of(const std::vector<std::string_view>& header, const SeriesReadOptions& options,
                   const std::string& place) {
    if (is_row_of_values(header)) {
        throw Error(ErrorKind::input, place, fmt::format("no header: the first line is '{}'",
                                                               printable(fmt::format("{}", fmt::join(header, ",")).substr(0, 60))),
                    "put a line such as t_s,rss_bytes before it");
    }
    std::vector<std::string> names;
    for (const std::string_view cell : header) names.push_back(column_name(cell));

    Columns columns;
    columns.roles.assign(names.size(), ColumnRole::none);
    const auto memory = choose_memory(names, options, place);
    std::vector<std::string> metrics;
    for (const MemoryColumn& column : memory) {
        columns.roles[column.index] = ColumnRole::memory;
        columns.bytes_per_unit.push_back(column.bytes);
        metrics.push_back(column.metric);
    }
    columns.metric = fmt::format("{}", fmt::join(metrics, "+"));

    for (std::size_t i = 0; i < names.size(); ++i) {
        if (columns.roles[i] != ColumnRole::none) continue;
        const auto time = columns.has_time ? std::nullopt : time_meaning(names[i]);
        if (time) {
            columns.has_time = true;
            columns.roles[i] = ColumnRole::time;
            columns.time_form = time->form;
            columns.seconds_per_unit = time->seconds_per_unit;
        } else if (!columns.has_requests &&
                   std::find(kRequestNames.begin(), kRequestNames.end(), names[i]) != kRequestNames.end()) {
            columns.has_requests = true;
            columns.roles[i] = ColumnRole::requests;
        } else if (!columns.has_process && names[i] == "pid") {
            columns.has_process = true;
            columns.roles[i] = ColumnRole::process;
        }
    }
    const bool counts_ticks = options.interval_s && !columns.has_process;
    if (!columns.has_time && names.front().empty() && columns.roles.front() == ColumnRole::none && !counts_ticks) {
        columns.has_time = true;
        columns.roles.front() = ColumnRole::time;
        columns.time_form = TimeForm::unnamed;
    }
    if (!columns.has_time && !counts_ticks) {
        throw Error(ErrorKind::input, place, fmt::format("no column of time among {}", list_of(names)),
                    time_hint());
    }
    while (columns.roles.back() == ColumnRole::none) columns.roles.pop_back();
    return columns;
}

bool settle_time_form(Columns& columns, std::string_view first_value, std::optional<double> number) {
    if (columns.time_form != TimeForm::by_value && columns.time_form != TimeForm::unnamed) return true;
    if (!number) {
        columns.time_form = parse_clock_time(first_value) || parse_elapsed(first_value) ? TimeForm::clock : TimeForm::iso;
        return true;
    }
    constexpr double kNoCount = 1e8;  // as seconds since the epoch: 1973
    if (columns.time_form == TimeForm::unnamed && *number < kNoCount) return false;
    columns.time_form = TimeForm::number;
    // Seconds since the epoch have 10 digits from 2001 to 2286; each finer unit has three more.
    columns.seconds_per_unit = *number >= 1e17 ? 1e-9 : *number >= 1e14 ? 1e-6 : *number >= 1e11 ? 1e-3 : 1;
    return true;
}

}  // namespace leakline::memory
