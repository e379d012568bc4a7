// Which objects live as long as the process, and which values are different in each request.
#include <fmt/format.h>

#include <algorithm>
#include <deque>

#include "audit/internal/program.hpp"
#include "base/ascii.hpp"

namespace leakline::audit {

// Follows values from what arrives with requests, and from what is new each time.
void Program::find_request_values() {
    // Functions whose callers are not seen. In Python any function may be handed to anything: there only handlers count.
    std::set<Name> handed;
    const auto hand = [&](Name function) {
        if (!text(function).starts_with("py:")) handed.insert(function);
    };
    for (const auto* roots : {&roots_, &guessed_roots_})
        for (const auto& [function, why] : *roots) hand(function);
    for (const Call& call : facts_.calls)
        if (call.kind == Call::Kind::immediate || call.kind == Call::Kind::handed || call.kind == Call::Kind::deferred) hand(call.to);
    for (const Function& function : facts_.functions)
        if (function.is_entry()) handed.insert(function.id);
    std::vector<Name> input, fresh, objects;
    if (const auto known = index_.find(kInput); known != index_.end()) input.push_back(known->second);
    for (const Variable& variable : facts_.variables)
        if (variable.storage == Storage::parameter && handed.contains(variable.owner)) input.push_back(variable.id);
    if (const auto known = index_.find(kNew); known != index_.end()) fresh.push_back(known->second);
    for (const Name type : short_)
        if (const auto object = index_.find(kObjectOf + text(type)); object != index_.end()) objects.push_back(object->second);
    for (const Operation& operation : facts_.operations)  // a serial number
        if (operation.kind == Operation::Kind::count_up && runs(operation.function, operation.loop) == Runs::repeatedly)
            for (const Access& counter : reached(operation.on))
                if (const Variable* known = variable(counter.variable);
                    known != nullptr && known->storage != Storage::local && known->storage != Storage::parameter &&
                    (operation.few_keys || !text(operation.function).starts_with("py:")))
                    fresh.push_back(counter.variable);
    steps_ = {{Source::input, follow(input)}, {Source::fresh, follow(fresh)}, {Source::object, follow(objects)}};
}

// Breadth first, so that each value gets its fewest steps from a source.
std::unordered_map<Name, int> Program::follow(const std::vector<Name>& sources) const {
    std::unordered_map<Name, int> steps;
    std::deque<Name> open;
    const auto reach = [&](Name value, int step) {
        if (steps.emplace(value, step).second) open.push_back(value);
    };
    for (const Name source : sources) reach(source, 0);
    for (; !open.empty(); open.pop_front())
        for (const Name to : found_or_empty(flows_, open.front())) reach(to, steps.at(open.front()) + 1);
    return steps;
}

std::optional<int> Program::steps_from(Source source, Name value) const {
    const auto& values = found_or_empty(steps_, source);
    const auto known = values.find(value);
    return known == values.end() ? std::nullopt : std::optional(known->second);
}

bool Program::is_serving(Name id) const {
    const Function* known = function(id);
    if (known == nullptr) return false;
    const std::string& name = text(known->name);
    static constexpr std::string_view words[] = {"serve", "daemon", "main_loop", "mainLoop", "mainloop"};
    return known->main || serving_.contains(id) ||
           std::any_of(std::begin(words), std::end(words), [&](std::string_view word) { return name.find(word) != name.npos; });
}

void Program::mark_lasting(Name type, const std::string& why) {
    if (!lasting_.emplace(type, why).second) return;
    const Class* known = class_of(type);
    const std::string name = known == nullptr ? text(type) : text(known->name);
    if (known != nullptr)
        for (const Name base : known->bases) mark_lasting(base, why);
    for (const Variable& variable : facts_.variables)
        if (variable.storage == Storage::field && variable.owner == type)
            for (const Name held : variable.holds) hold(held, fmt::format("{} is a member of {}; {}", text(variable.name), name, why));
}

// A variable that lasts holds or points to an object of the class.
void Program::hold(Name type, const std::string& why) {
    held_.insert(type);
    mark_lasting(type, why);
}

void Program::mark_short(Name type) {
    if (!short_.insert(type).second) return;
    if (const Class* known = class_of(type))
        for (const Name base : known->bases) mark_short(base);
    for (const Variable& variable : facts_.variables)
        if (variable.storage == Storage::field && variable.owner == type && !variable.indirect)
            for (const Name held : variable.holds) mark_short(held);
}

// An object whose method was registered as a handler lasts as long as the registration; so does one whose method never returns.
void Program::hold_registered() {
    std::set<Name> perhaps_short;
    for (const Creation& creation : facts_.creations)
        if (may_run_repeatedly(creation.function, creation.loop)) perhaps_short.insert(creation.type);
    // "Observer(self.got_line)" makes an object that may be gone as soon as this one is.
    const auto is_constructor = [&](Name through) {
        const std::string& id = text(through);
        const std::size_t last = id.find_last_of(".") + 1;
        return id.ends_with(".__init__") || (last < id.size() && is_upper(id[last]));
    };
    const auto keep = [&](Name method, Name by, Name through, const std::string& why) {
        const Function* known = function(method);
        if (known == nullptr || known->owner == kNoName || known->kind == Function::Kind::constructor) return;
        // In Python it is enough that the registering function is not known to run per request, because a framework may call it.
        // In C++ it must be known to run once: otherwise the object may belong to a request.
        const Runs registering = runs(by);
        const bool lasts = registering == Runs::once || (registering != Runs::repeatedly && text(method).starts_with("py:"));
        // An object that registers itself lasts where it is not made for requests, even by a guess.
        const Function* registrar = function(by);
        const bool itself = registrar != nullptr && registrar->owner == known->owner && text(method).starts_with("py:");
        if (lasts && !short_.contains(known->owner) && !(itself && (perhaps_short.contains(known->owner) || is_constructor(through))))
            hold(known->owner, why);
    };
    std::set<Name> withdrawn;
    for (const Call& call : facts_.calls)
        if (call.kind == Call::Kind::withdrawn) withdrawn.insert(call.to);
    for (const Call& call : facts_.calls) {
        if (withdrawn.contains(call.to)) continue;
        const bool kept = call.kind == Call::Kind::deferred || call.kind == Call::Kind::thread || call.kind == Call::Kind::handed;
        const Function* through = function(call.through);
        if (kept && !call.guessed && !(through != nullptr && through->calls_parameter))
            keep(call.to, call.from, call.kind == Call::Kind::thread ? kNoName : call.through,
                 fmt::format("a method of it is registered at {}", place_text(call.at)));
    }
    for (const Name id : serving_)
        if (const Function* known = function(id)) keep(id, id, kNoName, fmt::format("{} does not return", text(known->name)));
}

void Program::find_lifetimes() {
    std::set<Name> grown;  // containers that get elements for requests
    for (const Operation& operation : facts_.operations)
        if (operation.kind == Operation::Kind::grow && runs(operation.function, operation.loop) == Runs::repeatedly)
            for (const Access& access : reached(operation.on)) grown.insert(access.variable);
    for (const Creation& creation : facts_.creations)
        if (runs(creation.function, creation.loop) == Runs::repeatedly) mark_short(creation.type);
    for (const Variable& variable : facts_.variables)
        if (variable.container && grown.contains(variable.id))
            for (const Name type : variable.elements) mark_short(type);

    const auto consider = [&](const Variable& variable, const std::string& why) {
        for (const Name type : variable.holds) hold(type, why);
        if (!grown.contains(variable.id))
            for (const Name type : variable.elements) hold(type, why);
    };
    for (const Variable& variable : facts_.variables) {
        const std::string& name = text(variable.name);
        if (variable.storage == Storage::global) consider(variable, fmt::format("{} is global", name));
        if (variable.storage == Storage::static_local) consider(variable, fmt::format("{} is static", name));
        if (variable.storage == Storage::local && runs(variable.owner) == Runs::once && !in_service_loop(variable.loop)) {
            if (is_serving(variable.owner))
                consider(variable, fmt::format("{} is made once, in {}", name, text(function(variable.owner)->name)));
        }
    }
    hold_registered();
    // Singleton<Cache>::instance() returns a static object of the template's.
    for (const Given& given : facts_.given)
        if (const auto result = index_.find(text(given.function) + "#result"); result != index_.end())
            for (const Access& kept : reached({result->second, 0}))
                if (const Variable* variable = this->variable(kept.variable);
                    variable != nullptr && (variable->storage == Storage::global || variable->storage == Storage::static_local))
                    hold(given.type, fmt::format("{} is static", text(variable->name)));
    // What a lasting container holds, where the container itself is a member.
    for (int round = 0; round < 3; ++round)
        for (const Variable& variable : facts_.variables)
            if (variable.storage == Storage::field && variable.container && !grown.contains(variable.id))
                if (const auto owner = lasting_.find(variable.owner); owner != lasting_.end()) {
                    const std::string why = owner->second;
                    for (const Name type : variable.elements) hold(type, why);
                }
    // Made by new or make_unique in code that runs once, and held through a base class.
    for (int round = 0; round < 3; ++round)
        for (const Creation& creation : facts_.creations) {
            const Class* type = class_of(creation.type);
            if (type == nullptr || runs(creation.function, creation.loop) == Runs::repeatedly) continue;
            for (const Name base : type->bases)
                if (const auto known = lasting_.find(base); known != lasting_.end() && held_.contains(base))
                    mark_lasting(creation.type, std::string(known->second));
        }
}

std::string Program::lifetime(const Variable& variable) const {
    switch (variable.storage) {
        case Storage::global: return "global";
        case Storage::static_local: return "static";
        case Storage::field: {
            const auto known = lasting_.find(variable.owner);
            return known == lasting_.end() ? "" : known->second;
        }
        case Storage::local: {
            const Function* owner = function(variable.owner);
            if (owner == nullptr || in_service_loop(variable.loop)) return {};
            // It lasts as long as its function does: main, or one that serves.
            if (runs(variable.owner) == Runs::once && is_serving(variable.owner)) return fmt::format("made once, in {}", text(owner->name));
            return {};
        }
        default: return {};
    }
}

bool Program::also_short(const Variable& variable) const { return variable.storage == Storage::field && short_.contains(variable.owner); }

}  // namespace leakline::audit
