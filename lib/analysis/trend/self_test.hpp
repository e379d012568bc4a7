// Measures the verdict on simulated traces, so that a user need not believe us. Pure functions.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "analysis/trend/traces.hpp"
#include "model/series.hpp"

namespace leakline::analysis {

struct VerdictCounts {
    std::uint64_t growing = 0, stable = 0, inconclusive = 0;  // stable: with shrinking
    std::uint64_t total() const { return growing + stable + inconclusive; }
};

// A part of a number of traces, with the 95 % interval that so many traces leave (Wilson 1927).
struct Proportion {
    std::uint64_t hits = 0, total = 0;
    double value() const;       // NaN of none
    Interval interval() const;  // 0 to 1 of none
};

struct FamilyScore {
    std::string name, summary;
    bool leaks = false;
    VerdictCounts plain, hard;  // hard: see Trace
};

// One point of the operating curve: a line in correlated noise that grows by so many of its standard deviations.
struct OperatingPoint {
    double growth_in_deviations = 0;
    double growth_of_detectable = 0;  // growth over the median smallest detectable growth
    VerdictCounts counts;
};

struct SelfTest {
    std::vector<FamilyScore> families;
    std::vector<OperatingPoint> curve;
    Proportion precision;          // of all traces called growing, those that leak
    Proportion recall;             // of plain leaks, those called growing
    Proportion false_alarms;       // of plain traces without a leak, those called growing
    Proportion missed;             // of plain leaks, those called stable
    Proportion inconclusive;       // of all plain traces
    Proportion interval_coverage;  // of leaks called growing, those whose slope lies within its interval
    double request_error = 0;      // median relative error of bytes per request
};

// What the verdict is held to: recall and precision of at least .99, at most .003 false alarms, intervals that hold the
// truth in at least .93 of all cases. Each goal is passed or failed where its whole interval says so, else undecided:
// with few traces even a perfect verdict is. The whole is failed where one is, undecided where one is, else passed.
enum class Goal { passed, failed, undecided };
Goal judge_self_test(const SelfTest& result);

// Asked before each trace, with what is measured and the part of all traces that is done: false ends the measurement
// early, with what there is.
using KeepOn = std::function<bool(std::string_view what, double done)>;

// per_family traces of each family and of each point of the curve.
SelfTest run_self_test(
    std::uint64_t seed, int per_family, const KeepOn& keep_on = [](std::string_view, double) { return true; });

// As plain text, with a table of the families, the goals, and the operating curve.
std::string self_test_text(const SelfTest& result);

}  // namespace leakline::analysis
