// The one line that a report names first. Pure, safe from any thread.
#pragma once

#include <optional>
#include <span>

#include "analysis/lines/internal/history.hpp"
#include "analysis/lines/internal/judge.hpp"
#include "model/heap.hpp"
#include "model/lines.hpp"

namespace leakline::analysis {

// lines: all disjoint lines with their sites, largest growth first, judged. What counts is the growth of those that leak, or
// where none does of all that grow.
//
// The answer is the innermost line of user code through which at least 80 % of it passes. Two leaks have only the line in common
// that dispatches requests, which is no answer (see shared_caller.hpp): where several lines below it keep what they make in containers,
// each is a leak, and the one with the largest growth is named; where one does, that is the line, with the sum of the record's
// parts. Where no container shows it, the largest line is named instead where what passes through the common line is mostly freed
// again, and where the largest has half of the growth by itself and the others do not keep blocks in whole proportions to it.
struct JudgedLine {
    const LineGrowth* line;
    std::uint32_t site;
};
std::optional<HeadlineLine> find_headline(const HeapProfile& profile, const Window& window, const TraceAttribution& attribution,
                                          const Histories& histories, const Judge& judge, std::span<const JudgedLine> lines);

}  // namespace leakline::analysis
