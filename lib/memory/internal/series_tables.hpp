// Tables with columns separated by spaces, as ps, top, kubectl, free and others print them repeatedly: finds the column of memory
// and that of its process. Pure functions, safe from any thread.
#pragma once

#include <cstddef>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

namespace leakline::memory {

struct TableColumns {
    std::size_t memory = 0;
    double bytes_per_unit = 1024;  // of a value without a unit; 0: that of free, which depends on the size
    std::optional<std::size_t> pid, elapsed;
    std::optional<std::size_t> command;  // the last column: takes the rest of the row
    std::vector<std::size_t> labels;     // namespace, pod, container
    std::size_t from_end = 0;            // above 0: memory is this many words before the row's end, for a command
                                         // with spaces before it
    std::string_view row_starts;         // only rows with this beginning ("Mem:")
    bool other_lines = false;            // other lines belong to the format (top's summary)
};

struct TableLayout {
    std::string_view format;  // "ps", "top", ...
    // The columns by a header's words; nothing if it is another table.
    std::optional<TableColumns> (*of_header)(const std::vector<std::string_view>& words);
    // The same by a row, for tables without their header (ps aux | grep); may be null.
    std::optional<TableColumns> (*of_row)(const std::vector<std::string_view>& words);
};

std::span<const TableLayout> table_layouts();

}  // namespace leakline::memory
