#include "audit/internal/body_state.hpp"

namespace leakline::audit {

std::vector<Access> BodyState::all_guards() const {
    std::vector<Access> all;
    for (const auto& condition : guards) all.insert(all.end(), condition.begin(), condition.end());
    all.insert(all.end(), function_guards.begin(), function_guards.end());
    return all;
}

Call BodyState::call(Call::Kind kind, Name to, Place at) const {
    Call call;
    call.kind = kind;
    call.from = function;
    call.to = to;
    call.at = at;
    call.loop = loop;
    return call;
}

Operation& BodyState::add(UnitFacts& facts, Operation::Kind kind, const Access& on, Place at, Name word) {
    Operation& operation = facts.operations.emplace_back();
    operation.kind = kind;
    operation.on = on;
    operation.function = function;
    operation.at = at;
    operation.word = word;
    operation.loop = loop;
    operation.guards = all_guards();
    operation.first_time = first_time != 0;
    if (kind == Operation::Kind::shrink) paths.removed(on, at);
    return operation;
}

void BodyState::finish(UnitFacts& facts) const {
    paths.finish(function, facts.skips, facts.handles);
    for (Function& known : facts.functions) {
        if (known.id != function) continue;
        known.blocks = known.blocks || blocks || awaits;
        known.serves = known.serves || serves;
        known.calls_parameter = known.calls_parameter || calls_parameter;
        known.starts_parameter = known.starts_parameter || starts_parameter;
        known.wraps = known.wraps || wraps;
    }
}

}  // namespace leakline::audit
