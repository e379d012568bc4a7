#include "diagnose/internal/python_search.hpp"

#include <fmt/format.h>

#include <vector>

#include "analysis/verdict/held_by.hpp"
#include "diagnose/internal/holder_snapshots.hpp"
#include "diagnose/process_copies.hpp"
#include "system/clock.hpp"

namespace leakline::diagnose {

void PythonSearch::after_round(int number) {
    if (number == kFirstSnapshotRound) since_ = system_clock().monotonic();
}

void PythonSearch::begin() {
    if (!context_.options.holders || since_ == Nanoseconds::zero()) return;
    std::vector<int> pids;
    for (const auto& [pid, own] : recorder_.own_memory()) pids.push_back(pid);
    found_.reason = reason_against_copies(pids, context_.options.target.pid > 0 ? kLargestCopied : kLargestStartedCopied);
    asked_ = found_.reason.empty() && recorder_.search_python_holders(since_);
}

void PythonSearch::end() {
    constexpr Nanoseconds kPatience = std::chrono::seconds(2);  // the requests have ended: little happens from now on
    if (!asked_ || context_.stopped()) return;
    found_ = recorder_.python_holders(kPatience);
    context_.detail(fmt::format("what holds memory was looked for in copies, for which processes were stopped {} at most",
                                format_duration(found_.stopped)));
}

std::optional<HeldBy> PythonSearch::held_by(const LineReport& lines) const {
    if (!asked_ || lines.runtime != Runtime::python) return std::nullopt;
    if (const LineGrowth* const line = leaking_line(lines)) return analysis::what_holds(found_, line->at);
    return analysis::what_holds_most(found_, static_cast<double>(lines.accounting.live_delta_bytes));
}

std::vector<ObjectType> PythonSearch::types() const { return analysis::grown_types(found_.types); }

}  // namespace leakline::diagnose
