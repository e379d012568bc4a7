// Finds the columns of a CSV that give the time of a row and its series, by their names and first cells.
//
// Thread-safety: functions without state.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "memory/internal/series_columns.hpp"

namespace leakline::memory {

// The column of times, and that of the time of day beside a column of dates.
void put_time(Columns& columns, const std::vector<std::string>& names, const CellSample& sample);

// Columns that are called name, container, pod, pid, ...; not one that is different in each row.
void put_known_labels(Columns& columns, const std::vector<std::string>& names, const CellSample& sample);

// A column of texts that distinguishes series although its name does not say so: times repeat without it and not with it, or its
// texts alternate and memory varies much less within each.
void put_unknown_label(Columns& columns, const std::vector<std::string_view>& header, const CellSample& sample);

}  // namespace leakline::memory
