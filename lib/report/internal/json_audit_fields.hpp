// The members of an audit as JSON.
#pragma once

#include "model/audit.hpp"
#include "report/internal/json_line_fields.hpp"

namespace leakline::report {

constexpr Words<AuditFinding::Level> words(AuditFinding::Level) { return {AuditFinding::Level::note, level_name}; }
constexpr Words<AuditFinding::Rule> words(AuditFinding::Rule) { return {AuditFinding::Rule::handle_not_released, rule_name}; }

template <class A>
void fields(A& a, In<A, AuditFinding::Site>& site) {
    fields(a, site.at);
    a("what", site.what);
    a("source", site.source);
}

template <class A>
void fields(A& a, In<A, AuditFinding::Removal>& removal) {
    fields(a, removal.site);
    a("why", removal.why);
}

template <class A>
void fields(A& a, In<A, MeasuredGrowth>& measured) {
    a("diagnosis", measured.file);
    fields(a, measured.at);
    a("growth_bytes", measured.growth_bytes);
    a("bytes_per_request", measured.bytes_per_request);
}

template <class A>
void fields(A& a, In<A, AuditFinding>& finding) {
    a("rule", finding.rule);
    a("level", finding.level);
    a("container", finding.subject);
    a("type", finding.type);
    a("declared", finding.declared);
    a("source", finding.source);
    a("lifetime", finding.lifetime);
    a("growth", finding.growth);
    a("removals", finding.removals);
    a("reach", finding.reach);
    a("doubts", finding.doubts);
    a.where_any("measured", finding.measured);
    a.where_any("accepted", finding.accepted);
}

template <class A>
void fields(A& a, In<A, Audit::FailedUnit>& unit) {
    a("file", unit.file);
    a("reasons", unit.reasons);
    a("partly_read", unit.partly);
    a("guessed_headers", unit.guessed);
}

template <class A>
void fields(A& a, In<A, Audit>& audit) {
    a("findings", audit.findings);
    a("units", audit.units);
    a("cached_units", audit.cached);
    a("lines", audit.lines);
    a("containers", audit.containers);
    a("failed_units", audit.failed);
    a("warnings", audit.warnings);
}

}  // namespace leakline::report
