// A budget of growth makes the verdict on memory a gate.
#include <fmt/format.h>

#include "analysis/growth_gate.hpp"
#include "analysis/verdict/rules.hpp"
#include "base/quantities.hpp"

namespace leakline::analysis {

namespace {

// Growth of the leaking lines in the unit of the budget; nothing where it cannot be told.
std::optional<double> growth_of(const Evidence& evidence, Growth::Per per) {
    double sum = 0;
    for (const LineGrowth* line : evidence.leaking) {
        if (!line->bytes_per_request) return std::nullopt;
        sum += line->bytes_per_request->low;
    }
    if (per == Growth::Per::request) return sum;
    const auto& rate = evidence.diagnosis.requests_per_second;
    if (!rate) return std::nullopt;
    return sum * *rate * 3600;
}

}  // namespace

void judge_budget(Diagnosis& diagnosis, const Evidence& evidence, Conclusion& memory) {
    const Growth& budget = *diagnosis.max_growth;
    GateResult result = check_growth(at_own_rate(diagnosis), budget);
    // Live bytes are counted, not estimated: lines that grow by more than the budget fail it whatever memory shows.
    const auto by_lines = growth_of(evidence, budget.per);
    if (result.gate != Gate::failed && !evidence.leaking.empty() && by_lines && *by_lines > budget.bytes) {
        const char* per = budget.per == Growth::Per::request ? "request" : "h";
        result.gate = Gate::failed;
        result.reason = fmt::format("the leaking lines alone grow by {}/{}, above the budget of {}/{}", format_bytes(*by_lines), per,
                                    format_bytes(budget.bytes), per);
    }
    using Outcome = leakline::Gate::Outcome;
    const bool passed = result.gate == Gate::passed, failed = result.gate == Gate::failed;
    memory.verdict = passed ? Verdict::no_leak : failed ? Verdict::leak : Verdict::inconclusive;
    diagnosis.gates.push_back(
        {fmt::format("growth at most {}{}", format_bytes(budget.bytes), budget.per == Growth::Per::request ? "/request" : "/h"),
         passed   ? Outcome::passed
         : failed ? Outcome::failed
                  : Outcome::inconclusive,
         result.reason});
    memory.reasons.insert(memory.reasons.begin(), std::move(result.reason));
}

}  // namespace leakline::analysis
