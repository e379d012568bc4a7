// Rules about what else runs out: descriptors, threads, mappings, processes.
#include <algorithm>

#include "analysis/verdict/rules.hpp"

namespace leakline::analysis {

namespace {

std::optional<Conclusion> conclusion_of(const Evidence& evidence, Trend trend, Verdict verdict) {
    Conclusion conclusion{verdict, {}, {}};
    for (const ResourceGrowth& growth : evidence.diagnosis.resources.counts)
        if (growth.verdict == trend) conclusion.reasons.insert(conclusion.reasons.end(), growth.reasons.begin(), growth.reasons.end());
    if (conclusion.reasons.empty()) return std::nullopt;
    return conclusion;
}

}  // namespace

bool exhausted(const Diagnosis& diagnosis) {
    const auto& counts = diagnosis.resources.counts;
    return std::any_of(counts.begin(), counts.end(), [](const ResourceGrowth& growth) { return growth.exhausted.has_value(); });
}

std::optional<Conclusion> resources_leak(const Evidence& evidence, const Policy&) {
    return conclusion_of(evidence, Trend::growing, Verdict::leak);
}

std::optional<Conclusion> resources_may_leak(const Evidence& evidence, const Policy&) {
    return conclusion_of(evidence, Trend::inconclusive, Verdict::inconclusive);
}

}  // namespace leakline::analysis
