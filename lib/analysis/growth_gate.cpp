#include "analysis/growth_gate.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/did_you_mean.hpp"
#include "base/quantities.hpp"
#include "model/words.hpp"

namespace leakline::analysis {

namespace {

struct Measured {
    Interval growth;
    std::optional<double> detectable;
};

std::optional<Measured> measured_in(const TrendVerdict& verdict, Growth::Per per) {
    if (per == Growth::Per::hour) return Measured{verdict.slope_bytes_per_hour, verdict.detectable_bytes_per_hour};
    if (!verdict.bytes_per_request) return std::nullopt;
    return Measured{*verdict.bytes_per_request, verdict.detectable_bytes_per_request};
}

std::pair<GateOutcome, std::string> check(const TrendVerdict& verdict, const Growth& budget) {
    using enum GateOutcome;
    const char* unit = budget.per == Growth::Per::hour ? "/h" : "/request";
    const auto measured = measured_in(verdict, budget.per);
    // If rounding would give "1.11 KiB is above 1.11 KiB", all figures are in bytes.
    const std::string rounded = format_bytes(budget.bytes);
    const bool exact = measured && (format_bytes(measured->growth.low) == rounded || format_bytes(measured->growth.high) == rounded);
    const auto words = [&](double bytes) { return (exact ? fmt::format("{:.6g} B", bytes) : format_bytes(bytes)) + unit; };
    const std::string allowed = words(budget.bytes);
    if (!measured) return {inconclusive, "the budget is per request, but the series has no request counts"};

    if (verdict.verdict == Trend::growing) {
        const std::string low = words(measured->growth.low), high = words(measured->growth.high);
        const std::string seen = low == high ? low : fmt::format("{} to {}", low, high);
        if (measured->growth.low > budget.bytes) return {failed, fmt::format("growth of {} is above the budget of {}", seen, allowed)};
        if (measured->growth.high <= budget.bytes) return {passed, fmt::format("growth of {} is within the budget of {}", seen, allowed)};
        return {inconclusive, fmt::format("the confidence interval of growth ({}) contains the budget of {}; run longer", seen, allowed)};
    }
    if (verdict.verdict == Trend::inconclusive) return {inconclusive, verdict.reasons.front()};
    if (!measured->detectable) return {inconclusive, "the detection limit is unknown"};
    if (*measured->detectable < budget.bytes) {
        return {passed, fmt::format("no growth above {}, which is below the budget of {}", words(*measured->detectable), allowed)};
    }
    return {inconclusive,
            fmt::format("the detection limit of this run, {}, is above the budget of {}; run {:.0f}x longer", words(*measured->detectable),
                        allowed, std::max(2., std::ceil(*measured->detectable / std::max(budget.bytes, 1e-9))))};
}

// Growth of one kind of request; nothing if the run does not give it.
std::optional<Interval> growth_of_kind(const Diagnosis& diagnosis, const std::string& endpoint) {
    for (const EndpointGrowth& kind : diagnosis.endpoints)
        if (kind.endpoint == endpoint) return kind.bytes_per_request;
    const auto& sent = diagnosis.replay.paths;
    if (!diagnosis.endpoints.empty() || sent.size() != 1 || sent.begin()->first != endpoint) return std::nullopt;
    if (const auto all = stated_per_request(diagnosis)) return all;
    if (diagnosis.verdict == Verdict::no_leak && diagnosis.trend.detectable_bytes_per_request)
        return Interval{0, 0, *diagnosis.trend.detectable_bytes_per_request};
    return std::nullopt;
}

std::pair<GateOutcome, std::string> check_kind(const Diagnosis& diagnosis, const EndpointBudget& budget) {
    using enum GateOutcome;
    const std::string allowed = format_bytes(budget.bytes_per_request) + "/request";
    if (diagnosis.verdict == Verdict::invalid) return {inconclusive, diagnosis.reasons.front()};
    if (diagnosis.replay.paths.count(budget.endpoint) == 0) {
        std::vector<std::string> sent;
        for (const auto& [path, stats] : diagnosis.replay.paths) sent.push_back(path);
        return {inconclusive, "the traffic has no such requests" + did_you_mean_text(budget.endpoint, sent)};
    }
    const auto growth = growth_of_kind(diagnosis, budget.endpoint);
    if (!growth || !std::isfinite(growth->low) || !std::isfinite(growth->high))
        return {inconclusive, "the run does not give the growth of this kind of request; use more --rounds"};
    const std::string seen = fmt::format("{} to {}/request", format_bytes(growth->low), format_bytes(growth->high));
    if (growth->low > budget.bytes_per_request) return {failed, fmt::format("growth of {} is above the budget of {}", seen, allowed)};
    if (growth->high <= budget.bytes_per_request) return {passed, fmt::format("growth of {} is within the budget of {}", seen, allowed)};
    return {inconclusive, fmt::format("the confidence interval of growth ({}) contains the budget of {}; run longer", seen, allowed)};
}

// Whether all that leaks is requests of kinds that have a budget.
bool only_budgeted_kinds_leak(const Diagnosis& diagnosis, std::span<const EndpointBudget> budgets) {
    const auto budgeted = [&](const EndpointGrowth& kind) {
        return !kind.leaks || std::any_of(budgets.begin(), budgets.end(), [&](const auto& one) { return one.endpoint == kind.endpoint; });
    };
    const Follows follows = diagnosis.growth.split.follows;
    return follows != Follows::time && follows != Follows::both && !(diagnosis.connections && diagnosis.connections->leaks) &&
           std::all_of(diagnosis.endpoints.begin(), diagnosis.endpoints.end(), budgeted) &&
           std::none_of(diagnosis.resources.counts.begin(), diagnosis.resources.counts.end(),
                        [](const ResourceGrowth& growth) { return growth.verdict == Trend::growing; });
}

}  // namespace

Gate check_growth(const TrendVerdict& verdict, const Growth& budget) {
    auto [outcome, message] = check(verdict, budget);
    return {budget_gate_name(budget), outcome, std::move(message)};
}

void hold_against_budgets(Diagnosis& diagnosis, std::span<const EndpointBudget> budgets) {
    GateOutcome worst = GateOutcome::passed;
    std::string reason;
    for (const EndpointBudget& budget : budgets) {
        auto [outcome, message] = check_kind(diagnosis, budget);
        if (outcome != GateOutcome::passed && worst != GateOutcome::failed) {
            if (worst != outcome) reason = budget.endpoint + ": " + message;
            worst = outcome;
        }
        diagnosis.gates.push_back({fmt::format("growth of {} at most {}/request", budget.endpoint, format_bytes(budget.bytes_per_request)),
                                   outcome, std::move(message)});
    }
    Verdict verdict = diagnosis.verdict;
    if (worst == GateOutcome::failed) verdict = Verdict::leak;
    if (worst == GateOutcome::inconclusive && verdict == Verdict::no_leak) verdict = Verdict::inconclusive;
    if (verdict != diagnosis.verdict) diagnosis.reasons.insert(diagnosis.reasons.begin(), reason);
    diagnosis.verdict = verdict;
    if (worst == GateOutcome::passed && verdict == Verdict::leak) diagnosis.accepted = only_budgeted_kinds_leak(diagnosis, budgets);
}

}  // namespace leakline::analysis
