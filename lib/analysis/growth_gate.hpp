// A budget of growth as a gate: does this verdict prove that memory grows by less? Pure.
#pragma once

#include <string>

#include "base/quantities.hpp"
#include "model/series.hpp"

namespace leakline::analysis {

enum class Gate {
    passed,     // growth is below the budget, and the run could have seen growth at the budget
    failed,     // growth is above the budget
    undecided,  // the run cannot tell growth at the budget from none, or the interval holds the budget
};

struct GateResult {
    Gate gate = Gate::undecided;
    std::string reason;  // one sentence, with both figures
};

// Undecided too where the budget is per request and the verdict knows no requests.
GateResult check_growth(const TrendVerdict& verdict, const Growth& budget);

}  // namespace leakline::analysis
