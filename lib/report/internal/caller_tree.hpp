// The callers of a line as a tree, drawn with lines. Pure.
//
//     +288 KiB  handle(int) app.cpp:12
//     +288 KiB  └─ main main.cpp:30
//    +4.69 KiB  import(int) app.cpp:44
// In ASCII: |- and `-
#pragma once

#include <string>
#include <vector>

#include "model/lines.hpp"
#include "report/report.hpp"

namespace leakline::report {

// One row per caller, largest growth first, cut at width columns; a chain of single callers does not indent
// further. At most kCallerRows rows: a last row counts the omitted ones.
inline constexpr std::size_t kCallerRows = 40;
std::vector<std::string> caller_tree(const LineGrowth& line, std::size_t width, Characters characters);

}  // namespace leakline::report
