// Rules about what else runs out: descriptors, threads, mappings, processes.
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

#include "analysis/verdict/rules.hpp"

namespace leakline::analysis {

namespace {

std::optional<Conclusion> conclusion_of(const Facts& facts, Trend trend, Verdict verdict) {
    Conclusion conclusion{verdict, {}, {}};
    for (const ResourceGrowth& growth : facts.evidence.resources.counts)
        if (growth.verdict == trend) conclusion.reasons.insert(conclusion.reasons.end(), growth.reasons.begin(), growth.reasons.end());
    if (conclusion.reasons.empty()) return std::nullopt;
    return conclusion;
}

}  // namespace

bool exhausted(const Evidence& evidence) {
    const auto& counts = evidence.resources.counts;
    return std::any_of(counts.begin(), counts.end(), [](const ResourceGrowth& growth) { return growth.exhausted.has_value(); });
}

std::optional<Conclusion> resources_leak(const Facts& facts, const Policy&) { return conclusion_of(facts, Trend::growing, Verdict::leak); }

std::optional<Conclusion> resources_may_leak(const Facts& facts, const Policy&) {
    auto conclusion = conclusion_of(facts, Trend::inconclusive, Verdict::inconclusive);
    if (!conclusion) return std::nullopt;
    // A run that was too short says the same of each count: one reason for all that did not grow.
    std::vector<std::string_view> flat;
    for (const ResourceGrowth& growth : facts.evidence.resources.counts) {
        if (growth.verdict != Trend::inconclusive || growth.growth > 0 || growth.reasons.empty()) continue;
        flat.push_back(resource_words(growth.resource));
        std::erase(conclusion->reasons, growth.reasons.front());
    }
    if (!flat.empty())
        conclusion->reasons.push_back(fmt::format("the run is too short to see a slow leak of {}: {} would decide", fmt::join(flat, ", "),
                                                  facts.evidence.soak ? "a longer soak (--soak-time)" : "more rounds (--rounds)"));
    return conclusion;
}

}  // namespace leakline::analysis
