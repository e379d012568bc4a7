// What a run has shown, and what people have accepted, applied to the findings.
#include <fmt/format.h>

#include <algorithm>
#include <set>
#include <utility>

#include "audit/audit.hpp"
#include "audit/internal/paths.hpp"
#include "base/strings.hpp"

namespace leakline::audit {

namespace {

void add_callers(const std::vector<CallerNode>& callers, std::int64_t least, int depth, std::vector<CodeLine>& places) {
    if (depth > 12) return;
    for (const CallerNode& caller : callers)
        if (caller.growth_bytes >= least) {
            places.push_back(caller.at);
            add_callers(caller.callers, least, depth + 1, places);
        }
}

// The headline of a diagnosis is a copy of the line.
bool is_largest(const Diagnosis& diagnosis, const LineGrowth& line) {
    const LineGrowth* largest = leaking_line(diagnosis.lines);
    return largest != nullptr && largest->at == line.at;
}

bool is_at(const AuditFinding& finding, const CodeLine& place) {
    const auto is_there = [&](const CodeLine& at) { return at.line == place.line && same_file(at.file, place.file); };
    return is_there(finding.declared) ||
           std::any_of(finding.growth.begin(), finding.growth.end(), [&](const AuditFinding::Site& site) { return is_there(site.at); });
}

void prove(AuditFinding& finding, const MeasuredGrowth& measured) {
    finding.level = AuditFinding::Level::error;
    finding.doubts.clear();
    if (!finding.measured || finding.measured->growth_bytes < measured.growth_bytes) finding.measured = measured;
}

}  // namespace

std::vector<CodeLine> places_of(const Diagnosis& diagnosis, const LineGrowth& line) {
    std::vector<CodeLine> places = {line.at};
    // What holds the growth is known of all leaking lines together: it is most of the largest one's.
    const bool held = is_largest(diagnosis, line) && diagnosis.held_by && diagnosis.held_by->holder;
    const Holder holder = held ? *diagnosis.held_by->holder : Holder{};
    if (holder.member_line != 0) places.push_back({"", holder.member_file, holder.member_line});
    add_callers(line.callers, std::max<std::int64_t>(line.growth_bytes / 2, 1), 0, places);
    if (holder.line != 0) places.push_back({"", holder.file, holder.line});
    return places;
}

std::size_t apply_evidence(Audit& audit, const Diagnosis& diagnosis, const std::string& file) {
    std::size_t unmatched = 0;
    for (const LineGrowth& line : diagnosis.lines.lines) {
        if (!line.leaking) continue;
        const MeasuredGrowth measured{
            file, line.at, line.bytes_per_request ? std::optional(line.bytes_per_request->estimate) : std::nullopt, line.growth_bytes};
        bool matched = false;
        // The nearest place that a finding is at is the one that grows.
        for (const CodeLine& place : places_of(diagnosis, line)) {
            for (AuditFinding& finding : audit.findings)
                if (is_at(finding, place)) {
                    matched = true;
                    prove(finding, measured);
                }
            if (matched) break;
        }
        // The rules let it pass, as something removes from it; the run has shown that this is not enough.
        if (!matched && audit.explained && is_largest(diagnosis, line)) {
            matched = true;
            audit.findings.push_back(*std::exchange(audit.explained, std::nullopt));
            prove(audit.findings.back(), measured);
        }
        unmatched += matched ? 0 : 1;
    }
    std::stable_sort(audit.findings.begin(), audit.findings.end(),
                     [](const AuditFinding& a, const AuditFinding& b) { return a.level < b.level; });
    return unmatched;
}

void accept_known(Audit& audit, const Baseline& baseline, const std::string& today) {
    for (AuditFinding& finding : audit.findings) {
        for (const Baseline::Finding& known : baseline.findings)
            if (known.rule == rule_name(finding.rule) && known.container == finding.subject && known.file == finding.declared.file)
                finding.accepted = "in the baseline";
        for (const Baseline::Suppression& suppression : baseline.suppressions) {
            if (suppression.container.empty() || suppression.container != finding.subject) continue;
            if (!suppression.expires.empty() && suppression.expires < today) {
                audit.warnings.push_back(fmt::format("the suppression of {} expired on {}", suppression.container, suppression.expires));
                continue;
            }
            finding.accepted = "suppressed: " + suppression.reason;
        }
    }
}

Baseline next_baseline(const Audit& audit, const Baseline& old) {
    Baseline next = old;
    next.findings.clear();
    for (const AuditFinding& finding : audit.findings) {
        if (finding.level == AuditFinding::Level::note || finding.accepted.starts_with("suppressed")) continue;
        next.findings.push_back({std::string(rule_name(finding.rule)), finding.subject, finding.declared.file});
    }
    return next;
}

}  // namespace leakline::audit
