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

bool grows_by_connections_alone(const Diagnosis& diagnosis) {
    if (!diagnosis.connections || !diagnosis.connections->leaks) return false;
    constexpr double kAlone = 0.9;  // of the bytes of the leaking lines: others are the odds and ends of the same connections
    double all = 0, of_connections = 0;
    for (const LineGrowth& line : diagnosis.lines.lines) {
        if (!line.leaking) continue;
        all += static_cast<double>(line.growth_bytes);
        if (line.bytes_per_connection) of_connections += static_cast<double>(line.growth_bytes);
    }
    return of_connections >= kAlone * all;
}

}  // namespace leakline
