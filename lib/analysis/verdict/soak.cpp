// Rules about memory that was measured in a soak: at two speeds, in place of the bare run.
#include <algorithm>

#include "analysis/verdict/rules.hpp"

namespace leakline::analysis {

namespace {

bool a_line_leaks(const Facts& facts) { return !facts.leaking.empty(); }

}  // namespace

std::optional<Conclusion> soak_speeds_disagree(const Facts& facts, const Policy&) {
    const auto& soak = facts.evidence.soak;
    if (!soak || soak->growth != Soak::Growth::unclear || soak->reason.empty() || a_line_leaks(facts) || facts.evidence.max_growth)
        return std::nullopt;
    return Conclusion{Verdict::inconclusive, {soak->reason}, {}};
}

std::optional<Conclusion> soak_grows_with_time(const Facts& facts, const Policy& policy) {
    const auto& soak = facts.evidence.soak;
    // The recorder's run is short, so that what comes with time need not show there: that does not put it outside of the heap.
    if (!soak || soak->growth != Soak::Growth::with_time || !facts.memory_grows() || a_line_leaks(facts) || facts.evidence.max_growth)
        return std::nullopt;
    // Threads that end leave arenas of their allocator behind, with time and not with requests.
    if (auto little = memory_grows_too_little(facts, policy)) return little;
    return Conclusion{Verdict::leak, {soak->reason}, {}};
}

void explain_soak(const Evidence& evidence, Conclusion& memory) {
    if (!evidence.soak || evidence.soak->reason.empty()) return;
    const std::string& reason = evidence.soak->reason;
    if (std::find(memory.reasons.begin(), memory.reasons.end(), reason) != memory.reasons.end()) return;
    // Of what comes with time, a line's bytes per request are not what to read first.
    const bool first = memory.verdict == Verdict::leak && evidence.soak->growth == Soak::Growth::with_time && !evidence.max_growth;
    memory.reasons.insert(memory.reasons.begin() + (first ? 0 : 1), reason);
}

}  // namespace leakline::analysis
