// What a run has shown, and what people have accepted, applied to the findings.
#include <fmt/format.h>

#include <algorithm>
#include <set>

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

}  // namespace

std::size_t apply_evidence(Audit& audit, const LineReport& report, const std::string& file) {
    std::size_t unmatched = 0;
    for (const LineGrowth& line : report.lines) {
        if (!line.leaking) continue;
        const std::vector<CodeLine> places = places_of(line);
        bool matched = false;
        // The innermost place that a finding is at is the one that grows.
        for (std::size_t i = 0; i < places.size() && !matched; ++i)
            for (AuditFinding& finding : audit.findings) {
                const auto grows_here = [&](const AuditFinding::Site& site) {
                    return site.at.line == places[i].line && same_file(site.at.file, places[i].file);
                };
                if (!std::any_of(finding.growth.begin(), finding.growth.end(), grows_here)) continue;
                matched = true;
                finding.level = AuditFinding::Level::error;
                finding.doubts.clear();
                if (finding.measured && finding.measured->growth_bytes >= line.growth_bytes) continue;
                finding.measured =
                    MeasuredGrowth{file, line.at, line.bytes_per_request ? std::optional(line.bytes_per_request->estimate) : std::nullopt,
                                   line.growth_bytes};
            }
        unmatched += matched ? 0 : 1;
    }
    std::stable_sort(audit.findings.begin(), audit.findings.end(),
                     [](const AuditFinding& a, const AuditFinding& b) { return a.level < b.level; });
    return unmatched;
}

std::vector<CodeLine> places_of(const LineGrowth& line) {
    std::vector<CodeLine> places = {line.at};
    add_callers(line.callers, std::max<std::int64_t>(line.growth_bytes / 2, 1), 0, places);
    return places;
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
