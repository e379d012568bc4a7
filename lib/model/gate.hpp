// Conditions of a CI system besides the verdict: a growth budget, a baseline, no line that leaks more than before.
#pragma once

#include <string>
#include <string_view>

namespace leakline {

enum class GateOutcome { passed, failed, inconclusive };

constexpr std::string_view outcome_name(GateOutcome outcome) {
    switch (outcome) {
        case GateOutcome::passed: return "passed";
        case GateOutcome::failed: return "failed";
        case GateOutcome::inconclusive: break;
    }
    return "inconclusive";
}

struct Gate {
    std::string name;  // "growth at most 64 B/request"
    GateOutcome outcome = GateOutcome::passed;
    std::string message;  // what was found; may be empty
};

}  // namespace leakline
