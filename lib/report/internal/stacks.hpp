// A line report as stacks with amounts: what the formats for flame graphs and profile viewers have in common.
// Pure, safe from any thread.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "model/lines.hpp"
#include "report/report.hpp"

namespace leakline::report {

// Amounts are those of this stack alone: the sum over all stacks is the sum over all lines, and their bytes
// with those of unattributed stacks are the live-byte delta of the books, exactly.
struct LineStack {
    std::vector<CodeLine> frames;        // innermost first; never empty
    std::int64_t bytes = 0, blocks = 0;  // growth of what is live; may be negative
    std::uint64_t allocations = 0, allocated_bytes = 0;
};

// In the order of the report. A branch that the report does not follow to its root ends where the report
// ends.
std::vector<LineStack> stacks_of(const LineReport& report);

// The lines of a Diagnosis or LineReport; Error{usage} for other documents, naming format.
const LineReport& lines_of(const Document& document, std::string_view format);

// "function (file.cpp:12)"; parts that are not known are left out, and "[unknown]" stands for a frame without any.
std::string frame_text(const CodeLine& frame);

}  // namespace leakline::report
