// Line growth for a terminal: the ranking, memory_profiler's tables, the callers and the accounting. Pure.
#pragma once

#include "report/internal/terminal_text.hpp"

namespace leakline::report {

// The place and the source text of the line to examine first.
void add_top_line(TerminalText& text, const LineGrowth& line);
// The first `most` of them.
void add_ranking(TerminalText& text, const std::vector<LineGrowth>& lines, std::size_t most);
// memory_profiler's table of each function; that of first, where it is not null, before the others.
void add_tables(TerminalText& text, const LineReport& lines, const LineTable* first);
// The path from a line to main through which most of its growth comes.
void add_callers(TerminalText& text, const LineGrowth& line);
void add_accounting(TerminalText& text, const LineReport& report);

// A line report: all of it with options.full, else what fits on a screen; only the tables with options.strict.
std::string lines_text(const LineReport& report, const RenderOptions& options);

}  // namespace leakline::report
