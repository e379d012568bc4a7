// A budget of growth as a gate: does this verdict prove that memory grows by less? Pure.
#pragma once

#include <span>
#include <string>

#include "base/quantities.hpp"
#include "model/diagnosis.hpp"
#include "model/gate.hpp"
#include "model/series.hpp"

namespace leakline::analysis {

// passed: growth is below the budget, and the run could have seen growth at the budget; failed: it is above. inconclusive: the run
// cannot distinguish growth at the budget from zero, the interval holds the budget, or the budget is per request and the verdict knows no
// requests. The message is one sentence, with both figures.
Gate check_growth(const TrendVerdict& verdict, const Growth& budget);

// How much each request of a kind may keep.
struct EndpointBudget {
    std::string endpoint;  // "POST /api/track", as reports name it
    double bytes_per_request = 0;
};

// Adds a gate for each budget to diagnosis. failed: even the lower bound of the kind's growth is above its budget; the verdict is then
// a leak. inconclusive: the interval holds the budget, or the run does not give the kind's growth; without a leak, the verdict is
// then inconclusive too. A leak is accepted if all gates pass and nothing grows but requests of kinds that have a budget.
void hold_against_budgets(Diagnosis& diagnosis, std::span<const EndpointBudget> budgets);

}  // namespace leakline::analysis
