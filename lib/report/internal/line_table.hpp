// The table of one function in the layout of memory_profiler 0.61, byte for byte. Pure, safe from any thread.
//
//   Filename: track_user_behavior.cpp
//
//   Line #    Mem usage    Increment  Occurrences   Line Contents
//   =============================================================
//        9  33.5117 MiB  33.5117 MiB           1   void f() {
//       10                                             // a line without cells
#pragma once

#include <string>

#include "model/lines.hpp"
#include "report/report.hpp"

namespace leakline::report {

// options.unit, precision (decimals) and strict count. Strict: exactly what memory_profiler prints for these
// numbers (with unit mib), source text unchanged. Otherwise control characters of the source (except tabs)
// become "\xNN", so that they do not reach the terminal, and a footer explains each column.
std::string line_table(const LineTable& table, const RenderOptions& options);
// Its header and rows alone.
std::string line_table_rows(const LineTable& table, const RenderOptions& options);

// The footer, one line per column, without line ends.
std::vector<std::string> line_table_footer(LineTable::Origin origin);

// One cell of the memory columns: "33.5117 MiB" at precision 4, padded on the left to precision + 4 digits.
std::string memory_cell(double bytes, RenderOptions::Unit unit, int precision);

// text with control characters except tabs as "\xNN": safe to show, columns kept.
std::string terminal_safe(std::string_view text);
enum class Color { red, green, yellow, bold, dim };
// text in that color of a terminal, or as it is without options.color.
std::string paint(std::string_view text, Color color, const RenderOptions& options);

}  // namespace leakline::report
