// Compares two line reports: did the fix work, did this change regress. Plain data, made by
// analysis/compare.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "model/gate.hpp"
#include "model/lines.hpp"

namespace leakline {

enum class LineChange {
    appeared,  // grows, and did not exist before
    grown,     // grows faster than before
    same,      // no difference beyond noise
    shrunk,    // grows slower than before, or not at all
    gone,      // grew before, and no longer exists
    unclear,   // too few marks in one of the two to decide
};
std::string_view line_change_name(LineChange change);  // "new", "grown", ...

struct LineDifference {
    std::optional<CodeLine> before, after;  // nothing: no such line
    std::string source;                     // text of the line, from `after` if it exists there
    LineChange change = LineChange::same;
    // Bytes per Comparison::per; an unknown bound is infinite. A missing line has 0.
    Interval rate_before, rate_after;
    Interval difference;  // after - before
    std::int64_t growth_before_bytes = 0,
                 growth_after_bytes = 0;  // within the windows, whose lengths may differ
    GrowthClass class_before = GrowthClass::flat, class_after = GrowthClass::flat;
    bool leaking_before = false, leaking_after = false;
    std::vector<CallerNode> callers_before, callers_after;  // for pages; not in JSON
    std::optional<double> p_value;                          // of the difference, adjusted for the number of lines
    bool over_budget = false;                               // leaks more than before by more than the budget allows
};

struct Comparison {
    std::string before, after;  // names of the two reports
    Growth::Per per = Growth::Per::hour;
    double budget = 0;                         // bytes per `per` that a line may grow faster than before
    std::vector<LineDifference> lines;         // lines that grow in one of the two; worst first
    double total_before = 0, total_after = 0;  // growth of all live bytes, per `per`
    GateOutcome outcome = GateOutcome::passed;
    std::vector<std::string> reasons;  // never empty
    std::vector<std::string> warnings;
};

}  // namespace leakline
