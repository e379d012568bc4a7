// From a run to the source: memory grew at a place, and the facts of the program name the container that grows there.
#include <algorithm>

#include "audit/internal/paths.hpp"
#include "audit/internal/rules.hpp"

namespace leakline::audit {

namespace {

using Kind = Operation::Kind;

constexpr std::size_t kMaxSites = 20;

bool adds(const Operation& operation) {
    return operation.kind == Kind::grow || operation.kind == Kind::link || operation.kind == Kind::store_at;
}

// What grows there, or is declared there: of several the one that lasts.
const Variable* variable_at(const Program& program, const CodeLine& place) {
    const auto is_there = [&](Place at) { return at.line != 0 && at.line == place.line && same_file(program.text(at.file), place.file); };
    const Variable* found = nullptr;
    const auto consider = [&](const Variable* variable) {
        if (variable == nullptr || (found != nullptr && !program.lifetime(*found).empty())) return;
        if (found == nullptr || !program.lifetime(*variable).empty()) found = variable;
    };
    for (const Operation& operation : program.facts().operations)
        if (adds(operation) && is_there(operation.at))
            for (const Access& access : program.reached(operation.on, Program::Reach::surely)) consider(program.variable(access.variable));
    if (found == nullptr)
        for (const Variable& variable : program.facts().variables)
            if (is_there(variable.at) && variable.storage != Storage::parameter) consider(&variable);
    return found;
}

}  // namespace

std::optional<AuditFinding> explain_growth(const Program& program, const CodeLine& place) {
    const Variable* variable = variable_at(program, place);
    if (variable == nullptr) return std::nullopt;
    AuditFinding finding = finding_of(program, AuditFinding::Rule::unbounded_growth, variable->name, variable->type, variable->at);
    finding.level = AuditFinding::Level::error;
    finding.lifetime = program.lifetime(*variable);
    for (const Operation& operation : program.facts().operations) {
        const bool removes = operation.kind == Kind::shrink || operation.kind == Kind::replace || operation.kind == Kind::unlink;
        if (!removes && !adds(operation)) continue;
        const auto reached = program.reached(operation.on);
        if (std::none_of(reached.begin(), reached.end(), [&](const Access& access) { return access.variable == variable->id; })) continue;
        const AuditFinding::Site site = site_of(program, operation.at, operation.function, program.text(operation.word));
        if (removes) {
            std::string why = why_not_counted(program, operation, *variable);
            if (why.empty()) why = "did not run, or not often enough";
            if (finding.removals.size() < kMaxSites) finding.removals.push_back({site, why});
        } else if (finding.growth.size() < kMaxSites) {
            finding.growth.push_back(site);
        }
    }
    if (finding.growth.empty()) return std::nullopt;
    // `kept[user] = record` in Python adds to a dict or replaces what the key has: one statement.
    std::erase_if(finding.removals, [&](const AuditFinding::Removal& removal) {
        return std::any_of(finding.growth.begin(), finding.growth.end(),
                           [&](const AuditFinding::Site& site) { return site.at == removal.site.at && site.what == removal.site.what; });
    });
    // The place itself first.
    std::stable_partition(finding.growth.begin(), finding.growth.end(), [&](const AuditFinding::Site& site) {
        return site.at.line == place.line && same_file(site.at.file, place.file);
    });
    return finding;
}

}  // namespace leakline::audit
