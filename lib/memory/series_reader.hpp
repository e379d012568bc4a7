// Reads memory over time from a file; the format is detected by content: CSV, logs of docker stats, ps, top, kubectl and others, psrecord, mprof,
// Prometheus' JSON (the table in series_reader.cpp). A file gives one series per process, container or column of
// another subject. (Heap recordings carry RSS too, but lib/heap reads those.)
//
// Thread-safety: functions without state.
#pragma once

#include <memory>
#include <optional>
#include <span>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.hpp"
#include "memory/internal/series_numbers.hpp"
#include "memory/series_builder.hpp"
#include "model/series.hpp"
#include "system/byte_source.hpp"

namespace leakline::memory {

struct SeriesReadOptions {
    // CSV: the column, with or without its unit ("rss", "rss_bytes"); several joined by '+' are added up ("rss+swap").
    // Empty: for each subject (see columns_of) rss if there is such a column, else its first column of memory.
    std::string metric;
    // The unit of memory if neither names nor values have one: "bytes", "kib", "mib", "gib".
    std::string unit;
    // CSV: how numbers are written. undecided: detected from the numbers, for the whole file.
    DecimalMark decimal = DecimalMark::undecided;
    // Logs without times: seconds from one table, or row of CSV, to the next.
    std::optional<double> interval_s;
    std::size_t max_points = SeriesBuilder::kMaxPoints;  // a process: see SeriesBuilder
    // Looked at every some ten thousand samples; ends the reading with Error{system} "interrupted".
    std::stop_token stop;
};

struct SeriesFile {
    std::string format;              // "csv", "docker stats", "ps", ...: SeriesFormat::name
    std::vector<Series> series;      // at least one, none empty; processes that follow each other are one series
    std::uint64_t samples = 0;       // read and good, of all series
    Diagnostics damage;              // skipped samples, with their places
    std::vector<std::string> notes;  // notes for the user: gaps, thinning
};

// path "-" is standard input. Throws Error{input}: cannot be opened, is empty, of another format (which is named), has no
// column of memory, an unknown unit, no good sample, or rows of several processes that cannot be distinguished.
SeriesFile read_series(const std::string& path, const SeriesReadOptions& options = {});
// The same for bytes; name is used in errors and as the series' name.
SeriesFile read_series(std::unique_ptr<ByteSource> source, const std::string& name, const SeriesReadOptions& options = {});

}  // namespace leakline::memory
