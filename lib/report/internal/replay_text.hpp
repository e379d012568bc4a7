// The results of a replay for a terminal. Pure.
#pragma once

#include "report/internal/terminal_text.hpp"

namespace leakline::report {

void add_replay(TerminalText& text, const ReplayStats& stats);

}  // namespace leakline::report
