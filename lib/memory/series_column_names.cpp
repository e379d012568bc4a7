#include "memory/internal/series_column_names.hpp"

#include <algorithm>
#include <array>
#include <cctype>
#include <vector>

#include "base/ascii.hpp"
#include "base/quantities.hpp"
#include "base/strings.hpp"

namespace leakline::memory {

namespace {

template <class Table>
bool is_one_of(const Table& table, std::string_view word) {
    return std::find(table.begin(), table.end(), word) != table.end();
}

// Between text[at - 1] and text[at], as in rssBytes; but not within a unit, KiB or kB.
bool parts_words(std::string_view text, std::size_t at) {
    if (at == 0 || !is_lower(text[at - 1]) || !is_upper(text[at])) {
        return false;
    }
    const bool last = at + 1 == text.size() || std::isalnum(static_cast<unsigned char>(text[at + 1])) == 0;
    const bool kilo = text[at - 1] == 'k' && (at == 1 || std::isalnum(static_cast<unsigned char>(text[at - 2])) == 0);
    const bool binary = text[at - 1] == 'i' && at > 1 && std::string_view("KMGkmg").find(text[at - 2]) != std::string_view::npos;
    return !(last && text[at] == 'B' && (kilo || binary));
}

constexpr std::array<std::string_view, 26> kTimeWords = {
    "time",       "timestamp", "@timestamp",   "ts",       "t",         "datetime",       "date_time",
    "date",       "at",        "unix",         "unixtime", "unix_time", "unix_timestamp", "epoch",
    "epoch_time", "elapsed",   "elapsed_time", "etime",    "uptime",    "duration",       "runtime",
    "run_time",   "age",       "offset",       "clock",    "now"};

struct TimeUnit {
    std::string_view name;
    double seconds;
};
constexpr std::array kTimeUnits = {
    TimeUnit{"s", 1},
    TimeUnit{"sec", 1},
    TimeUnit{"secs", 1},
    TimeUnit{"second", 1},
    TimeUnit{"seconds", 1},
    TimeUnit{"ms", 1e-3},
    TimeUnit{"msec", 1e-3},
    TimeUnit{"millis", 1e-3},
    TimeUnit{"milliseconds", 1e-3},
    TimeUnit{"us", 1e-6},
    TimeUnit{"usec", 1e-6},
    TimeUnit{"micros", 1e-6},
    TimeUnit{"microseconds", 1e-6},
    TimeUnit{"ns", 1e-9},
    TimeUnit{"nanos", 1e-9},
    TimeUnit{"nanoseconds", 1e-9},
    TimeUnit{"min", 60},
    TimeUnit{"minutes", 60},
    TimeUnit{"h", 3600},
    TimeUnit{"hours", 3600},
    TimeUnit{"d", 86400},
    TimeUnit{"days", 86400},
};

bool is_time_word(std::string_view name) { return std::find(kTimeWords.begin(), kTimeWords.end(), name) != kTimeWords.end(); }

struct Unit {
    std::string_view name;
    double bytes;
};
constexpr double kGiB = 1024 * kMiB;
constexpr std::array kUnits = {Unit{"bytes", 1},        Unit{"byte", 1},         Unit{"kib", 1024},        Unit{"kb", 1024},
                               Unit{"kbytes", 1024},    Unit{"mib", kMiB},       Unit{"mb", kMiB},         Unit{"mbytes", kMiB},
                               Unit{"gib", kGiB},       Unit{"gb", kGiB},        Unit{"gbytes", kGiB},     Unit{"kilobytes", 1024},
                               Unit{"megabytes", kMiB}, Unit{"gigabytes", kGiB}, Unit{"tib", 1024 * kGiB}, Unit{"tb", 1024 * kGiB}};
// Units only after a word for memory: cpu_m is a thousandth of a processor.
constexpr std::array kShortUnits = {Unit{"b", 1}, Unit{"k", 1024}, Unit{"m", kMiB}, Unit{"g", kGiB}};

constexpr std::array<std::string_view, 5> kRequestNames = {"requests", "requests_total", "http_requests_total", "cumulative_requests",
                                                           "request_count"};
// Words that name memory when they stand without a unit.
constexpr std::array<std::string_view, 21> kMemoryWords = {
    "rss",         "pss",      "uss", "memory", "mem", "heap",       "swap",    "rsz",      "anonymous", "anon",     "cgroup",
    "working_set", "resident", "res", "vmrss",  "ws",  "workingset", "private", "memusage", "rssanon",   "kbmemused"};
// Words after such a word that do not mean a unit.
constexpr std::array<std::string_view, 10> kStateWords = {"used",  "usage", "in_use", "size",        "current",
                                                          "value", "now",   "real",   "usage_limit", "set"};
constexpr std::array<std::string_view, 7> kShareWords = {"%", "percent", "pct", "percentage", "ratio", "fraction", "share"};
// Words of a metric's name for the way of measuring, not for its subject.
constexpr std::array<std::string_view, 35> kHowWords = {
    "vm",        "process",  "used",  "usage",   "in",     "use",     "size",      "current", "value", "now",      "real",  "set",
    "working",   "the",      "of",    "total",   "go",     "jvm",     "node",      "nodejs",  "java",  "memstats", "alloc", "bytes",
    "allocated", "external", "array", "buffers", "native", "nonheap", "committed", "peak",    "avg",   "mean",     "limit"};
// Metrics that a leak does not move, or moves the other way.
constexpr std::array<std::string_view, 29> kNotUsed = {
    "limit",   "free",     "avail",        "available", "max",      "vsz",   "virt",    "virtual",   "vms", "vss",
    "memfree", "memtotal", "memavailable", "total",     "capacity", "quota", "net",     "network",   "rx",  "tx",
    "sent",    "received", "recv",         "disk",      "block",    "blk",   "traffic", "bandwidth", "io"};
// Of kMemoryWords and others: memory without what is in swap, memory that stays the same when it is swapped, and swap.
constexpr std::array<std::string_view, 17> kResidentWords = {"rss",     "pss",       "uss",      "rsz",      "res",      "vmrss",
                                                             "rssanon", "anonymous", "anon",     "resident", "ws",       "workingset",
                                                             "memory",  "mem",       "memusage", "memused",  "kbmemused"};
constexpr std::array<std::string_view, 15> kHeapWords = {"heap",   "nonheap",  "go",     "jvm",       "java",
                                                         "nodejs", "memstats", "alloc",  "allocated", "external",
                                                         "array",  "buffers",  "native", "committed", "peak"};
constexpr std::array<std::string_view, 2> kSwapWords = {"swap", "vmswap"};
// Beside the word for swap: the amount of it now.
constexpr std::array<std::string_view, 12> kSwapAmountWords = {"used",  "usage", "current", "size", "now",     "value",
                                                               "bytes", "mem",   "memory",  "vm",   "process", "real"};
constexpr std::array<std::string_view, 34> kLabels = {
    "name",     "container", "container_name", "pod",     "pod_name",     "instance",   "series",      "command", "comm",
    "cmd",      "process",   "process_name",   "service", "service_name", "app",        "application", "job",     "host",
    "hostname", "namespace", "worker",         "task",    "label",        "legend",     "target",      "program", "proc",
    "server",   "vm",        "shard",          "replica", "node",         "image_name", "component"};
constexpr std::array<std::string_view, 10> kProcessIdentities = {"pid",     "process_id",  "container_id", "pid_tid",   "tgid",
                                                                 "proc_id", "containerid", "id",           "worker_id", "instance_id"};
constexpr std::array<std::string_view, 11> kValueWords = {"value", "_value",  "val",     "average", "avg", "mean",
                                                          "last",  "maximum", "current", "min",     "sum"};

std::vector<std::string_view> words_in(std::string_view name) { return split(name, '_'); }

bool names_used_memory(std::string_view name) {
    const std::vector<std::string_view> words = words_in(name);
    // "MEM USAGE / LIMIT": both in one cell, usage first.
    if (name.ends_with("usage_limit")) return true;
    return std::none_of(words.begin(), words.end(), [](std::string_view word) { return is_one_of(kNotUsed, word); });
}

}  // namespace

std::string column_name(std::string_view cell) {
    cell = trim(cell);
    std::string name;
    for (std::size_t i = 0; i < cell.size(); ++i) {
        const bool separates = std::string_view(" \t-/()[]{},;:").find(cell[i]) != std::string_view::npos;
        if ((separates || parts_words(cell, i)) && !name.empty() && name.back() != '_') name += '_';
        if (!separates) name += to_lower(cell[i]);
    }
    while (name.size() > 1 && name.back() == '_') name.pop_back();
    return name;
}

std::optional<double> seconds_in_time_column(std::string_view name) {
    if (name.ends_with("_utc")) name.remove_suffix(4);
    if (is_time_word(name)) return 0;
    for (const TimeUnit& unit : kTimeUnits) {
        const bool alone = name == unit.name && name != "d" && name != "h";
        const std::string suffix = "_" + std::string(unit.name);
        if (alone || (name.ends_with(suffix) && is_time_word(name.substr(0, name.size() - suffix.size())))) return unit.seconds;
    }
    return std::nullopt;
}

std::optional<std::string_view> after_memory_word(std::string_view name) {
    std::optional<std::string_view> after;
    for (std::size_t begin = 0; begin < name.size(); begin = std::min(name.find('_', begin), name.size()) + 1) {
        for (const std::string_view word : kMemoryWords) {
            const std::string_view rest = name.substr(begin);
            if (rest == word) after = std::string_view();
            if (rest.starts_with(word) && rest.size() > word.size() && rest[word.size()] == '_') after = rest.substr(word.size() + 1);
        }
    }
    if (!after || name.find('%') != std::string_view::npos) return std::nullopt;
    const std::size_t last = name.rfind('_') + 1;  // 0 where there is none
    return is_one_of(kShareWords, name.substr(last)) ? std::nullopt : after;
}

bool is_plain_memory_word(std::string_view name) {
    const auto after = after_memory_word(name);
    return after && (after->empty() || is_one_of(kStateWords, *after));
}

std::optional<MemoryName> memory_name(const std::string& name) {
    for (const Unit& unit : kUnits) {
        if (name == unit.name) return MemoryName{name, unit.bytes};
        const std::string suffix = "_" + std::string(unit.name);
        if (name.ends_with(suffix)) return MemoryName{name.substr(0, name.size() - suffix.size()), unit.bytes};
        // "RSS (KiB, without swap)"; but network_bytes_sent is no memory.
        const std::string inside = suffix + "_";
        for (const std::string_view word : kMemoryWords)
            if (name.starts_with(std::string(word) + inside)) return MemoryName{std::string(word), unit.bytes};
    }
    const auto after = after_memory_word(name);
    for (const Unit& unit : kShortUnits)
        if (after == unit.name) return MemoryName{name.substr(0, name.size() - 2), unit.bytes};
    // sysstat's own: kbmemused
    if (name.starts_with("kb") && name.size() > 4 && name.find('_') == std::string::npos && name != "kbytes")
        return MemoryName{name.substr(2), 1024};
    // psrecord's CSV: MiB, without a unit.
    if (name == "mem_real" || name == "mem_virtual" || name == "mem_swap") return MemoryName{name, kMiB};
    return std::nullopt;
}

std::string memory_subject(std::string_view metric) {
    std::string subject;
    for (const std::string_view word : words_in(metric)) {
        if (word.empty() || is_one_of(kMemoryWords, word) || is_one_of(kHowWords, word) || is_one_of(kNotUsed, word)) continue;
        subject += (subject.empty() ? "" : "_") + std::string(word);
    }
    return subject;
}

int memory_rank(std::string_view name, std::string_view metric) {
    if (metric == "rss" || metric.ends_with("_rss") || metric.starts_with("rss_")) return 0;
    if (name.find("kbmem") != std::string_view::npos) return name == "kbmemused" ? 0 : kNotUsedMemory;
    // sysstat's parts of used memory: buffers, cached, dirty.
    if (name.starts_with("kb") && name.find('_') == std::string_view::npos && name.size() > 2 && name != "kb" && name != "kbytes")
        return kNotUsedMemory;
    if (!names_used_memory(name)) return kNotUsedMemory;
    if (metric.find("resident") != std::string_view::npos || metric.find("working_set") != std::string_view::npos) return 1;
    return 2;
}

bool is_resident_metric(std::string_view metric) {
    bool resident = metric.find("working_set") != std::string_view::npos;
    for (const std::string_view word : words_in(metric)) {
        if (is_one_of(kHeapWords, word) || is_one_of(kSwapWords, word)) return false;
        resident = resident || is_one_of(kResidentWords, word);
    }
    return resident;
}

bool is_swap_metric(std::string_view metric) {
    bool swap = false;
    for (const std::string_view word : words_in(metric)) {
        const bool is_swap = is_one_of(kSwapWords, word);
        swap = swap || is_swap;
        // What is left is the subject, "db" of db_swap; "in" and "cached" are none beside swap.
        if (!is_swap && !is_one_of(kSwapAmountWords, word) &&
            (is_one_of(kMemoryWords, word) || is_one_of(kHowWords, word) || word == "cached"))
            return false;
    }
    return swap;
}

std::optional<double> unit_by_name(std::string_view unit) {
    const auto known = std::find_if(kUnits.begin(), kUnits.end(), [&](const Unit& u) { return equal_ignoring_case(u.name, unit); });
    return known == kUnits.end() ? std::nullopt : std::optional(known->bytes);
}

bool is_elapsed_name(std::string_view name) {
    static constexpr std::array<std::string_view, 8> kElapsed = {"elapsed",  "elapsed_time", "etime",    "uptime",
                                                                 "duration", "runtime",      "run_time", "age"};
    return is_one_of(kElapsed, name);
}
bool is_metric_column(std::string_view name) {
    static constexpr std::array<std::string_view, 9> kMetrics = {"metric",       "metric_name", "metricname", "_field", "field",
                                                                 "_measurement", "measurement", "__name__",   "counter"};
    return is_one_of(kMetrics, name);
}
bool is_request_count(std::string_view name) { return is_one_of(kRequestNames, name); }
bool is_process_identity(std::string_view name) { return is_one_of(kProcessIdentities, name); }
bool is_series_label(std::string_view name) { return is_one_of(kLabels, name); }
bool is_value_word(std::string_view name) { return is_one_of(kValueWords, name); }

}  // namespace leakline::memory
