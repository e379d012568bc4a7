// Measures the verdict on simulated traces, so that users can check it. Pure functions.
#pragma once

#include <cstdint>
#include <functional>
#include <stop_token>
#include <string_view>
#include <vector>

#include "analysis/trend/internal/traces.hpp"
#include "model/self_test.hpp"

namespace leakline::analysis {

// The order of SelfTest::scores.
//   precision           of all traces called growing, those that leak
//   recall              of plain leaks, those called growing
//   false_alarm_rate    of plain traces without a leak, those called growing
//   interval_coverage   of leaks called growing, those whose slope lies within its interval
//   missed              of plain leaks, those called stable
//   inconclusive        of all plain traces
enum class SelfTestFigure { precision, recall, false_alarm_rate, interval_coverage, missed, inconclusive };

// A figure with its goal, where it has one: recall and precision of at least .99, at most .003 false alarms, intervals that
// hold the truth in at least .93 of all cases.
SelfTest::Score score_of(SelfTestFigure figure, Proportion measured);
// Of all goals: failed where one is, inconclusive where one is, else passed.
GateOutcome outcome_of(const std::vector<SelfTest::Score>& scores);

// Told before each trace what is measured, and the part of all traces that is done.
using OnTrace = std::function<void(std::string_view what, double done)>;

// per_family traces of each family and of each point of the curve. A stop ends it before the next trace, with what there is.
SelfTest run_self_test(std::uint64_t seed, int per_family, const OnTrace& on_trace = {}, const std::stop_token& stop = {});

}  // namespace leakline::analysis
