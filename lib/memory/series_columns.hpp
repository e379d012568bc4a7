// What the columns of a CSV of memory mean, by their names. Pure functions, safe from any thread.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "memory/series_reader.hpp"

namespace leakline::memory {

enum class TimeForm {
    number,    // times factor gives seconds
    iso,       // ISO 8601
    clock,     // 12:30:05, or 1-02:03:04 as ps prints elapsed time; past midnight it starts anew
    by_value,  // the name does not say: the first value does
    unnamed,   // the same of a column without a name, which may count rows instead
};

// What each wanted column is; the others are passed over.
enum class ColumnRole : unsigned char { none, time, memory, requests, process };

struct Columns {
    std::vector<ColumnRole> roles;   // one a column, up to the last wanted one
    TimeForm time_form = TimeForm::number;
    double seconds_per_unit = 1;
    // Of each memory column, in their order; they are added up. 0: neither the name nor --unit says, each value has to.
    std::vector<double> bytes_per_unit;
    std::string metric;  // "rss", "rss+swap"
    bool has_time = false, has_requests = false, has_process = false;
};

// Names are compared as one lower-case word: "RSS (KiB)", "rss-kib" and "rssKiB" are rss_kib.
// Time: a word such as time, timestamp, ts, elapsed, uptime or unix, with a unit (unix_ms, uptime_s, "Time [min]") or
// without (the first value tells), or a unit alone (seconds).
// Where no column is called so, a first one without a name is time (a table's index, as pandas writes it), and with
// options.interval_s none is needed: no role is time then.
// Memory: NAME_bytes, NAME_kib, NAME_mib, NAME_gib, or the unit alone; kb and mb mean 1024 and 1024^2 bytes, as /proc,
// ps and top write them. rss, mem_used, ... without a unit, where nothing better is: each value has to carry its own.
// A share ("%MEM", mem_pct) is no memory. Requests: requests, requests_total. Process: pid.
// place is the header's file and line, for errors. Throws Error{input}: no header (a row of numbers), no time, no memory,
// unknown unit; Error{usage}: --metric or --unit that the file does not have.
Columns columns_of(const std::vector<std::string_view>& header, const SeriesReadOptions& options,
                   const std::string& place);

// A row of nothing but numbers and times.
bool is_row_of_values(const std::vector<std::string_view>& cells);

// What to do about a file without a time, and a column of memory without a unit.
std::string time_hint();
std::string unit_hint(const std::string& column);

// The time column's form by a first value, where the name does not say. number: that value, where it is one. false: it is
// no time but a row's number.
bool settle_time_form(Columns& columns, std::string_view first_value, std::optional<double> number);

}  // namespace leakline::memory
