// A line report as stacks with amounts, for the formats of flame graphs and profile viewers.
// Pure, safe from any thread.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "model/lines.hpp"
#include "report/report.hpp"

namespace leakline::report {

// Amounts of this stack only: the sum over all stacks is the sum over all lines, and their bytes
// with those of unattributed stacks are exactly the growth of live bytes in the accounting.
struct LineStack {
    std::vector<CodeLine> frames;        // innermost first; never empty
    std::int64_t bytes = 0, blocks = 0;  // growth of live bytes; may be negative
    std::uint64_t allocations = 0, allocated_bytes = 0;
};

// In the order of the report. A branch that the report does not follow to its root ends where the report
// ends.
std::vector<LineStack> stacks_of(const LineReport& report);

// The lines of a Diagnosis or LineReport; Error{usage} for other documents, naming format.
const LineReport& lines_of(const Document& document, std::string_view format);

// "function (file.cpp:12)"; unknown parts are omitted, and a frame without any is "[unknown]".
std::string frame_text(const CodeLine& frame);

}  // namespace leakline::report
