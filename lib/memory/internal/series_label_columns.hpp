// Which columns of a CSV say when a row was taken and which series it belongs to, by their names and first cells.
//
// Thread-safety: functions without state.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "memory/internal/series_columns.hpp"

namespace leakline::memory {

// The column of time, and of the time of day beside one of dates.
void put_time(Columns& columns, const std::vector<std::string>& names, const CellSample& sample);

// Columns that are called name, container, pod, pid, ...; not one that is different in each row.
void put_known_labels(Columns& columns, const std::vector<std::string>& names, const CellSample& sample);

// A column of texts that takes series apart where nothing is called so: times repeat without it and not with it, or its
// texts take turns and memory lies much closer together within each.
void put_unknown_label(Columns& columns, const std::vector<std::string_view>& header, const CellSample& sample);

}  // namespace leakline::memory
