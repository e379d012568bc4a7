// Measures the verdict on simulated traces, so that a user need not believe us. Pure functions.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "analysis/trend_traces.hpp"

namespace leakline::analysis {

struct VerdictCounts {
    std::uint64_t growing = 0, stable = 0, inconclusive = 0;  // stable: with shrinking
    std::uint64_t total() const { return growing + stable + inconclusive; }
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
    double precision = 0;           // of all traces called growing, those that leak
    double recall = 0;              // of plain leaks, those called growing
    double false_alarms = 0;        // of plain traces without a leak, those called growing
    double missed = 0;              // of plain leaks, those called stable
    double inconclusive = 0;        // of all plain traces
    double interval_coverage = 0;   // of leaks called growing, those whose slope lies within its interval
    double request_error = 0;       // median relative error of bytes per request
};

// per_family traces of each family and of each point of the curve. keep_on is asked between traces: false ends the
// measurement early, with what there is.
SelfTest run_self_test(std::uint64_t seed, int per_family, const std::function<bool()>& keep_on = [] { return true; });

// As plain text, with a table of the families and one of the operating curve.
std::string self_test_text(const SelfTest& result);

}  // namespace leakline::analysis
