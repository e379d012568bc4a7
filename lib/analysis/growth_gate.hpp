// A budget of growth as a gate: does this verdict prove that memory grows by less? Pure.
#pragma once

#include "base/quantities.hpp"
#include "model/gate.hpp"
#include "model/series.hpp"

namespace leakline::analysis {

// passed: growth is below the budget, and the run could have seen growth at the budget; failed: it is above. inconclusive: the run
// cannot tell growth at the budget from none, the interval holds the budget, or the budget is per request and the verdict knows no
// requests. The message is one sentence, with both figures.
Gate check_growth(const TrendVerdict& verdict, const Growth& budget);

}  // namespace leakline::analysis
