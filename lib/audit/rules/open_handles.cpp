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
        if (is_said_bounded(program, {variable->at, handle.at})) continue;
        AuditFinding finding = finding_of(program, AuditFinding::Rule::handle_not_released, variable->name, variable->type, handle.at);
        finding.lifetime = "open until it is closed";
        finding.growth.push_back(site_of(program, handle.at, handle.function, program.text(handle.acquire)));
        finding.declared.function = finding.growth.front().at.function;
        if (handle.skipped)
            finding.removals.push_back(
                {site_of(program, *handle.skipped, handle.function, program.text(handle.release)),
                 fmt::format("the return at {} comes before {}", program.place_text(*handle.skipped), program.text(handle.release))});
        if (const auto doubt = doubt_of_setup(program, handle.function, 0)) finding.doubts.push_back(*doubt);
        if (handle.counted) finding.doubts.emplace_back("the interpreter closes it with its last reference, unless something keeps it");
        note_reach(program, finding, handle.function, "it");
        finding.level = level_of(finding);
        findings.push_back(std::move(finding));
    }
    return findings;
}

}  // namespace leakline::audit
