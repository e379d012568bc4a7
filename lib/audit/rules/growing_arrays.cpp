// Arrays of C that are made larger by realloc, and filled at an index that is only counted up.
#include <algorithm>
#include <map>

#include "audit/internal/rules.hpp"

namespace leakline::audit {

namespace {

bool is_counted_by_requests(const Program& program, const std::vector<const Operation*>& ups) {
    return std::any_of(ups.begin(), ups.end(), [&](const Operation* up) {
        const Runs runs = program.runs(up->function, up->loop);
        return runs == Runs::repeatedly || runs == Runs::unknown || !program.is_service();
    });
}

}  // namespace

std::vector<AuditFinding> find_growing_arrays(const Program& program) {
    using Kind = Operation::Kind;
    std::map<Name, std::vector<const Operation*>> stores, reallocations, ups, downs;
    for (const Operation& operation : program.facts().operations) {
        auto* to = operation.kind == Kind::store_at     ? &stores
                   : operation.kind == Kind::reallocate ? &reallocations
                   : operation.kind == Kind::count_up   ? &ups
                   : operation.kind == Kind::count_down ? &downs
                                                        : nullptr;
        if (to == nullptr) continue;
        for (const Access& access : program.reached(operation.on, to == &downs ? Program::Reach::perhaps : Program::Reach::surely))
            (*to)[access.variable].push_back(&operation);
    }
    std::vector<AuditFinding> findings;
    for (const auto& [array, reallocated] : reallocations) {
        const Variable* variable = program.variable(array);
        const auto stored = stores.find(array);
        if (variable == nullptr || stored == stores.end()) continue;
        // Each count that places an element: it goes up, and nothing sets it back.
        std::map<Name, std::vector<const Operation*>> by_counter;
        for (const Operation* store : stored->second)
            if (store->counter != kNoName && is_counted_by_requests(program, ups[store->counter]))
                by_counter[store->counter].push_back(store);
        for (const auto& [counter, additions] : by_counter) {
            Additions all;
            all.variable = variable;
            all.additions = additions;
            if (const auto down = downs.find(counter); down != downs.end()) all.removals = down->second;
            if (auto finding = judge_additions(program, all)) {
                findings.push_back(*std::move(finding));
                break;
            }
        }
    }
    return findings;
}

}  // namespace leakline::audit
