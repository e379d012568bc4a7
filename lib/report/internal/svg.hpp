// Drawings as SVG elements, for the .svg form and within HTML. Pure.
#pragma once

#include <string>

#include "report/internal/plot.hpp"

namespace leakline::report {

// A whole <svg> element with its own style (light and dark by the reader's preference). title is plain text.
std::string memory_svg(const MemoryPlot& plot, const std::string& title);
// A small curve without axes, 120 x 28.
std::string sparkline_svg(const Series& series, Trend trend);

}  // namespace leakline::report
