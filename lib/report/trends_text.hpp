// Series and their verdicts in words. Pure.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "report/report.hpp"

namespace leakline::report {

// What needs a person first: what grows, by the time until its limit, then by slope; then what is undecided, stable,
// shrinking, by slope. A strict weak order.
bool more_urgent(const TrendReport::Item& a, const TrendReport::Item& b);
// In that order; equals keep theirs.
std::vector<const TrendReport::Item*> by_urgency(const TrendReport& report);

// A table's cell for the time to the limit: "3.04 days", "reached", or "-" where there is no limit.
std::string limit_in_text(const TrendVerdict& trend);

// "1 of 3 series grows" and "1 growing, 0 inconclusive, 2 stable, 0 shrinking".
struct TrendCounts {
    std::size_t growing = 0, inconclusive = 0, stable = 0, shrinking = 0;
    std::string headline, each;
};
TrendCounts count_trends(const TrendReport& report);

// The whole report for a terminal: everything about each of a few series; of many, a table of all and everything about
// those that need a person.
std::string trends_text(const TrendReport& report, const RenderOptions& options);

}  // namespace leakline::report
