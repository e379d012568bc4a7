// Rules about memory that was measured in a soak: at two speeds, in place of the bare run.
#include <algorithm>

#include "analysis/verdict/rules.hpp"

namespace leakline::analysis {

namespace {

bool a_line_leaks(const Evidence& evidence) { return !evidence.leaking.empty(); }

}  // namespace

std::optional<Conclusion> soak_cannot_tell(const Evidence& evidence, const Policy&) {
    const auto& soak = evidence.diagnosis.soak;
    if (!soak || soak->growth != Soak::Growth::unclear || soak->reason.empty() || a_line_leaks(evidence) || evidence.diagnosis.max_growth)
        return std::nullopt;
    return Conclusion{Verdict::inconclusive, {soak->reason}, {}};
}

std::optional<Conclusion> soak_grows_with_time(const Evidence& evidence, const Policy&) {
    const auto& soak = evidence.diagnosis.soak;
    // The recorder's run is short, so that what comes with time need not show there: that does not put it outside of the heap.
    if (!soak || soak->growth != Soak::Growth::with_time || !evidence.memory_grows() || a_line_leaks(evidence) ||
        evidence.diagnosis.max_growth)
        return std::nullopt;
    return Conclusion{Verdict::leak, {soak->reason}, {}};
}

void explain_soak(const Diagnosis& diagnosis, Conclusion& memory) {
    if (!diagnosis.soak || diagnosis.soak->reason.empty()) return;
    const std::string& reason = diagnosis.soak->reason;
    if (std::find(memory.reasons.begin(), memory.reasons.end(), reason) != memory.reasons.end()) return;
    // Of what comes with time, a line's bytes per request are not what to read first.
    const bool first = diagnosis.soak->growth == Soak::Growth::with_time && !diagnosis.max_growth;
    memory.reasons.insert(memory.reasons.begin() + (first ? 0 : 1), reason);
}

void project_soak(Diagnosis& diagnosis) {
    const Soak& soak = *diagnosis.soak;
    if (soak.growth == Soak::Growth::with_time || soak.growth == Soak::Growth::unclear) {
        diagnosis.projected_bytes_per_hour.reset();
        diagnosis.trend.time_to_limit_h.reset();
    }
    if (soak.growth == Soak::Growth::with_requests) diagnosis.trend.time_to_limit_h = soak.time_to_limit_h;
}

}  // namespace leakline::analysis
