// Counts over time (threads, descriptors, mappings, processes) from the samples that `leakline sample` writes.
//
// Thread-safety: functions without state.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "model/resources.hpp"
#include "model/series.hpp"

namespace leakline::memory {

struct CountSeries {
    Resource resource = Resource::descriptors;
    Series series;  // value: a count
};

// The columns threads, fds, mappings and processes of a CSV file with a header and a column unix_ms or t_s; a cumulative column
// requests, where there is one, belongs to each. Rows that cannot be read and times that do not rise are left out. Empty where
// the text has no such column; series of several processes in one text (a column pid) are left out too.
std::vector<CountSeries> count_series(std::string_view text);
// The same of a file; empty where it cannot be read, is standard input or larger than 1 GiB: what reads memory from it says so.
std::vector<CountSeries> read_count_series(const std::string& path);

}  // namespace leakline::memory
