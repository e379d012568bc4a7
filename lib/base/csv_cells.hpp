// The cells of a line of CSV.
//
//   row = cell *( separator cell ) ; a cell may stand in double quotes, "" is one in it
//
// Thread-safety: functions without state.
#pragma once

#include <string_view>
#include <vector>

namespace leakline {

// Without blanks and quotes around it. Doubled quotes in it stay doubled.
std::string_view unquoted(std::string_view cell);
// Where the cell that begins at `at` ends: at a separator outside of quotes, or at the end of the line.
const char* cell_end(const char* at, const char* end, char separator);
// The cells of a line, unquoted.
std::vector<std::string_view> cells_of(std::string_view line, char separator);
// Tab, ";" or ",": the first of them that the line holds outside of quotes, for a name with a comma in it,
// "RSS (KiB, no swap)", is likelier than one with a tab or a semicolon.
char separator_of(std::string_view line);

}  // namespace leakline
