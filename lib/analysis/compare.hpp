// Compares two line reports line by line. Pure: the caller has filled in source text.
#pragma once

#include <optional>

#include "model/comparison.hpp"
#include "model/lines.hpp"

namespace leakline::analysis {

struct CompareOptions {
    // How much faster than before a leaking line may grow. Decides the unit of all rates; without it they are
    // per request where both reports know requests, else per hour.
    std::optional<Growth> max_growth;
};

// Lines are the same line where function and text are the same (blanks aside), wherever they stand; where a
// text is not known, where function, file and line number are; what is left over is paired where a function
// has one line left on each side and one of the two texts is not known.
//
// Differences are tested with the intervals of the rates (their half-widths added in quadrature, as for
// independent runs) and corrected for the number of lines with Benjamini-Yekutieli at 0.05; below 5 % of the
// larger rate a difference is none. The outcome is `failed` where a line that leaks after leaks more than
// before by more than the budget; `inconclusive` where that may be so, but one of the reports has too few
// marks to decide. Throws Error{usage} where a budget is per request and requests are not known.
Comparison compare_lines(const LineReport& before, const LineReport& after, const CompareOptions& options = {});

}  // namespace leakline::analysis
