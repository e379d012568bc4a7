// A comparison for a terminal. Pure.
#pragma once

#include <string>

#include "report/report.hpp"

namespace leakline::report {

std::string comparison_text(const Comparison& comparison, const RenderOptions& options);

}  // namespace leakline::report
