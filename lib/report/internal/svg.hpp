// Drawings as SVG elements, for the .svg form and within HTML. Pure.
#pragma once

#include <string>

#include "report/internal/plot.hpp"

namespace leakline::report {

// A whole <svg> element with its own style (light and dark by the reader's preference). title is plain text.
std::string memory_svg(const MemoryPlot& plot, const std::string& title);
// From now bytes at the end of a run to limit bytes, which are reached in hours; rate says under what traffic. Empty if the
// limit is not ahead.
std::string projection_svg(double now, double limit, const Interval& hours, const std::string& rate);
// A small curve without axes, 120 x 28.
std::string sparkline_svg(const Series& series, Trend trend);

}  // namespace leakline::report
