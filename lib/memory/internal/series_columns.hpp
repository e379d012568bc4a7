// Interprets the columns of a CSV of memory by their names. Pure functions, safe from any thread.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/time_text.hpp"
#include "memory/internal/series_csv_cells.hpp"
#include "memory/series_reader.hpp"

namespace leakline::memory {

enum class TimeForm {
    number,      // times factor gives seconds
    iso,         // ISO 8601
    slash_date,  // 12/31/2018 12:00, in Columns::date_order
    compact,     // 20240607123000
    date_words,  // Fri Jun  7 12:30:00 UTC 2024
    clock,       // 12:30:05; starts again after midnight
    elapsed,     // 02:05 is two minutes, 1-02:03:04 more than a day, as ps prints elapsed time
    by_value,    // not given by the name: the first value decides
    unnamed,     // the same for a column without a name, which may number the rows instead
};

// The role of each used column; the others are ignored. clock: the time of day beside a column of dates. label: says
// which series a row belongs to. metric: a label that names the number beside it; rows of other metrics than memory are
// skipped. process: its process, which changes at a restart.
enum class ColumnRole : unsigned char { none, time, clock, memory, requests, process, label, metric };

struct MemoryColumn {
    double bytes_per_unit = 0;  // 0: given neither by the name nor by --unit, so each value must have one
    std::size_t series = 0;     // which of a row's series it is part of; columns of one are added up
    bool is_swap = false;       // a missing cell means the value before it in the series
    std::string name;           // lower case, for errors
};

struct Columns {
    std::vector<ColumnRole> roles;  // one per column, up to the last used one
    TimeForm time_form = TimeForm::number;
    DateOrder date_order = DateOrder::month_first;
    double seconds_per_unit = 1;
    std::vector<MemoryColumn> memory;  // in the order of the columns
    std::vector<std::string> series;   // the name of each series of a row; "" if there is only one
    bool counts_elapsed = false;       // the time column is called elapsed, uptime, ...: 02:05 is no time of day
    bool has_time = false, has_clock = false, has_requests = false, has_process = false, has_labels = false, has_metric = false;
    std::vector<std::string> notes;  // assumptions
};

// Names are compared as one lower-case word: "RSS (KiB)", "rss-kib" and "rssKiB" are rss_kib.
// Time: a word such as time, timestamp, ts, elapsed, uptime or unix, with a unit (unix_ms, uptime_s, "Time [min]") or
// without (by the first value), or a unit alone (seconds).
// If no column has such a name, a first one without a name is time (a table's index, as pandas writes it), and with
// options.interval_s none is needed: then no role is time.
// Memory: NAME_bytes, NAME_kib, NAME_mib, NAME_gib, or the unit alone; kb and mb mean 1024 and 1024^2 bytes, as /proc,
// ps and top write them. rss, mem_used, ... without a unit, if there is nothing better: then each value needs its own.
// A share ("%MEM", mem_pct) is not memory. Requests: requests, requests_total. Process: pid.
// place is the header's file and line, for errors. Throws Error{input}: no header (a row of numbers), no time, no memory,
// unknown unit; Error{usage}: --metric or --unit that the file does not have.
//
// If the names do not show it, the first rows do: a column whose cells carry a unit of memory ("480 MiB", "12MiB / 2GiB") is
// memory, one whose cells are times is time. Each subject ("api" and "web" of api_rss_mib, web_rss_mib) is a series; of
// several metrics of one subject (rss, pss, heap) one is read, rss first. Its swap is added if it is of resident memory (rss, pss, uss,
// anonymous, working set, used memory), which is without what the kernel has moved there; a heap is not. A column called name, container, pod,
// command, pid, ... says which series a row belongs to, and where times repeat in more than one row of ten without such a
// column, one whose texts make them unique.
Columns columns_of(const std::vector<std::string_view>& header, const CellSample& sample, const SeriesReadOptions& options,
                   const std::string& place);

// A header for a file without one, from its cells: "time", "name", "memory" and "". Nothing if they do not show it.
std::optional<std::vector<std::string_view>> header_by_cells(const CellSample& sample, bool needs_time);

// Whether one of the first lines has cells (at least so many) with a time, or a name for time, among them.
bool is_csv_with_time(std::string_view head, std::size_t least_cells);

// A row of nothing but numbers and times.
bool is_row_of_values(const std::vector<std::string_view>& cells);

// Hints for a file without a time, and for a column of memory without a unit.
std::string time_hint();
std::string unit_hint(const std::string& column);

// Sets the time column's form by a first value if the name does not give it. number: that value if it is one. False: it is
// not a time but a row number.
bool settle_time_form(Columns& columns, std::string_view first_value, std::optional<double> number);

}  // namespace leakline::memory
