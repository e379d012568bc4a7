// Containers that something adds to and nothing removes from.
//
// What is added at a depth (m[key].push_back(x): depth 1) is also gone when elements at a lesser depth are removed
// (m.erase(key)), and when the object that holds the container is replaced.
#include <algorithm>
#include <map>
#include <set>
#include <string_view>

#include "audit/internal/rules.hpp"

namespace leakline::audit {

namespace {

// Methods that only containers have: what else a template is given may have "insert" and "append", such as a database.
bool adds_as_container(const Program& program, const std::vector<const Operation*>& additions) {
    static const std::set<std::string_view> words = {"push_back",   "emplace_back",     "push_front",  "emplace_front",
                                                     "try_emplace", "insert_or_assign", "emplace_hint"};
    return std::any_of(additions.begin(), additions.end(),
                       [&](const Operation* addition) { return words.contains(program.text(addition->word)); });
}

}  // namespace

std::vector<AuditFinding> find_growing_containers(const Program& program) {
    struct Depths {
        std::map<std::uint8_t, std::vector<const Operation*>> additions, removals;
        bool escapes = false;
    };
    std::map<Name, Depths> found;
    for (const Operation& operation : program.facts().operations) {
        using Kind = Operation::Kind;
        if (operation.kind != Kind::grow && operation.kind != Kind::shrink && operation.kind != Kind::replace &&
            operation.kind != Kind::escape)
            continue;
        for (const Access& access :
             program.reached(operation.on, operation.kind == Kind::grow ? Program::Reach::surely : Program::Reach::perhaps)) {
            Depths& depths = found[access.variable];
            if (operation.kind == Kind::grow) depths.additions[access.depth].push_back(&operation);
            if (operation.kind == Kind::shrink || operation.kind == Kind::replace) depths.removals[access.depth].push_back(&operation);
            if (operation.kind == Kind::escape) depths.escapes = true;
        }
    }
    std::vector<AuditFinding> findings;
    for (const auto& [id, depths] : found) {
        const Variable* variable = program.variable(id);
        if (variable == nullptr || depths.additions.empty()) continue;
        Additions all;
        all.variable = variable;
        all.escapes = depths.escapes;
        std::optional<AuditFinding> worst;
        for (const auto& [depth, additions] : depths.additions) {
            if (depth > 0 && variable->fixed_elements) continue;
            all.additions = additions;
            all.depth = depth;
            // Keys of few values bound the outer level, not what is within it.
            for (const auto& [removed, removals] : depths.removals)
                if (removed <= depth) all.removals.insert(all.removals.end(), removals.begin(), removals.end());
            auto finding = judge_additions(program, all);
            all.removals.clear();
            const bool known = variable->container || (variable->generic && adds_as_container(program, additions));
            if (finding && !known) {
                finding->doubts.emplace_back("what it holds at first is not seen: it may have a bound of its own");
                finding->level = AuditFinding::Level::note;
            }
            if (finding && (!worst || finding->level < worst->level)) worst = std::move(finding);
        }
        if (worst) findings.push_back(*std::move(worst));
    }
    return findings;
}

}  // namespace leakline::audit
