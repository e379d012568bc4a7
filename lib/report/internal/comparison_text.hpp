// A comparison as text. Pure.
#pragma once

#include <string>

#include "report/report.hpp"

namespace leakline::report {

// The whole comparison for a terminal.
std::string comparison_text(const Comparison& comparison, const RenderOptions& options);

// The cells of its table, shared with other formats; plain text, not escaped.
std::string rate_text(const Interval& rate, bool there);  // "1 KiB"; "1 KiB ?" without bounds; "-" if the line does not exist
std::string bounds_text(const Interval& difference);      // "-1 KiB .. -0.9 KiB", "not known"
std::string place_of(const LineDifference& line);         // "app.cpp:31, was :28 append"

}  // namespace leakline::report
