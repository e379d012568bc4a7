#include "base/csv_cells.hpp"

#include <algorithm>

#include "base/strings.hpp"

namespace leakline {

std::string_view unquoted(std::string_view cell) {
    cell = trim(cell);
    if (cell.size() >= 2 && cell.front() == '"' && cell.back() == '"') cell = cell.substr(1, cell.size() - 2);
    return cell;
}

const char* cell_end(const char* at, const char* end, char separator) {
    while (at != end && *at == '"') {  // a quote within doubles: "a""b" is two quoted runs
        const char* const quote = std::find(at + 1, end, '"');
        if (quote == end) break;
        at = quote + 1;
    }
    return std::find(at, end, separator);
}

std::vector<std::string_view> cells_of(std::string_view line, char separator) {
    std::vector<std::string_view> cells;
    const char* at = line.data();
    const char* const end = at + line.size();
    for (;;) {
        const char* const stop = cell_end(at, end, separator);
        cells.push_back(unquoted({at, static_cast<std::size_t>(stop - at)}));
        if (stop == end) return cells;
        at = stop + 1;
    }
}

char separator_of(std::string_view header) {
    bool quoted = false, tab = false, semicolon = false;
    for (const char c : header) {
        if (c == '"') quoted = !quoted;
        tab = tab || (c == '\t' && !quoted);
        semicolon = semicolon || (c == ';' && !quoted);
    }
    return tab ? '\t' : semicolon ? ';' : ',';
}

}  // namespace leakline
