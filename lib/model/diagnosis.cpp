#include "model/diagnosis.hpp"

#include <algorithm>
#include <tuple>

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

std::string_view follows_name(Follows follows) {
    switch (follows) {
        case Follows::unknown: return "unknown";
        case Follows::requests: return "requests";
        case Follows::time: return "time";
        case Follows::both: return "both";
    }
    return "unknown";
}

std::string_view source_name(StatedGrowth::Source source) {
    switch (source) {
        case StatedGrowth::Source::memory: return "memory";
        case StatedGrowth::Source::lines: return "lines";
        case StatedGrowth::Source::objects: return "objects";
        case StatedGrowth::Source::none: return "none";
    }
    return "none";
}

std::vector<std::string> all_warnings(const Diagnosis& diagnosis) {
    std::vector<std::string> all = diagnosis.warnings;
    for (const auto* more : {&diagnosis.caveats, &diagnosis.lines.warnings, &diagnosis.replay.warnings})
        all.insert(all.end(), more->begin(), more->end());
    return all;
}

const LineGrowth* reported_line(const Diagnosis& diagnosis) {
    if (diagnosis.verdict == Verdict::invalid || explained_growth(diagnosis) < kExplained) return nullptr;
    return leaking_line(diagnosis.lines);
}

bool grows_within_budget(const Diagnosis& diagnosis) {
    return diagnosis.verdict == Verdict::no_leak && diagnosis.max_growth && diagnosis.trend.verdict == Trend::growing;
}

bool only_resources_leak(const Diagnosis& diagnosis) {
    if (diagnosis.verdict != Verdict::leak || diagnosis.reasons.empty()) return false;
    const auto& counts = diagnosis.resources.counts;
    return std::any_of(counts.begin(), counts.end(), [&](const ResourceGrowth& growth) {
        return growth.verdict == Trend::growing && !growth.reasons.empty() && growth.reasons.front() == diagnosis.reasons.front();
    });
}

std::optional<Interval> stated_per_request(const Diagnosis& diagnosis) {
    if (diagnosis.growth.source == StatedGrowth::Source::none) return std::nullopt;
    const auto& stated = diagnosis.growth.split.bytes_per_request;
    return stated ? stated : diagnosis.trend.bytes_per_request;
}

}  // namespace leakline
