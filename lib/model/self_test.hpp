// How good the trend's verdict is on simulated traces. Plain data, made by analysis/trend/self_test.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "model/gate.hpp"
#include "model/series.hpp"

namespace leakline {

struct VerdictCounts {
    std::uint64_t growing = 0, stable = 0, inconclusive = 0;  // stable: with shrinking
    std::uint64_t total() const { return growing + stable + inconclusive; }
};

// A share of a number of traces, with its 95 % interval (Wilson 1927).
struct Proportion {
    std::uint64_t hits = 0, total = 0;
    double value() const;       // NaN of none
    Interval interval() const;  // 0 to 1 of none
};

struct FamilyScore {
    std::string name, summary;
    bool leaks = false;
    VerdictCounts plain, hard;  // hard: see analysis/trend/internal/traces.hpp
};

// One point of the power curve: a line in correlated noise that grows by this multiple of its standard deviation.
struct PowerCurvePoint {
    double growth_in_deviations = 0;
    double growth_of_detectable = 0;  // growth over the median smallest detectable growth
    VerdictCounts counts;
};

// A goal for the verdict.
struct Goal {
    double bound = 0;
    bool at_least = true;  // otherwise at most
    // Passed or failed if the whole interval agrees, else inconclusive: with few traces even a perfect verdict is.
    GateOutcome outcome = GateOutcome::inconclusive;
};

struct SelfTest {
    struct Score {
        std::string name, of;  // "recall", "leaks"
        Proportion measured;
        std::optional<Goal> goal;
    };
    std::vector<FamilyScore> families;
    std::vector<PowerCurvePoint> curve;
    std::vector<Score> scores;
    double request_error = 0;                         // median relative error of bytes per request
    GateOutcome outcome = GateOutcome::inconclusive;  // failed if one goal is, else inconclusive if one is, else passed
};

}  // namespace leakline
