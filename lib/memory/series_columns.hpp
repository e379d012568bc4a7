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
};

// What each wanted column is; the others are passed over.
enum class ColumnRole : unsigned char { none, time, memory, requests, process };

struct Columns {
    std::vector<ColumnRole> roles;   // one a column, up to the last wanted one
    TimeForm time_form = TimeForm::number;
    double seconds_per_unit = 1;
    std::vector<double> bytes_per_unit;  // of each memory column, in their order; they are added up
    std::string metric;                  // "rss", "rss+swap"
    bool has_requests = false, has_process = false;
};

// Names are compared as one lower-case word: "RSS (KiB)", "rss-kib" and "rssKiB" are rss_kib.
// Time: a word such as time, timestamp, ts, elapsed, uptime or unix, with a unit (unix_ms, uptime_s, "Time [min]") or
// without (the first value tells), or a unit alone (seconds).
// Memory: NAME_bytes, NAME_kib, NAME_mib, NAME_gib, or the unit alone; kb and mb mean 1024 and 1024^2 bytes, as /proc,
// ps and top write them. Requests: requests, requests_total. Process: pid.
// place is the header's file and line, for errors. Throws Error{input}: no header (a row of numbers), no time, no memory, unknown unit;
// Error{usage}: --metric or --unit that the file does not have.
Columns columns_of(const std::vector<std::string_view>& header, const SeriesReadOptions& options,
                   const std::string& place);

// The time column's form by a first value, where the name does not say. number: that value, where it is one.
void settle_time_form(Columns& columns, std::string_view first_value, std::optional<double> number);

}  // namespace leakline::memory
