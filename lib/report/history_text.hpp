// A history for a terminal. Pure.
#pragma once

#include <string>

#include "report/report.hpp"

namespace leakline::report {

std::string history_text(const History& history, const RenderOptions& options);

}  // namespace leakline::report
