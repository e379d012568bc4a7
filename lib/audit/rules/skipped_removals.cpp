// An element is added and removed by one function, and an early return or a throw comes between.
#include <fmt/format.h>

#include "audit/internal/rules.hpp"

namespace leakline::audit {

std::vector<AuditFinding> find_skipped_removals(const Program& program) {
    std::vector<AuditFinding> findings;
    for (const Skip& skip : program.facts().skips)
        for (const Access& access : program.reached(skip.on)) {
            const Variable* variable = program.variable(access.variable);
            if (variable == nullptr) continue;
            const std::string lifetime = program.lifetime(*variable);
            if (lifetime.empty()) continue;
            // Where something else removes, too, the element that was left may be its work.
            bool elsewhere = false;
            for (const Operation& operation : program.facts().operations) {
                if (operation.kind != Operation::Kind::shrink && operation.kind != Operation::Kind::replace) continue;
                if (operation.function == skip.function) continue;
                for (const Access& other : program.reached(operation.on))
                    if (other.variable == access.variable && why_not_counted(program, operation, *variable).empty()) elsewhere = true;
            }
            if (elsewhere) continue;
            Operation addition;
            addition.at = skip.added;
            if (is_said_bounded(program, *variable, {&addition})) continue;
            AuditFinding finding;
            finding.rule = AuditFinding::Rule::removal_skipped;
            finding.subject = program.text(variable->name);
            finding.type = program.text(variable->type);
            finding.lifetime = lifetime;
            finding.declared.file = program.text(variable->at.file);
            finding.declared.line = variable->at.line;
            finding.growth.push_back(site_of(program, skip.added, skip.function, "an addition"));
            finding.removals.push_back(
                {site_of(program, skip.removed, skip.function, "a removal"),
                 fmt::format("the {} at {} comes before it", skip.thrown ? "exception" : "return", program.place_text(skip.left))});
            if (program.runs(skip.function) == Runs::once) continue;
            if (program.is_service() && program.runs(skip.function) == Runs::repeatedly)
                finding.reach = program.reach(skip.function, 0);
            else
                finding.doubts.emplace_back("no path from a handler or a service's loop to the growth is seen");
            finding.level = finding.doubts.empty() ? AuditFinding::Level::warning : AuditFinding::Level::note;
            findings.push_back(std::move(finding));
            break;
        }
    return findings;
}

}  // namespace leakline::audit
