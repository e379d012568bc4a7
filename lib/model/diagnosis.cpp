#include "model/diagnosis.hpp"

namespace leakline {

std::string_view verdict_name(Verdict verdict) {
    switch (verdict) {
        case Verdict::leak: return "leak";
        case Verdict::no_leak: return "no_leak";
        case Verdict::inconclusive: return "inconclusive";
        case Verdict::invalid: return "invalid";
    }
    return "invalid";
}

std::string_view outcome_name(Gate::Outcome outcome) {
    switch (outcome) {
        case Gate::Outcome::passed: return "passed";
        case Gate::Outcome::failed: return "failed";
        case Gate::Outcome::inconclusive: return "inconclusive";
    }
    return "inconclusive";
}

}  // namespace leakline
