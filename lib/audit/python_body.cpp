// The walk over a Python module: what is done to its variables, in which function, loop and condition.
#include <fmt/format.h>

#include <algorithm>

#include "audit/internal/python_module.hpp"
#include "audit/internal/python_words.hpp"
#include "base/ascii.hpp"
#include "base/strings.hpp"

namespace leakline::audit {

namespace {

constexpr int kDeepest = 300;

}  // namespace

Operation& PythonModule::add(Operation::Kind kind, const Access& on, PythonNode at, std::string_view word) {
    Operation& operation = here().add(facts_, kind, on, place(at), name_(std::string(word)));
    if (kind == Operation::Kind::grow) here().paths.added(on, operation.at, {});
    return operation;
}

void PythonModule::walk_children(PythonNode node) {
    for (const PythonNode& child : node.children()) walk(child);
}

void PythonModule::walk(PythonNode node) {
    if (depth_ >= kDeepest) return;
    ++depth_;
    const std::string_view kind = node.kind();
    if (kind == "decorated_definition") {
        std::vector<PythonNode> decorators;
        for (const PythonNode& child : node.children())
            if (child.is("decorator")) {
                decorators.push_back(child);
                walk_children(child);
            }
        const PythonNode definition = node.field("definition");
        if (definition.is("function_definition"))
            walk_function(definition, decorators);
        else
            walk_class(definition);
    } else if (kind == "function_definition") {
        walk_function(node, {});
    } else if (kind == "class_definition") {
        walk_class(node);
    } else if (kind == "lambda") {
        walk_lambda(node);
    } else if (kind == "if_statement") {
        walk_if(node);
    } else if (kind == "while_statement" || kind == "for_statement") {
        walk_loop(node);
    } else if (kind == "try_statement") {
        walk_try(node);
    } else if (kind == "with_statement") {
        walk_with(node);
    } else if (kind == "assignment") {
        walk_assignment(node);
    } else if (kind == "augmented_assignment") {
        walk_augmented(node);
    } else if (kind == "call") {
        walk_call(node);
    } else if (kind == "delete_statement") {
        walk_delete(node);
    } else if (kind == "global_statement" || kind == "nonlocal_statement") {
        for (const PythonNode& name : node.children())
            (kind == "global_statement" ? here().globals : here().nonlocals).emplace(name.text());
    } else if (kind == "return_statement" || kind == "raise_statement") {
        walk_children(node);
        std::set<Name> given;
        const PythonNode value = node.first();
        if (kind == "return_statement" && value) {
            note_flow(name_(here().id + "#result"), value);
            for (const PythonNode& part : value.children())
                if (value.is("expression_list") || value.is("tuple"))
                    if (const auto of = access(part)) given.insert(of->variable);
            if (const auto of = access(value)) {
                given.insert(of->variable);
                facts_.aliases.push_back({name_(here().id + "#result"), *of});
            }
            for (const Access& size : sizes_in(value, true)) facts_.size_results.push_back({name_(here().id + "#size"), size});
            if (const Name function = function_in(value); function != kNoName) {
                Call call;
                call.kind = Call::Kind::returned;
                call.from = here().function;
                call.to = function;
                call.at = place(node);
                facts_.calls.push_back(call);
            }
        }
        for (std::uint32_t loop = here().loop; loop != 0; loop = facts_.loops[loop - 1].outer) facts_.loops[loop - 1].exits = true;
        if (!here().in_except || kind == "return_statement") here().paths.left(place(node), kind == "raise_statement", std::move(given));
    } else if (kind == "break_statement") {
        if (here().loop != 0) facts_.loops[here().loop - 1].exits = true;
    } else {
        walk_children(node);
    }
    --depth_;
}

void PythonModule::collect_locals(PythonNode node, Scope& scope) {
    if (node.is("function_definition") || node.is("class_definition") || node.is("lambda")) {
        if (node.is("function_definition"))
            scope.functions[std::string(node.field("name").text())] = scope.id + "." + std::string(node.field("name").text());
        return;
    }
    if (node.is("global_statement"))
        for (const PythonNode& name : node.children()) scope.globals.emplace(name.text());
    if (node.is("nonlocal_statement"))
        for (const PythonNode& name : node.children()) scope.nonlocals.emplace(name.text());
    if (node.is("assignment") || node.is("for_statement") || node.is("named_expression")) {
        const PythonNode target = node.is("named_expression") ? node.field("name") : node.field("left");
        const auto note = [&](PythonNode name) {
            if (!name.is("identifier")) return;
            const std::string text(name.text());
            scope.locals.insert(text);
            if (node.is("assignment") && node.field("right")) {
                const PythonValue value = value_of(node.field("right"));
                const auto [at, first] = scope.assigned.emplace(text, node.field("right"));
                if (!first) at->second = PythonNode();
                auto& known = scope.values[text];
                if (known.kind == PythonValue::Kind::unknown || value.grows()) known = value;
            }
        };
        note(target);
        if (target.is("pattern_list") || target.is("tuple_pattern"))
            for (const PythonNode& part : target.children()) note(part);
    }
    if (node.is("as_pattern"))
        for (const PythonNode& child : node.children())
            if (child.is("as_pattern_target")) scope.locals.emplace(child.text());
    for (const PythonNode& child : node.children()) collect_locals(child, scope);
}

void PythonModule::read_parameters(PythonNode parameters, Scope& scope) {
    std::uint32_t index = 0;
    bool first = scope.owner != nullptr;
    for (const PythonNode& parameter : parameters.children()) {
        PythonNode name = parameter;
        if (parameter.is("default_parameter") || parameter.is("typed_default_parameter")) name = parameter.field("name");
        if (parameter.is("typed_parameter")) name = parameter.first();
        if (!name.is("identifier")) continue;
        const std::string text(name.text());
        if (first) {
            first = false;
            scope.self = text;
            continue;
        }
        first = false;
        scope.locals.insert(text);
        const PythonValue value = parameter.field("value") ? value_of(parameter.field("value")) : PythonValue{};
        const std::string id = scope.id + ":" + text;
        if (value.grows() && value.kind != PythonValue::Kind::text && parameter.field("value").kind() != "call") {
            // Made once, with the function: all calls without the argument share it.
            note_variable(id, fmt::format("{} (default of {})", text, scope.qualified), Storage::static_local, scope.id, parameter, value);
            scope.values[text] = value;
        } else {
            note_variable(id, text, Storage::parameter, scope.id, parameter, {});
        }
        scope.parameters[text] = index;
        const Name numbered = name_(scope.id + "#" + std::to_string(index));
        facts_.aliases.push_back({name_(id), {numbered, 0}});
        note_flow(name_(id), {numbered});
        note_flow(numbered, {name_(id)});
        ++index;
    }
}

void PythonModule::walk_function(PythonNode definition, const std::vector<PythonNode>& decorators) {
    const std::string name(definition.field("name").text());
    Scope scope;
    const bool method = !class_path_.empty() && at_module_level();
    const std::string path = class_prefix();
    const ClassScope* owner = nullptr;
    if (method) {
        const auto known = classes_.find(path.substr(0, path.size() - 1));
        if (known != classes_.end()) owner = &known->second;
    }
    bool without_self = false;
    for (const PythonNode& decorator : decorators) without_self = without_self || decorator.text() == "@staticmethod";
    scope.id = at_module_level() ? "py:" + module_ + "." + path + name : here().id + "." + name;
    scope.qualified = method ? path + name : name;
    scope.function = name_(scope.id);
    scope.owner = without_self ? nullptr : owner;

    Function function;
    function.id = scope.function;
    function.name = name_(scope.qualified);
    function.owner = owner != nullptr ? name_(owner->id) : kNoName;
    function.at = place(definition);
    if (name == "__init__" && owner != nullptr) function.kind = Function::Kind::constructor;
    if (name == "__del__" && owner != nullptr) function.kind = Function::Kind::destructor;
    function.entry_reason = name_(entry_reason(definition, decorators, owner));
    facts_.functions.push_back(function);
    for (const PythonNode& decorator : decorators) {
        const PythonNode wrapping = decorator.first().is("call") ? decorator.first().field("function") : decorator.first();
        if (const std::string wrapper = callee(wrapping); !wrapper.empty() && !wrapper.starts_with("py:*."))
            facts_.calls.push_back(scope.call(decorator.first().is("call") ? Call::Kind::decorated_by_result : Call::Kind::decorated,
                                              name_(wrapper), place(decorator)));
        const std::string_view text = decorator.text();
        const std::string_view plain = last_part(text.substr(0, text.find('(')).substr(1));
        std::string arguments(text.find('(') == text.npos ? "" : text.substr(text.find('(')));
        std::erase(arguments, ' ');
        const bool unbounded = plain == "cache"
                                   ? text.find("functools") != text.npos || imports_.contains("cache")
                                   : plain == "lru_cache" && (arguments.find("maxsize=None") != arguments.npos || arguments == "(None)");
        if (!unbounded) continue;
        Memo memo;
        memo.function = scope.function;
        memo.at = place(decorator);
        memo.word = name_(std::string(trim(text)));
        memo.parameters = !definition.field("parameters").children().empty();
        facts_.memos.push_back(memo);
    }
    read_parameters(definition.field("parameters"), scope);
    collect_locals(definition.field("body"), scope);
    for (const std::string& local : scope.locals) {
        if (scope.globals.contains(local) || scope.nonlocals.contains(local) || scope.parameters.contains(local)) continue;
        note_variable(scope.id + ":" + local, local, Storage::local, scope.id, PythonNode(), scope.values[local]);
    }
    const std::vector<std::string> classes = std::move(class_path_);
    class_path_.clear();
    scopes_.push_back(std::move(scope));
    walk(definition.field("body"));
    here().finish(facts_);
    for (Variable& variable : facts_.variables)  // of a loop, a with statement
        if (variable.storage == Storage::local && variable.owner == function.id && variable.at.line == 0) variable.at = function.at;
    scopes_.pop_back();
    class_path_ = classes;
}

void PythonModule::walk_class(PythonNode definition) {
    const std::string name(definition.field("name").text());
    const std::string path = class_prefix() + name;
    class_path_.push_back(name);
    if (const auto known = classes_.find(path); known != classes_.end() && at_module_level()) {
        Class read;
        read.id = name_(known->second.id);
        read.name = name_(path);
        read.at = place(definition);
        for (const std::string& base : known->second.bases)
            if (const std::string full = resolved_name(base); !full.empty()) read.bases.push_back(name_(full));
        facts_.classes.push_back(std::move(read));
        for (const auto& [attribute, value] : known->second.attributes) {
            const bool shared = known->second.shared.contains(attribute) && value.kind != PythonValue::Kind::text;
            note_variable(known->second.id + "." + attribute, path + "." + attribute, shared ? Storage::global : Storage::field,
                          known->second.id, PythonNode(), value);
        }
    }
    walk(definition.field("body"));
    class_path_.pop_back();
}

void PythonModule::walk_lambda(PythonNode lambda) {
    Function function;
    const std::string id = fmt::format("{}.<lambda {}>", here().id, ++lambdas_);
    function.id = name_(id);
    function.name = name_(fmt::format("lambda in {}", here().qualified.empty() ? module_ : here().qualified));
    function.at = place(lambda);
    function.kind = Function::Kind::lambda;
    function.local_file = true;
    facts_.functions.push_back(function);
    Scope scope;
    scope.id = id;
    scope.qualified = "lambda";
    scope.function = function.id;
    scope.self = here().self;
    scope.owner = here().owner;
    for (const PythonNode& parameter : lambda.field("parameters").children()) scope.locals.emplace(parameter.text());
    scopes_.push_back(std::move(scope));
    walk(lambda.field("body"));
    scopes_.pop_back();
}

bool PythonModule::leaves(PythonNode block) const {
    const auto statements = block.children();
    if (statements.empty()) return false;
    const std::string_view kind = statements.back().kind();
    return kind == "return_statement" || kind == "raise_statement" || kind == "break_statement" || kind == "continue_statement";
}

void PythonModule::walk_if(PythonNode statement) {
    const PythonNode condition = statement.field("condition");
    walk(condition);
    std::vector<Access> sizes = sizes_in(condition), leaving = sizes;
    // What is filled only while it is empty is filled once.
    if (const auto empty = emptiness_in(condition)) (empty->second ? sizes : leaving).push_back(empty->first);
    std::set<Name> names;
    if (const auto of = access(condition)) names.insert(of->variable);
    bool left = false;
    const bool first_time = sets_first_time(condition);
    here().first_time += first_time ? 1 : 0;
    here().guards.push_back(sizes);
    for (const PythonNode& child : statement.children()) {
        if (child.text() == condition.text() && child.line() == condition.line()) continue;
        here().paths.enter(names);
        walk(child);
        here().paths.leave();
        if (child.is("block")) left = left || leaves(child);
    }
    here().guards.pop_back();
    here().first_time -= first_time ? 1 : 0;
    if (!left) return;
    here().function_guards.insert(here().function_guards.end(), leaving.begin(), leaving.end());
    note_allowed(condition);
}

void PythonModule::walk_loop(PythonNode statement) {
    Loop loop;
    loop.function = here().function;
    loop.at = place(statement);
    loop.outer = here().loop;
    std::vector<Access> sizes;
    const bool counted = statement.is("for_statement");
    if (!counted) {
        const PythonNode condition = statement.field("condition");
        const std::string name = to_lower(last_part(condition.text()));
        static constexpr std::string_view going[] = {"run",  "stop", "quit",     "exit",    "alive",  "active",  "keep",
                                                     "done", "serv", "shutdown", "connect", "is_set", "continue"};
        loop.endless = condition.text() == "True" || condition.text() == "1" ||
                       std::any_of(std::begin(going), std::end(going), [&](std::string_view word) { return name.find(word) != name.npos; });
        sizes = sizes_in(condition);
    } else {
        const std::string_view over = statement.field("right").text();
        const std::string_view text = statement.text();
        // Messages that come in.
        static constexpr std::string_view sources[] = {"consumer", "listen()", "subscri", "websocket"};
        static constexpr std::string_view streams[] = {"ws", "messages", "requests", "connections", "events"};
        const auto names = [&](std::string_view part) { return over.find(part) != over.npos; };
        const bool waits = std::any_of(std::begin(sources), std::end(sources), names) ||
                           (text.starts_with("async") && std::any_of(std::begin(streams), std::end(streams), names));
        loop.endless = loop.blocks = waits;
    }
    facts_.loops.push_back(loop);
    const auto index = static_cast<std::uint32_t>(facts_.loops.size());
    const std::uint32_t outer = here().loop;
    const bool blocks = here().blocks;
    if (counted) {
        walk(statement.field("right"));
        std::set<Name> values;
        values_in(statement.field("right"), values);
        const auto range = access(statement.field("right"));
        const auto note = [&](PythonNode target) {
            if (!target.is("identifier")) return;
            const Name variable = variable_access(std::string(target.text())).variable;
            note_flow(variable, values);
            if (range) facts_.aliases.push_back({variable, {range->variable, static_cast<std::uint8_t>(range->depth + 1)}});
        };
        note(statement.field("left"));
        for (const PythonNode& part : statement.field("left").children()) note(part);
        note_keys_of(statement);
    }
    here().loop = index;
    here().blocks = false;
    if (!counted) walk(statement.field("condition"));
    here().guards.push_back(sizes);
    here().paths.enter({});
    walk(statement.field("body"));
    here().paths.leave();
    here().guards.pop_back();
    facts_.loops[index - 1].blocks = facts_.loops[index - 1].blocks || here().blocks;
    here().blocks = here().blocks || blocks;
    here().loop = outer;
    if (const PythonNode otherwise = statement.field("alternative")) walk(otherwise);
}

void PythonModule::walk_try(PythonNode statement) {
    // What "finally" does is done on every path, those that leave within included.
    PythonNode last;
    for (const PythonNode& child : statement.children())
        if (child.is("finally_clause")) last = child;
    if (last) walk(last);
    for (const PythonNode& child : statement.children()) {
        if (child.is("finally_clause")) continue;
        const bool branch = child.is("except_clause") || child.is("else_clause");
        const bool except = here().in_except;
        if (branch) here().paths.enter({});
        here().in_except = except || child.is("except_clause");
        walk(child);
        here().in_except = except;
        if (branch) here().paths.leave();
    }
    if (last) {
        const std::size_t operations = facts_.operations.size(), calls = facts_.calls.size(), loops = facts_.loops.size(),
                          functions = facts_.functions.size();
        walk(last);  // once more for the order of events; its facts are there already
        facts_.operations.resize(std::min(operations, facts_.operations.size()));
        facts_.calls.resize(std::min(calls, facts_.calls.size()));
        facts_.loops.resize(std::min(loops, facts_.loops.size()));
        facts_.functions.resize(std::min(functions, facts_.functions.size()));
    }
}

void PythonModule::walk_with(PythonNode statement) {
    // What it opens is closed at its end: not a handle that is left open.
    for (const PythonNode& child : statement.children()) {
        if (!child.is("with_clause")) continue;
        for (const PythonNode& item : child.children()) {
            const PythonNode value = item.field("value") ? item.field("value") : item.first();
            if (value.is("as_pattern")) {
                const auto parts = value.children();
                if (!parts.empty()) walk(parts.front());
                if (parts.size() != 2 || !parts.back().first().is("identifier")) continue;
                const Name variable = variable_access(std::string(parts.back().first().text())).variable;
                if (const auto of = access(parts.front())) facts_.aliases.push_back({variable, *of});
                note_flow(variable, parts.front());
            } else {
                walk(value);
            }
        }
    }
    walk(statement.field("body"));
}

void PythonModule::assign(PythonNode target, PythonNode value, bool module_level) {
    if (target.is("pattern_list") || target.is("tuple_pattern")) {
        for (const PythonNode& part : target.children())
            if (part.is("identifier"))
                note_flow(variable_access(std::string(part.text())).variable, value);
            else
                assign(part, value, module_level);
        return;
    }
    const auto on = access(target);
    if (!on) return;
    note_flow(on->variable, value);
    if (target.is("subscript")) {
        note_flow(on->variable, target.field("subscript"));
        const PythonNode container = target.field("value");
        const PythonValue known = known_value(container);
        PythonNode key = target.field("subscript");
        Access outer = *on;
        --outer.depth;
        if (key.is("slice")) {
            add(Operation::Kind::shrink, outer, target, "[:] =");
            return;
        }
        if (known.kind == PythonValue::Kind::list || known.kind == PythonValue::Kind::bounded || known.kind == PythonValue::Kind::text)
            return;  // replaces an element
        // d[k] = f(d[k]): the key is there already, or the statement fails.
        if (known.kind != PythonValue::Kind::default_dict && value && mentions(value, target.text())) return;
        Operation& operation = add(Operation::Kind::grow, outer, target, "[k] =");
        note_key(operation, key);
        return;
    }
    const auto of = value ? access(value) : std::nullopt;
    if (target.is("identifier") && of && of->variable != on->variable) facts_.aliases.push_back({on->variable, *of});
    if (target.is("attribute") && of && of->variable != on->variable && !value_of(value).grows())
        facts_.aliases.push_back({on->variable, *of});
    const std::string name(target.text());
    Variable* known = noted_variable(on->variable);
    // Objects that a local or an attribute gets.
    if (known != nullptr && value)
        if (const PythonValue made = value_of(value); made.kind == PythonValue::Kind::object) {
            const Name type = name_(made.type);
            if (std::find(known->holds.begin(), known->holds.end(), type) == known->holds.end()) known->holds.push_back(type);
            if (known->storage == Storage::local) facts_.creations.push_back({type, here().function, place(value), here().loop});
        }
    if (known != nullptr && known->storage == Storage::local) {
        const bool outer = !here().locals.contains(name) || here().nonlocals.contains(name);
        const bool again = known->at.line != 0 && known->at.line < target.line() && here().loop != 0;
        if (module_level || (!outer && !again)) return;
    }
    if (module_level && target.is("identifier")) return;  // its first value
    const bool appends = value && value.is("binary_operator") && mentions(value, name);
    add(appends ? Operation::Kind::grow : Operation::Kind::replace, *on, target, appends ? "= ... +" : "=").first_value =
        sets_first(target, value);
}

// self.items = {} where no other method, no base and not the class itself sets it: without this it would not be there.
bool PythonModule::sets_first(PythonNode target, PythonNode value) const {
    const ClassScope* owner = here().owner;
    if (owner == nullptr || !value || !target.is("attribute") || !is_self(target.field("object"))) return false;
    const std::string attribute(target.field("attribute").text());
    const auto setting = owner->set_by.find(attribute);
    return setting != owner->set_by.end() && setting->second.size() == 1 && !setting->second.contains("") &&
           !setting->second.contains("__init__") && !has_base_here(*owner) && !mentions(value, target.text());
}

void PythonModule::walk_assignment(PythonNode statement) {
    const PythonNode left = statement.field("left"), right = statement.field("right");
    if (at_module_level() && left.is("identifier")) {
        place_at(name_("py:" + module_ + "." + class_prefix() + std::string(left.text())), place(statement));
        if (!class_path_.empty()) {
            if (right) walk(right);
            return;
        }
    }
    if (!at_module_level() && left.is("identifier")) {
        const Name id = variable_access(std::string(left.text())).variable;
        if (Variable* known = noted_variable(id); known != nullptr && known->storage == Storage::local && known->at.line == 0) {
            known->at = place(statement);
            known->loop = here().loop;
        }
    }
    if (left.is("attribute") && is_self(left.field("object")))
        if (const auto on = access(left)) place_at(on->variable, place(statement));
    if (right && note_handle(left, right)) return;
    if (!right) return;
    if (right.is("assignment")) walk_assignment(right);  // a = b = []
    assign(left, right, at_module_level());
    if (const auto of = access(right); of && !left.is("identifier")) here().paths.handed_on(of->variable, place(statement));
    // A function that is stored is called later.
    if (const Name function = function_in(right); function != kNoName && !left.is("identifier")) {
        Call call = here().call(Call::Kind::deferred, function, place(right));
        call.guessed = !left.is("attribute") || !is_registering(left.field("attribute").text());
        facts_.calls.push_back(call);
    }
    if (left.is("subscript")) walk(left.field("value"));
    if (!right.is("assignment")) walk(right);
}

void PythonModule::walk_augmented(PythonNode statement) {
    const PythonNode left = statement.field("left"), right = statement.field("right");
    const std::string_view op = statement.field("operator").text();
    walk(right);
    const auto on = access(left);
    if (!on) return;
    note_flow(on->variable, right);
    if (left.is("subscript")) {
        const PythonValue known = known_value(left.field("value"));
        if (known.kind == PythonValue::Kind::list || known.kind == PythonValue::Kind::bounded) return;
        // A plain dict has the key already, or the statement fails; a defaultdict or Counter gets it.
        Access outer = *on;
        --outer.depth;
        if (known.kind == PythonValue::Kind::default_dict) {
            Operation& operation = add(Operation::Kind::grow, outer, left, "[k] +=");
            note_key(operation, left.field("subscript"));
        }
        if (value_of(right).grows()) add(Operation::Kind::grow, *on, left, "+=");
        return;
    }
    const PythonValue known = known_value(left);
    if (known.grows() && (op == "+=" || op == "|="))
        add(Operation::Kind::grow, *on, statement, op);
    else if (known.grows() && (op == "-=" || op == "&="))
        add(Operation::Kind::shrink, *on, statement, op);
    else if (op == "+=" || op == "-=")
        add(op == "+=" ? Operation::Kind::count_up : Operation::Kind::count_down, *on, statement, op);
}

void PythonModule::walk_delete(PythonNode statement) {
    const auto remove = [&](PythonNode target) {
        const auto on = access(target);
        if (!on) return;
        if (target.is("subscript"))
            add(Operation::Kind::shrink, {on->variable, static_cast<std::uint8_t>(on->depth - 1)}, target, "del");
        else
            add(Operation::Kind::replace, *on, target, "del");
    };
    for (const PythonNode& target : statement.children()) {
        if (target.is("expression_list") || target.is("tuple"))
            for (const PythonNode& part : target.children()) remove(part);
        else
            remove(target);
    }
}

}  // namespace leakline::audit
