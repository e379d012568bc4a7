// A history for a terminal. Pure.
#pragma once

#include <string>
#include <string_view>

#include "report/report.hpp"

namespace leakline::report {

// "slow growth", "worse" (a line is new or jumped) or "no worse".
std::string_view history_verdict(const History& history);

// One sentence: the slow growth with its place and both figures, or how many lines changed.
std::string history_headline(const History& history);

std::string history_text(const History& history, const RenderOptions& options);

}  // namespace leakline::report
