// Compares a run with the known leaks of a project. Pure; today is an argument.
#pragma once

#include <compare>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "model/baseline.hpp"
#include "model/diagnosis.hpp"

namespace leakline::analysis {

// How a leaking line is identified from one run to the next. Lines of one function with equal texts ("push(a);" twice) are
// ranked by their growth, the largest first: they may move and change places, and each is checked.
struct LineName {
    std::string function, source;
    std::size_t rank = 0;
    auto operator<=>(const LineName&) const = default;
};
// The leaking lines of diagnosis, which they point into, in its order.
std::vector<std::pair<LineName, const LineGrowth*>> leaking_lines_by_name(const Diagnosis& diagnosis);

struct BaselineCheck {
    Gate gate;                          // failed: a new leaking line, a larger one, or a slow growth; the message says which
    std::vector<std::string> warnings;  // suppressions that are unused or expired, lines that leak no more
};
// name is the baseline's, for the gate's; today an ISO date. A line fails where even the lower bound of its
// growth is
//  - above what was accepted by more than kTolerance, or
//  - above the least that was ever measured by more than kSlowGrowth: small steps that each pass add up to
//  this.
// A run that is invalid or inconclusive makes the gate inconclusive.
constexpr double kTolerance = 0.10, kSlowGrowth = 0.25;
BaselineCheck check_baseline(const Diagnosis& diagnosis, const Baseline& baseline, const std::string& name, std::string_view today);

// Adds the gate and the warnings to diagnosis. A leak that the baseline accepts stays a leak, but fails no build.
void apply_baseline(Diagnosis& diagnosis, const Baseline& baseline, const std::string& name, std::string_view today);

// The baseline that accepts what diagnosis shows: its leaking lines, with old's history (at most 50 values a
// line) and suppressions. Lines that leak no more are dropped.
Baseline next_baseline(const Diagnosis& diagnosis, const Baseline& old);

}  // namespace leakline::analysis
