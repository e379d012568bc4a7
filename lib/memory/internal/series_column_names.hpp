// Interprets the words in the header of a table of memory: names of time, memory, its unit, a process or a container. Pure
// functions, safe from any thread.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace leakline::memory {

// A header's cell as one lower-case word: "RSS (KiB)", "rss-kib" and "rssKiB" are rss_kib, "Time [s]" is time_s. A per
// cent sign stays, so that a share of memory is not taken for memory.
std::string column_name(std::string_view cell);

// The unit of time of a column by its name, 0 if only its values show it. Nothing if it is not a column of times.
std::optional<double> seconds_in_time_column(std::string_view name);

// What a column's name means for memory.
struct MemoryName {
    std::string metric;  // lower case, without the unit; the unit itself if there is nothing else
    double bytes = 0;    // per unit
};
// Nothing if the name has no unit of memory.
std::optional<MemoryName> memory_name(const std::string& name);

// What follows the last word for memory in a name: "pages" of "api_rss_pages", empty for "rss". No value if
// the name holds no such word, or is a share of memory.
std::optional<std::string_view> after_memory_word(std::string_view name);
// A word for memory with at most a word such as "used" behind it: "rss", "mem_usage".
bool is_plain_memory_word(std::string_view name);

// The subject of a name, without the way of measuring: "web" of "web_rss", "" of "heap_used" and "process_resident_memory". Columns of
// one subject are several metrics of it.
std::string memory_subject(std::string_view metric);

// How well a metric shows a leak, to choose among those of one subject: 0 (rss) to 2; 9 for those that a leak does not move
// or moves the other way (limits, totals, free memory, virtual memory, traffic).
int memory_rank(std::string_view name, std::string_view metric);
inline constexpr int kNotUsedMemory = 9;

// Resident memory, which shrinks when the kernel moves a part of it to swap: rss, mem_used, working_set; not heap_used.
bool is_resident_metric(std::string_view metric);
// The amount that is in swap: swap, vmswap, swap_used; not swap_cached, swap_in, swap_free.
bool is_swap_metric(std::string_view metric);

// Bytes in a unit by its name in a header, "kib", "mb"; nothing if it is unknown.
std::optional<double> unit_by_name(std::string_view unit);

// elapsed, uptime, ...: counted from a start, not from midnight.
bool is_elapsed_name(std::string_view name);
// metric, _field, ...: its texts name the number beside it.
bool is_metric_column(std::string_view name);
bool is_request_count(std::string_view name);
// pid, process_id, container_id: changes when the process is restarted.
bool is_process_identity(std::string_view name);
// name, container, pod, command, ...: names the series that a row belongs to.
bool is_series_label(std::string_view name);
// value, average, ...: a number whose meaning is given by another column or the file's name.
bool is_value_word(std::string_view name);

}  // namespace leakline::memory
