// Tables of words between blanks, as ps, top, kubectl, free and others print them again and again: which column is memory,
// and whose. Pure functions, safe from any thread.
#pragma once

#include <cstddef>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

namespace leakline::memory {

struct TableColumns {
    std::size_t memory = 0;
    double bytes_per_unit = 1024;  // of a value without a unit of its own; 0: free's, which its size tells
    std::optional<std::size_t> pid, elapsed;
    std::optional<std::size_t> command;  // the last column: it takes the rest of the row
    std::vector<std::size_t> labels;     // namespace, pod, container
    std::size_t from_end = 0;            // above 0: memory stands so many words before the row's end, for a command
                                         // with blanks stands before it
    std::string_view row_starts;         // only rows that begin so ("Mem:")
    bool other_lines = false;            // lines that are no rows belong to the format (top's summary)
};

struct TableLayout {
    std::string_view format;  // "ps", "top", ...
    // The columns, of a header's words; nothing where it is another table.
    std::optional<TableColumns> (*of_header)(const std::vector<std::string_view>& words);
    // The same of a row, for tables whose header was cut off (ps aux | grep); may be null.
    std::optional<TableColumns> (*of_row)(const std::vector<std::string_view>& words);
};

std::span<const TableLayout> table_layouts();

}  // namespace leakline::memory
