// The known leaks of a project: a committed file that a CI run is held against, so that old debts do not fail
// a build and new or larger ones do. Pure; today is an argument.
//
//   {"schema": 1, "lines": [{"function", "source", "file", "bytes_per_request", "history": [...]}],
//    "suppressions": [{"function", "source", "reason", "max": "64B/request", "expires": "2025-12-31"}]}
//
// A line is known by its function and its text, not by its number or file: code that moved is the same code.
// Suppressions are written by people; "source" and "expires" may be left out, "reason" and "max" may not.
#pragma once

#include <compare>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "model/diagnosis.hpp"

namespace leakline::report {

struct Baseline {
    struct Line {
        std::string function, source, file;
        double bytes_per_request = 0;  // accepted
        std::vector<double> history;   // what was measured each time that the baseline was written, oldest first
    };
    struct Suppression {
        std::string function, source, reason;
        Growth max;
        std::string expires;  // ISO date, the last day that it holds; empty: for ever
    };
    std::vector<Line> lines;
    std::vector<Suppression> suppressions;
};

// How a leaking line is known from one run to the next. Lines of one function with equal texts ("push(a);" twice) are told
// apart by their growth, the largest first: they may move and change places, and none hides behind another.
struct LineName {
    std::string function, source;
    std::size_t twin = 0;
    auto operator<=>(const LineName&) const = default;
};
// The leaking lines of diagnosis, which they point into, in its order.
std::vector<std::pair<LineName, const LineGrowth*>> leaking_lines_by_name(const Diagnosis& diagnosis);

// Throws Error{input} with the place: not JSON, wrong types, a suppression without a reason or a maximum, a
// bad date.
Baseline read_baseline(std::string_view text, const std::string& name);
std::string write_baseline(const Baseline& baseline);

struct BaselineCheck {
    Gate gate;                          // failed: a new leaking line, a larger one, or a slow growth; the message says which
    std::vector<std::string> warnings;  // suppressions that are unused or expired, lines that leak no more
};
// name is the baseline's, for the gate's; today an ISO date. A line fails where even the lower bound of its
// growth is
//  - above what was accepted by more than kTolerance, or
//  - above the least that was ever measured by more than kSlowBoil: small steps that each pass add up to
//  this.
// A run that is invalid or inconclusive makes the gate inconclusive.
constexpr double kTolerance = 0.10, kSlowBoil = 0.25;
BaselineCheck check_baseline(const Diagnosis& diagnosis, const Baseline& baseline, const std::string& name, std::string_view today);

// The baseline that accepts what diagnosis shows: its leaking lines, with old's history (at most 50 values a
// line) and suppressions. Lines that leak no more are dropped.
Baseline next_baseline(const Diagnosis& diagnosis, const Baseline& old);

}  // namespace leakline::report
