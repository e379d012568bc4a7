// A budget of growth makes the verdict on memory a gate.
#include <fmt/format.h>

#include "analysis/growth_gate.hpp"
#include "analysis/verdict/rules.hpp"
#include "base/quantities.hpp"

namespace leakline::analysis {

namespace {

// Growth of the leaking lines in the unit of the budget; nullopt if it is not known.
std::optional<double> growth_of(const Facts& facts, Growth::Per per) {
    double sum = 0;
    for (const LineGrowth* line : facts.leaking) {
        if (!line->bytes_per_request) return std::nullopt;
        sum += line->bytes_per_request->low;
    }
    if (per == Growth::Per::request) return sum;
    const auto& rate = facts.evidence.requests_per_second;
    if (!rate) return std::nullopt;
    return sum * *rate * 3600;
}

}  // namespace

Gate check_budget(const Facts& facts) {
    const Growth& budget = *facts.evidence.max_growth;
    Gate gate = check_growth(at_own_rate(facts.evidence), budget);
    // Live bytes are counted, not estimated: lines that grow by more than the budget fail it whatever memory shows.
    const auto by_lines = growth_of(facts, budget.per);
    if (gate.outcome != GateOutcome::failed && !facts.leaking.empty() && by_lines && *by_lines > budget.bytes) {
        const char* per = budget.per == Growth::Per::request ? "request" : "h";
        gate.outcome = GateOutcome::failed;
        gate.message = fmt::format("the leaking lines alone grow by {}/{}, above the budget of {}/{}", format_bytes(*by_lines), per,
                                   format_bytes(budget.bytes), per);
    }
    return gate;
}

}  // namespace leakline::analysis
