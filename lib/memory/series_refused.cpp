// Files that users try and that hold no memory over time: recognized by their form, with what reads them or makes
// something that can be read.
#include <algorithm>
#include <array>
#include <string>
#include <string_view>

#include "base/ascii.hpp"
#include "base/error.hpp"
#include "base/quantities.hpp"
#include "base/strings.hpp"
#include "memory/internal/series_formats.hpp"
#include "memory/internal/series_log_time.hpp"

namespace leakline::memory {

namespace {

struct OtherFormat {
    bool (*looks_so)(std::string_view head);
    std::string_view what, hint;
};

bool has(std::string_view head, std::string_view text) { return head.find(text) != std::string_view::npos; }

// A line with all of these words.
bool has_titles(std::string_view head, std::initializer_list<std::string_view> titles) {
    for (const std::string_view line : split(head, '\n')) {
        const std::vector<std::string_view> words = words_of(line);
        if (std::all_of(titles.begin(), titles.end(),
                        [&](std::string_view title) { return std::find(words.begin(), words.end(), title) != words.end(); }))
            return true;
    }
    return false;
}

// "procstat,host=a memory_rss=201061411i,cpu_usage=1.2 1732089600000000000"
bool is_influx_line(std::string_view head) {
    const std::vector<std::string_view> words = words_of(head.substr(0, head.find('\n')));
    constexpr std::size_t kNanoseconds = 19;  // digits of a time since 2001
    return words.size() == 3 && has(words[1], "=") && words[2].size() == kNanoseconds &&
           std::all_of(words[2].begin(), words[2].end(), is_digit);
}

// {"time":"2026-11-28T12:00:00Z","rss":201061411}; but docker stats writes such lines too.
bool is_json_lines(std::string_view head) {
    const std::string_view line = trim(head.substr(0, head.find('\n')));
    if (!line.starts_with("{\"") || !line.ends_with('}') || head.find("\n{\"") == head.npos) return false;
    return std::none_of(series_formats().begin(), series_formats().end(),
                        [&](const SeriesFormat& format) { return format.name != "csv" && format.detect(head); });
}

bool is_json(std::string_view head) { return trim(head).starts_with('{') || trim(head).starts_with('['); }

constexpr std::string_view kSample = "leakline sample --pid PID -o samples.csv";
constexpr std::string_view kPs = "leakline sample --pid PID -o samples.csv, or log `date +%s; ps -o pid,rss,comm -p PID`";

constexpr std::array kOthers = {
    OtherFormat{[](std::string_view head) {
                    return has_titles(head, {"S0C", "S1C"}) || has_titles(head, {"S0", "S1", "E", "O"});
                },
                "looks like the output of jstat, which is the spaces of a Java heap and not the process's memory", kSample},
    OtherFormat{[](std::string_view head) {
                    return has_titles(head, {"swpd", "free", "buff"});
                },
                "looks like the output of vmstat, which is the whole machine's memory",
                "leakline sample --pid PID, or log `free -m` with times"},
    OtherFormat{[](std::string_view head) {
                    return has_titles(head, {"PID", "PPID", "STIME", "TTY"});
                },
                "looks like the output of `ps -ef`, which has no memory", kPs},
    OtherFormat{[](std::string_view head) {
                    return has_titles(head, {"PID", "PPID", "VSZ", "%VSZ"});
                },
                "looks like the output of busybox top, which has only virtual memory", kSample},
    OtherFormat{[](std::string_view head) { return has(head, "MemTotal:") && has(head, "MemFree:"); },
                "looks like /proc/meminfo, which is the whole machine's memory", kSample},
    OtherFormat{[](std::string_view head) { return has(head, "time_unit:") && has(head, "desc:") && has(head, "cmd:"); },
                "looks like a file of massif", "ms_print reads it; leakline record -o run.leak -- CMD finds the lines that grow"},
    OtherFormat{[](std::string_view head) {
                    return has_titles(head, {"Address", "Kbytes", "RSS", "Mapping"});
                },
                "looks like the output of pmap, which shows one moment only", kSample},
    OtherFormat{[](std::string_view head) { return has(head, "%iowait") || has(head, "r_await"); },
                "looks like the output of iostat or mpstat, which has no memory", kSample},
    OtherFormat{[](std::string_view head) { return has(head, "CONTAINER ID") && has(head, "IMAGE") && has(head, "STATUS"); },
                "looks like the output of docker ps, which has no memory", "log `date +%s; docker stats --no-stream`"},
    OtherFormat{[](std::string_view head) {
                    return has_titles(head, {"Session#", "Mem", "Usage"});
                },
                "looks like the output of tasklist, which has no times", "typeperf \"\\Process(NAME)\\Private Bytes\" -o samples.csv"},
    OtherFormat{[](std::string_view head) { return has(head, "HTTP/1.") && has(head, "\"GET /"); }, "looks like an access log",
                "leakline replay reads it"},
    OtherFormat{[](std::string_view head) {
                    return trim(head).starts_with('{') && has(head, "\"method\"") && (has(head, "\"path\"") || has(head, "\"url\""));
                },
                "looks like a log of requests", "leakline replay reads it"},
    OtherFormat{[](std::string_view head) { return trim(head).starts_with('{') && has(head, "\"schema\"") && has(head, "\"verdict\""); },
                "looks like a report of leakline", "leakline report reads it"},
    OtherFormat{is_influx_line, "looks like InfluxDB's line protocol", "export time and memory as CSV with the header time,rss_bytes"},
    OtherFormat{[](std::string_view head) {
                    return trim(head).starts_with("<!DOCTYPE") || trim(head).starts_with("<html") || trim(head).starts_with("<?xml");
                },
                "looks like HTML or XML", "export the values as CSV"},
    OtherFormat{[](std::string_view head) { return head.starts_with("PK\x03\x04"); }, "looks like a ZIP archive or an Excel workbook",
                "unpack it, or save the sheet as CSV"},
    OtherFormat{[](std::string_view head) {
                    return head.starts_with("%PDF") || head.starts_with(
                                                           "\x7F"
                                                           "ELF");
                },
                "looks like a PDF or a program", "expected memory over time, as CSV with a header"},
    OtherFormat{[](std::string_view head) { return has(head, "[gc") && has(head, "Pause Young"); },
                "looks like a garbage collection log of a JVM, which is its heap before and after collections and not the process's memory",
                kSample},
    OtherFormat{[](std::string_view head) { return has(head, "\nSEP\n") && has(head, "PRM "); }, "looks like the output of atop -P",
                "choose the columns: (echo time,rss_kib; atop -r FILE -P PRM | awk '$7 == PID {print $3 \",\" $12}') | leakline trend -"},
    OtherFormat{
        [](std::string_view head) { return is_json(head) && has(head, "\"Datapoints\"") && has(head, "\"Timestamp\""); },
        "looks like the answer of aws cloudwatch get-metric-statistics",
        "choose the members: (echo time,memory_bytes; jq -r '.Datapoints | sort_by(.Timestamp)[] | [.Timestamp, .Average] | @csv' FILE) "
        "| leakline trend -"},
    OtherFormat{[](std::string_view head) { return is_json(head) && has(head, "\"working_set\""); }, "looks like JSON of cAdvisor",
                "choose the members: (echo time,memory_bytes; jq -r '.stats[] | [.timestamp, .memory.working_set] | @csv' FILE) "
                "| leakline trend -"},
    OtherFormat{[](std::string_view head) { return is_json(head) && has(head, "\"datapoints\""); }, "looks like JSON of Graphite",
                "choose the members: (echo time,memory_bytes; jq -r '.[0].datapoints[] | [.[1], .[0]] | @csv' FILE) | leakline trend -"},
    OtherFormat{is_json_lines, "looks like lines of JSON, which are not read as memory over time",
                "choose the members: (echo time,rss_bytes; jq -r '[.time, .rss] | @csv' FILE) | leakline trend -"},
};

}  // namespace

void refuse_other_formats(std::string_view head, const std::string& name) {
    for (const OtherFormat& other : kOthers)
        if (other.looks_so(head)) throw Error(ErrorKind::input, name, std::string(other.what), std::string(other.hint));
}

}  // namespace leakline::memory
