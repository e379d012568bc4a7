// Lists and trees that are linked by hand: nodes of a class go in, and none is freed or unlinked.
//
// Which list a node is in is not followed beyond the variable that is assigned to: a free of any node of the class, or the
// unlinking of one from between others, counts for all lists of the class.
#include <algorithm>
#include <map>
#include <set>

#include "audit/internal/rules.hpp"

namespace leakline::audit {

namespace {

struct Nodes {
    std::vector<const Operation*> links, removals;  // at the fields of nodes, or of any node
    std::map<Name, std::vector<const Operation*>> root_links, root_removals;
};

bool is_root(const Program& program, const Variable& variable, Name node) {
    const auto& held = variable.container ? variable.elements : variable.holds;
    return std::find(held.begin(), held.end(), node) != held.end() && variable.owner != node &&
           (variable.storage == Storage::global || variable.storage == Storage::static_local || variable.storage == Storage::field) &&
           !program.lifetime(variable).empty();
}

// For each class, the classes of the objects that are a part of its own.
std::map<Name, std::set<Name>> parts_of_classes(const Program& program) {
    std::map<Name, std::set<Name>> parts;
    for (const Variable& variable : program.facts().variables)
        if (variable.storage == Storage::field && !variable.indirect)
            for (const Name type : variable.holds) parts[variable.owner].insert(type);
    return parts;
}

// The variable to report as the list's head. In "TAILQ_HEAD(, conn) conns" the root is a member of the head's structure: the
// variable of that type is reported, or the root itself where there is none, or more than one.
const Variable& shown_root(const Program& program, const Variable& root) {
    const Variable* only = nullptr;
    if (root.storage != Storage::field) return root;
    for (const Variable& variable : program.facts().variables) {
        if (variable.indirect || variable.storage == Storage::local || variable.storage == Storage::parameter) continue;
        if (std::find(variable.holds.begin(), variable.holds.end(), root.owner) == variable.holds.end()) continue;
        if (only != nullptr) return root;
        only = &variable;
    }
    return only == nullptr ? root : *only;
}

std::map<Name, Nodes> collect(const Program& program) {
    using Kind = Operation::Kind;
    std::map<Name, Nodes> found;
    const auto parts = parts_of_classes(program);
    for (const Operation& operation : program.facts().operations) {
        if (operation.node == kNoName) continue;
        const bool link = operation.kind == Kind::link, unlink = operation.kind == Kind::unlink;
        if (!link && !unlink && operation.kind != Kind::free) continue;
        // Freeing an object frees the nodes that are a part of it.
        if (operation.kind == Kind::free)
            for (const Name part : found_or_empty(parts, operation.node)) found[part].removals.push_back(&operation);
        Nodes& nodes = found[operation.node];
        bool at_root = false;
        if (link || unlink)
            for (const Access& access : program.reached(operation.on))
                if (const Variable* variable = program.variable(access.variable);
                    variable != nullptr && is_root(program, *variable, operation.node)) {
                    (link ? nodes.root_links : nodes.root_removals)[access.variable].push_back(&operation);
                    at_root = true;
                }
        if (!at_root) (link ? nodes.links : nodes.removals).push_back(&operation);
    }
    return found;
}

}  // namespace

std::vector<AuditFinding> find_growing_structures(const Program& program) {
    std::vector<AuditFinding> findings;
    for (const auto& [node, nodes] : collect(program)) {
        // Only a class with links to its own kind makes a structure without an end.
        const Class* type = program.class_of(node);
        if (type == nullptr || !type->node) continue;
        std::map<const Variable*, std::vector<const Operation*>> roots;
        for (const auto& [id, links] : nodes.root_links) roots[program.variable(id)] = links;
        if (roots.empty() && !nodes.links.empty())
            for (const Variable& variable : program.facts().variables)
                if (roots.empty() && is_root(program, variable, node)) roots[&variable];
        // A list has a head and a tail: what one function links is one structure.
        std::set<std::string> functions;
        for (auto& [root, links] : roots) {
            Additions all;
            all.variable = root;
            all.additions = links;
            all.additions.insert(all.additions.end(), nodes.links.begin(), nodes.links.end());
            all.removals = nodes.removals;
            if (const auto removals = nodes.root_removals.find(root->id); removals != nodes.root_removals.end())
                all.removals.insert(all.removals.end(), removals->second.begin(), removals->second.end());
            auto finding = judge_additions(program, all);
            if (!finding || !functions.insert(finding->growth.front().at.function).second) continue;
            const Variable& shown = shown_root(program, *root);
            finding->subject = program.text(shown.name);
            finding->type = program.text(shown.type);
            finding->declared.file = program.text(shown.at.file);
            finding->declared.line = shown.at.line;
            for (auto& site : finding->growth) site.what = "a link to a new " + program.text(type->name);
            findings.push_back(*std::move(finding));
        }
    }
    return findings;
}

}  // namespace leakline::audit
