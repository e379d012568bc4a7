// Who calls whom: callees that are known by a name alone, decorators, functions that are handed over or stored, destructors.
#include <fmt/format.h>

#include <algorithm>
#include <deque>

#include "audit/internal/program.hpp"

namespace leakline::audit {

// In Python a class that sets an attribute of its base sets the same one.
void Program::join_attributes_of_bases() {
    constexpr int kMaxBases = 6;
    for (const Variable& variable : facts_.variables) {
        const std::string& id = text(variable.id);
        if (variable.storage != Storage::field || !id.starts_with("py:")) continue;
        const std::string attribute = id.substr(id.rfind('.'));
        std::vector<Name> open = {variable.owner};
        for (int step = 0; step < kMaxBases && !open.empty(); ++step) {
            const Class* type = class_of(open.back());
            open.pop_back();
            if (type == nullptr) continue;
            for (const Name base : type->bases) {
                if (const auto known = index_.find(text(base) + attribute); known != index_.end() && variables_.contains(known->second))
                    of_base_[variable.id] = known->second;
                open.push_back(base);
            }
        }
    }
}

// Of classes that have bases: the class with all of them.
std::vector<std::set<Name>> Program::lines_of_bases() const {
    std::vector<std::set<Name>> lines;
    for (const Class& type : facts_.classes) {
        if (type.bases.empty()) continue;
        std::set<Name>& line = lines.emplace_back();
        for (std::vector<Name> open = {type.id}; !open.empty();) {
            const Name at = open.back();
            open.pop_back();
            if (!line.insert(at).second) continue;
            if (const Class* known = class_of(at)) open.insert(open.end(), known->bases.begin(), known->bases.end());
        }
    }
    return lines;
}

// "py:*.name", "cpp:*.name": an attribute or method of an object whose class is not known. Where few classes have one of the
// name, it is taken to be theirs. A call of an imported class is a call of its constructor.
void Program::join_unknown_classes() {
    constexpr std::size_t kMaxCandidates = 4;
    const auto last = [](const std::string& id) { return id.substr(id.find_last_of(".:") + 1); };
    std::unordered_map<std::string, std::vector<Name>> attributes, methods, methods_of_cpp;
    for (const Variable& variable : facts_.variables)
        if (variable.owner != kNoName && classes_.contains(variable.owner) && text(variable.id).starts_with("py:"))
            attributes[last(text(variable.id))].push_back(variable.id);
    for (const Function& function : facts_.functions)
        if (function.owner != kNoName && function.kind == Function::Kind::plain)
            (text(function.id).starts_with("py:") ? methods : methods_of_cpp)[last(text(function.name))].push_back(function.id);
    // By the last part alone: "py:store.cache.add" is a method of a global of another module.
    const auto lookup = [&](const auto& table, const std::string& id) -> std::vector<Name> {
        const std::vector<Name>& found = found_or_empty(table, last(id));
        return found.size() > kMaxCandidates ? std::vector<Name>{} : found;
    };
    const auto named = [&](const std::string& id) {
        const auto [at, added] = index_.emplace(id, static_cast<Name>(facts_.names.size()));
        if (added) facts_.names.push_back(id);
        return at->second;
    };
    const auto is_known_object = [&](const std::string& id) {
        const auto known = index_.find(id);
        return known != index_.end() && (variables_.contains(known->second) || classes_.contains(known->second));
    };
    // The classes that an object may be of, or that a name stands for.
    const auto types_of = [&](Name object) {
        const Variable* held = variable(object);
        return held == nullptr ? std::vector<Name>{object} : held->holds;
    };
    const auto numbered = [&](const std::string& id, std::size_t argument) { return named(fmt::format("{}#{}", id, argument)); };
    const auto lines = lines_of_bases();
    // Whether one object may be of both classes: one is a base of the other, or a third one has both for its bases.
    const auto are_related = [&](Name one, Name other) {
        return one == other || std::any_of(lines.begin(), lines.end(),
                                           [&](const std::set<Name>& line) { return line.contains(one) && line.contains(other); });
    };
    std::vector<Call> more;
    for (Call& call : facts_.calls) {
        const std::string id = text(call.to);
        const bool cpp = id.starts_with(kUnknownClass);
        if ((!cpp && !id.starts_with("py:")) || functions_.contains(call.to)) continue;
        if (classes_.contains(call.to)) {  // an imported class is called
            for (const char* constructor : {".__new__", ".__init__"})
                if (const auto known = index_.find(id + constructor); known != index_.end() && functions_.contains(known->second))
                    call.to = known->second;
            facts_.creations.push_back({index_.at(id), call.from, call.at, call.loop});
            continue;
        }
        // What is handed over or stored may be any attribute of a library's object: "data = parsed.feed".
        const std::string object = id.substr(0, id.rfind('.'));
        const bool known_object = is_known_object(object);
        if (call.kind != Call::Kind::call && !known_object) continue;
        const std::vector<Name> candidates = lookup(cpp ? methods_of_cpp : methods, id);
        // One class with a method of a name of its own is as good as known.
        static const std::set<std::string> common = {"add",   "get",    "put",    "set",     "update", "append",  "send",   "write",
                                                     "close", "run",    "start",  "stop",    "read",   "open",    "remove", "pop",
                                                     "clear", "insert", "extend", "connect", "handle", "execute", "create", "delete"};
        const bool guessed = candidates.size() > 1 || common.contains(last(id)) || last(id).starts_with("__");
        // "get_store().add": a method of what a function returns.
        const auto returning = index_.find(object);
        const bool result = returning != index_.end() && functions_.contains(returning->second);
        const std::vector<Name> types = known_object ? types_of(index_.at(object)) : std::vector<Name>{};
        // A value of an enumeration ("Kind.solution") or a function of a library ("requests.post") is not a method of an unrelated class.
        const auto is_foreign = [&](Name candidate) {
            if (cpp || object == "py:*" || result) return false;
            const Name owner = function(candidate)->owner;
            if (types.empty()) return !known_object || call.kind != Call::Kind::call;
            return std::none_of(types.begin(), types.end(), [&](Name type) { return are_related(type, owner); });
        };
        for (const Name candidate : candidates) {
            for (std::size_t i = 0; i < call.arguments.size(); ++i) {
                const Name given = numbered(id, i), taken = numbered(text(candidate), i);
                flows_[given].push_back(taken);
                if (cpp) aliases_[taken].push_back({given, 0});
            }
            flows_[named(text(candidate) + "#result")].push_back(named(id + "#result"));
        }
        for (std::size_t i = 0; i < candidates.size(); ++i) {
            call.guessed = guessed || is_foreign(candidates[i]);
            if (i == 0) {
                call.to = candidates[i];
                continue;
            }
            more.push_back(call);
            more.back().to = candidates[i];
        }
    }
    facts_.calls.insert(facts_.calls.end(), more.begin(), more.end());
    std::set<Name> accessed;
    for (const Operation& operation : facts_.operations) accessed.insert(operation.on.variable);
    for (const auto& [alias, list] : aliases_)
        for (const Access& of : list) accessed.insert(of.variable);
    for (const Name name : accessed) {
        const std::string& id = text(name);
        if (!id.starts_with("py:") || variables_.contains(name) || id.find('#') != id.npos) continue;
        for (const Name candidate : lookup(attributes, id)) aliases_[name].push_back({candidate, 0});
    }
}

// The arguments of one function are those of the other, too.
void Program::pass_arguments(Name from, Name to) {
    for (std::uint32_t i = 0; i < kMaxFollowedArguments; ++i) {
        const auto given = index_.find(fmt::format("{}#{}", text(from), i)), taken = index_.find(fmt::format("{}#{}", text(to), i));
        if (given != index_.end() && taken != index_.end()) flows_[given->second].push_back(taken->second);
    }
}

// A call of a method of a base class may run each method that overrides it: that one is given the arguments, and its result comes back.
void Program::join_overriders() {
    constexpr std::size_t kMostFollowed = 4;  // of more classes it is not known which one has a container
    const auto of = [&](Name function, const auto& part) {
        const auto known = index_.find(fmt::format("{}#{}", text(function), part));
        return known == index_.end() ? kNoName : known->second;
    };
    for (const auto& [base, overriders] : overriders_)
        for (const Name overrider : overriders) {
            const bool followed = overriders.size() <= kMostFollowed;
            const Name result = of(base, "result"), own = of(overrider, "result");
            if (result != kNoName && own != kNoName) {
                flows_[own].push_back(result);
                if (followed) aliases_[result].push_back({own, 0});
            }
            for (std::uint32_t i = 0; i < kMaxFollowedArguments; ++i) {
                const Name given = of(base, i), taken = of(overrider, i);
                if (given == kNoName || taken == kNoName) continue;
                // Straight into the parameter: a call through the base class is as near as a direct one.
                const std::vector<Name> parameters = found_or_empty(flows_, taken);
                flows_[given].insert(flows_[given].end(), parameters.begin(), parameters.end());
                if (followed) aliases_[taken].push_back({given, 0});
            }
        }
}

void Program::join_calls() {
    const auto add_edge = [&](Name from, Name to, const Call& call) {
        edges_[from].push_back({to, call.loop, call.guessed || call.first_time});
        for (std::deque<Name> open = {to}; !open.empty(); open.pop_front())
            for (const Name overrider : found_or_empty(overriders_, open.front())) {
                edges_[from].push_back({overrider, call.loop, call.guessed || call.first_time});
                open.push_back(overrider);
            }
    };
    std::unordered_map<Name, std::vector<Name>> returned;
    std::unordered_map<Name, std::vector<const Call*>> indirect;  // by type
    for (const Call& call : facts_.calls) {
        if (call.kind == Call::Kind::returned) returned[call.from].push_back(call.to);
        if (call.kind == Call::Kind::indirect) indirect[call.through].push_back(&call);
    }
    propagate_called_parameters();
    for (const Call& call : facts_.calls) {
        switch (call.kind) {
            case Call::Kind::call: calls_[call.to].push_back(&call); [[fallthrough]];
            case Call::Kind::thread:
            case Call::Kind::returned:
            case Call::Kind::immediate: add_edge(call.from, call.to, call); break;
            case Call::Kind::decorated:
            case Call::Kind::decorated_by_result: {
                // The decorator runs at the definition; what it returns runs whenever the function is called.
                std::vector<Name> decorators = {call.to};
                add_edge(kNoName, call.to, call);
                if (call.kind == Call::Kind::decorated_by_result) {
                    decorators = found_or_empty(returned, call.to);
                    for (const Name decorator : decorators) add_edge(kNoName, decorator, call);
                }
                if (const std::string& made = text(call.to); made.ends_with(".__init__"))  // an object of a class stands for it
                    if (const auto called = index_.find(made.substr(0, made.size() - 8) + "__call__"); called != index_.end()) {
                        add_edge(call.from, called->second, call);
                        pass_arguments(call.from, called->second);
                    }
                for (const Name decorator : decorators)
                    for (const Name result : found_or_empty(returned, decorator))
                        if (const Function* wrapper = function(result); wrapper != nullptr && wrapper->wraps) {
                            add_edge(call.from, result, call);
                            pass_arguments(call.from, result);
                        }
                break;
            }
            case Call::Kind::withdrawn:
            case Call::Kind::indirect: break;
            case Call::Kind::handed: {
                const Function* through = function(call.through);
                if (through != nullptr && through->starts_parameter) {
                    add_edge(call.from, call.to, call);
                    break;
                }
                bool at_once = through != nullptr && through->calls_parameter;
                for (const Name overrider : found_or_empty(overriders_, call.through))
                    if (const Function* known = function(overrider)) at_once = at_once || known->calls_parameter;
                if (at_once) {
                    add_edge(call.from, call.to, call);
                    add_edge(call.through, call.to, call);
                    break;
                }
                [[fallthrough]];
            }
            case Call::Kind::deferred: {
                const Function* stored = function(call.to);
                if (stored == nullptr) break;
                // What this code keeps is called where this code calls through a pointer of its type; the callers of what a
                // library keeps are not seen.
                const bool kept_here = call.through == kNoName || function(call.through) != nullptr;
                const auto& sites = found_or_empty(indirect, stored->type);
                if (kept_here && stored->type != kNoName && !sites.empty()) {
                    for (const Call* site : sites) add_edge(site->from, call.to, *site);
                    break;
                }
                (call.guessed ? guessed_roots_ : roots_).emplace(call.to, fmt::format("registered at {}", place_text(call.at)));
                break;
            }
        }
    }
    for (const Function& function : facts_.functions) {
        if (function.is_entry()) roots_[function.id] = text(function.entry_reason);
        if (function.outside_override) roots_.emplace(function.id, "called by the library whose class it extends");
    }
}

// A function that hands its own parameter to one that calls it calls it, too.
void Program::propagate_called_parameters() {
    const auto is_callable = [&](const Variable& variable) {
        const std::string& type = text(variable.type);
        static const std::set<std::string> templates = {"F", "Fn", "Func", "Function", "Callable", "Callback", "Visitor", "Handler"};
        std::string name = type.starts_with("const ") ? type.substr(6) : type;
        while (!name.empty() && (name.back() == '&' || name.back() == ' ')) name.pop_back();
        return type.find('(') != type.npos || templates.contains(name);
    };
    for (bool changed = true; changed;) {
        changed = false;
        for (const Call& call : facts_.calls) {
            if (call.kind != Call::Kind::call) continue;
            const auto from = functions_.find(call.from), to = functions_.find(call.to);
            if (from == functions_.end() || to == functions_.end()) continue;
            Function& caller = facts_.functions[from->second];
            const Function& callee = facts_.functions[to->second];
            if ((caller.calls_parameter || !callee.calls_parameter) && (caller.starts_parameter || !callee.starts_parameter)) continue;
            for (const Argument& argument : call.arguments) {
                const Variable* given = argument.access ? variable(argument.access->variable) : nullptr;
                if (given == nullptr || given->storage != Storage::parameter || given->owner != call.from || !is_callable(*given)) continue;
                caller.calls_parameter = caller.calls_parameter || callee.calls_parameter;
                caller.starts_parameter = caller.starts_parameter || callee.starts_parameter;
                changed = true;
                break;
            }
        }
    }
}

// The destructor of an object, and those of its members and bases, run where the object is made, or later.
void Program::join_destructors() {
    std::unordered_map<Name, Name> destructors;  // by the class
    for (const Function& function : facts_.functions)
        if (function.kind == Function::Kind::destructor) destructors[function.owner] = function.id;
    if (destructors.empty()) return;
    std::unordered_map<Name, std::set<Name>> parts;  // of a class: classes of its members, and its bases
    for (const Variable& variable : facts_.variables)
        if (variable.storage == Storage::field) parts[variable.owner].insert(variable.holds.begin(), variable.holds.end());
    for (const Class& type : facts_.classes) parts[type.id].insert(type.bases.begin(), type.bases.end());
    for (const Creation& creation : facts_.creations) {
        std::set<Name> seen;
        for (std::vector<Name> open = {creation.type}; !open.empty();) {
            const Name type = open.back();
            open.pop_back();
            if (!seen.insert(type).second) continue;
            if (const auto known = destructors.find(type); known != destructors.end())
                edges_[creation.function].push_back({known->second, creation.loop, false});
            const std::set<Name>& inner = found_or_empty(parts, type);
            open.insert(open.end(), inner.begin(), inner.end());
        }
    }
}

}  // namespace leakline::audit
