// Objects by type, for people. Pure.
#pragma once

#include <string>
#include <vector>

#include "model/holders.hpp"
#include "report/internal/terminal_text.hpp"

namespace leakline::report {

// "dict +12,001 (+2.77 MiB), str +36,000 (+1.9 MiB), ...": those that come first; empty if there are none.
std::string type_growth_words(const std::vector<ObjectType>& types);
// Tables: growth of objects and bytes, and the objects now. Nothing without types.
void add_type_growth(TerminalText& text, const std::vector<ObjectType>& types);
// The same with all bytes, or after a time with growth, as columns of the list of holders.
std::vector<std::string> type_rows(const HolderReport& report, std::size_t most);
std::string html_type_growth(const std::vector<ObjectType>& types);

}  // namespace leakline::report
