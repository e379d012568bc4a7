// An element is added and removed by one function, and an early return or a throw comes between.
#include <fmt/format.h>

#include <algorithm>
#include <unordered_map>

#include "audit/internal/key_doubts.hpp"
#include "audit/internal/rules.hpp"

namespace leakline::audit {

namespace {

using Removals = std::unordered_map<Name, std::vector<const Operation*>>;

// By the variable that they reach.
Removals removals_of(const Program& program) {
    Removals removals;
    for (const Operation& operation : program.facts().operations)
        if (operation.kind == Operation::Kind::shrink || operation.kind == Operation::Kind::replace)
            for (const Access& access : program.reached(operation.on)) removals[access.variable].push_back(&operation);
    return removals;
}

// Where another function removes, too, the element that was left may be its work.
bool is_removed_elsewhere(const Program& program, const Removals& removals, const Skip& skip, const Variable& variable) {
    const auto& known = found_or_empty(removals, variable.id);
    return std::any_of(known.begin(), known.end(), [&](const Operation* operation) {
        return operation->function != skip.function && why_not_counted(program, *operation, variable).empty();
    });
}

}  // namespace

std::vector<AuditFinding> find_skipped_removals(const Program& program) {
    std::vector<AuditFinding> findings;
    if (program.facts().skips.empty()) return findings;
    const Removals removals = removals_of(program);
    for (const Skip& skip : program.facts().skips) {
        if (program.runs(skip.function) == Runs::once) continue;
        for (const Access& access : program.reached(skip.on)) {
            const Variable* variable = program.variable(access.variable);
            if (variable == nullptr) continue;
            const std::string lifetime = program.lifetime(*variable);
            if (lifetime.empty() || is_removed_elsewhere(program, removals, skip, *variable)) continue;
            if (is_said_bounded(program, {variable->at, skip.added})) continue;
            AuditFinding finding = finding_of(program, AuditFinding::Rule::removal_skipped, variable->name, variable->type, variable->at);
            finding.lifetime = lifetime;
            finding.growth.push_back(site_of(program, skip.added, skip.function, "an addition"));
            finding.removals.push_back(
                {site_of(program, skip.removed, skip.function, "a removal"),
                 fmt::format("the {} at {} comes before it", skip.thrown ? "exception" : "return", program.place_text(skip.left))});
            for (const Operation& operation : program.facts().operations) {
                if (operation.kind != Operation::Kind::grow || operation.function != skip.function || operation.at != skip.added) continue;
                if (operation.few_keys)
                    finding.doubts.emplace_back("its keys stand in the source");
                else if (const auto doubt = doubt_of_names(program.text(operation.key), finding.subject))
                    finding.doubts.push_back(*doubt);
            }
            note_reach(program, finding, skip.function, "the growth");
            finding.level = level_of(finding);
            findings.push_back(std::move(finding));
            break;
        }
    }
    return findings;
}

}  // namespace leakline::audit
