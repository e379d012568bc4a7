#include "analysis/growth_gate.hpp"

#include <fmt/format.h>

#include <cmath>
#include <optional>
#include <string>
#include <utility>

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

}  // namespace

Gate check_growth(const TrendVerdict& verdict, const Growth& budget) {
    auto [outcome, message] = check(verdict, budget);
    return {"growth at most " + growth_text(budget), outcome, std::move(message)};
}

}  // namespace leakline::analysis
