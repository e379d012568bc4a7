// Rules about what else runs out: descriptors, threads, mappings, processes, IPC objects.
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <limits>

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

namespace {

// The most memory of one leaked thread, descriptor, mapping or process that its leak explains: blocks of a line, and bytes. A thread
// has pages of its stack and may have an arena of malloc; a descriptor may have a stream's buffer or a TLS session; the size of a
// mapping or a process has no limit.
constexpr double kBlocksOfOne = 2, kBytesOfThread = 256 * 1024, kBytesOfDescriptor = 64 * 1024;

double most_bytes_of_one(Resource resource) {
    switch (resource) {
        case Resource::threads: return kBytesOfThread;
        case Resource::descriptors: return kBytesOfDescriptor;
        default: return std::numeric_limits<double>::infinity();
    }
}

// The number of them that leaked in the recorded run.
double leaked_under_recorder(const Evidence& evidence, const ResourceGrowth& growth) {
    if (growth.per_request) return growth.per_request->estimate * recorded_requests(evidence);
    const double hours = to_seconds(evidence.lines.window_end - evidence.lines.window_begin) / 3600;
    return growth.per_hour ? growth.per_hour->estimate * hours : 0;
}

bool explains(const Facts& facts, const ResourceGrowth& growth) {
    const double most = most_bytes_of_one(growth.resource), recorded = leaked_under_recorder(facts.evidence, growth);
    for (const LineGrowth* line : facts.leaking)
        if (static_cast<double>(line->kept_entries) > kBlocksOfOne * recorded) return false;
    if (facts.leaking_bytes > most * recorded) return false;
    return !facts.memory_grows() || late_growth(facts.evidence) <= most * growth.growth;
}

}  // namespace

const ResourceGrowth* count_behind_memory(const Facts& facts) {
    for (const ResourceGrowth& growth : facts.evidence.resources.counts)
        if (growth.verdict == Trend::growing && growth.growth > 0 && explains(facts, growth)) return &growth;
    return nullptr;
}

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
        conclusion->reasons.push_back(fmt::format("the run is too short to detect a slow leak of {}: rerun with {}", fmt::join(flat, ", "),
                                                  facts.evidence.soak ? "a longer soak (--soak-time)" : "more rounds (--rounds)"));
    return conclusion;
}

}  // namespace leakline::analysis
