// Parts of the forms that fit on a screen: of a diagnosis, and of a recording. Pure.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "model/lines.hpp"
#include "report/internal/terminal_text.hpp"

namespace leakline::report {

inline constexpr std::size_t kScreen = 40;  // lines of a short form, at most

// The accounting in one line.
std::string accounting_text(const Accounting& accounting);
// As many warnings as leave room for a table. Returns how many were left out.
std::size_t add_some_warnings(TerminalText& text, const std::vector<std::string>& warnings);
// As many rows of a function's table as there is room for, around the line; nothing where there is none.
void add_excerpt(TerminalText& text, const LineTable& table, std::uint32_t line);
// The last line: full says what --full prints. hidden: warnings that were left out.
void add_what_more(TerminalText& text, std::string_view full, std::size_t hidden);

}  // namespace leakline::report
