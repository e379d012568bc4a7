// Files, descriptors and connections that are opened into a local variable and not closed, or not on every path.
#include <fmt/format.h>

#include "audit/internal/rules.hpp"

namespace leakline::audit {

std::vector<AuditFinding> find_open_handles(const Program& program) {
    std::vector<AuditFinding> findings;
    for (const Handle& handle : program.facts().handles) {
        const Variable* variable = program.variable(handle.variable);
        const Runs runs = program.runs(handle.function);
        // What runs once opens one; the process's end closes it.
        if (variable == nullptr || runs == Runs::once || runs == Runs::never) continue;
        Operation addition;
        addition.at = handle.at;
        if (is_said_bounded(program, *variable, {&addition})) continue;
        AuditFinding finding;
        finding.rule = AuditFinding::Rule::handle_not_released;
        finding.subject = program.text(variable->name);
        finding.type = program.text(variable->type);
        finding.lifetime = "open until it is closed";
        finding.declared.file = program.text(handle.at.file);
        finding.declared.line = handle.at.line;
        finding.growth.push_back(site_of(program, handle.at, handle.function, program.text(handle.acquire)));
        finding.declared.function = finding.growth.front().at.function;
        if (handle.skipped)
            finding.removals.push_back(
                {site_of(program, *handle.skipped, handle.function, program.text(handle.release)),
                 fmt::format("the return at {} comes before {}", program.place_text(*handle.skipped), program.text(handle.release))});
        if (const auto doubt = doubt_of_setup(program, handle.function, 0)) finding.doubts.push_back(*doubt);
        if (handle.counted) finding.doubts.emplace_back("the interpreter closes it with its last reference, unless something keeps it");
        if (program.is_service() && runs == Runs::repeatedly)
            finding.reach = program.reach(handle.function, 0);
        else
            finding.doubts.emplace_back("no path from a handler or a service's loop to it is seen");
        finding.level = finding.doubts.empty() ? AuditFinding::Level::warning : AuditFinding::Level::note;
        findings.push_back(std::move(finding));
    }
    return findings;
}

}  // namespace leakline::audit
