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

bool only_sleeps(PythonNode loop) {
    const auto statements = loop.field("body").children();
    if (statements.size() != 1 || loop.field("condition").text() == "True") return false;
    PythonNode call = statements.front().first();
    if (call.is("await")) call = call.first();
    return call.is("call") && last_part(call.field("function").text()) == "sleep";
}

// last = last[-9:] + [x]: what is kept has a bound.
bool takes_slice(PythonNode value, const std::string& name) {
    if (value.is("subscript") && value.field("value").text() == name && value.field("subscript").is("slice")) return true;
    const auto parts = value.children();
    return std::any_of(parts.begin(), parts.end(), [&](const PythonNode& part) { return takes_slice(part, name); });
}

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
    } else if (kind == "if_statement" || kind == "elif_clause") {
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
    } else if (kind == "await") {
        here().awaits = true;  // until something happens
        walk_children(node);
    } else if (kind == "break_statement") {
        if (here().loop != 0) facts_.loops[here().loop - 1].exits = true;
    } else {
        walk_children(node);
    }
    --depth_;
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
    if (at_module_level() && condition.text().starts_with("__name__")) facts_.has_main = true;
    const std::vector<Access> sizes = sizes_in(condition);
    // What is filled only while it is empty is filled once.
    const auto empty = emptiness_in(condition);
    std::set<Name> names;
    if (const auto of = access(condition)) names.insert(of->variable);
    bool left = false;
    const bool first_time = sets_first_time(condition);
    for (const PythonNode& child : statement.children()) {
        if (child.text() == condition.text() && child.line() == condition.line()) continue;
        const bool unset = first_time && child.is("block");
        const std::set<std::string> present = here().present, absent = here().absent;
        if (child.is("block")) note_present(condition);
        note_absent(condition, !child.is("block"));
        here().first_time += unset ? 1 : 0;
        here().guards.push_back(sizes);
        if (empty && empty->second == child.is("block")) here().guards.back().push_back(empty->first);
        here().paths.enter(names);
        walk(child);
        here().paths.leave();
        here().guards.pop_back();
        here().first_time -= unset ? 1 : 0;
        here().present = present;
        here().absent = absent;
        if (child.is("block")) left = left || leaves(child);
    }
    if (!left) return;
    here().function_guards.insert(here().function_guards.end(), sizes.begin(), sizes.end());
    if (empty && !empty->second) here().function_guards.push_back(empty->first);
    note_allowed(condition);
    note_absent(condition, true);
}

// "if item not in items:", or behind "if item in items: return": items.append(item) adds each value once, as a set does.
// present: whether it is the other way round.
void PythonModule::note_absent(PythonNode condition, bool present) {
    if (condition.is("boolean_operator"))
        for (const PythonNode& part : condition.children()) note_absent(part, present);
    const auto parts = condition.children();
    if (!condition.is("comparison_operator") || parts.size() != 2) return;
    const bool absent = condition.text().find(" not in ") != std::string_view::npos;
    if (absent != present && condition.text().find(" in ") != std::string_view::npos)
        here().absent.insert(fmt::format("{} in {}", parts[0].text(), parts[1].text()));
}

// "if key in items": items[key] = value replaces there.
void PythonModule::note_present(PythonNode condition) {
    if (condition.is("boolean_operator") && condition.field("operator").text() == "and")
        for (const PythonNode& part : condition.children()) note_present(part);
    const auto parts = condition.children();
    if (!condition.is("comparison_operator") || parts.size() != 2 || condition.text().find(" not in ") != std::string_view::npos) return;
    if (condition.text().find(" in ") != std::string_view::npos)
        here().present.insert(fmt::format("{} in {}", parts[0].text(), parts[1].text()));
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
        // "while self.running:", not "while len(self.running_tasks):" or "while self.running < most:".
        const bool counts =
            condition.text().find("len(") != std::string_view::npos || condition.text().find_first_of("<>") != std::string_view::npos;
        loop.endless = condition.text() == "True" || condition.text() == "1" ||
                       (!counts && std::any_of(std::begin(going), std::end(going),
                                               [&](std::string_view word) { return name.find(word) != name.npos; }));
        sizes = sizes_in(condition);
    } else {
        const std::string_view over = statement.field("right").text();
        const std::string_view text = statement.text();
        // Messages that come in.
        static constexpr std::string_view sources[] = {"consumer", "listen()", "websocket"};
        static constexpr std::string_view streams[] = {"ws", "messages", "requests", "connections", "events", "subscription"};
        const bool waits =
            std::any_of(std::begin(sources), std::end(sources), [&](std::string_view tail) { return over.ends_with(tail); }) ||
            over.find("subscribe(") != over.npos ||
            (text.starts_with("async") &&
             std::any_of(std::begin(streams), std::end(streams), [&](std::string_view part) { return over.find(part) != over.npos; }));
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
    here().blocks = here().awaits = false;
    const bool sizes_known = !sizes.empty();
    if (!counted) walk(statement.field("condition"));
    // "while data := await reader.readline()"
    if (!counted && (here().blocks || here().awaits) && !sizes_known) facts_.loops[index - 1].endless = true;
    here().guards.push_back(sizes);
    here().paths.enter({});
    walk(statement.field("body"));
    here().paths.leave();
    here().guards.pop_back();
    // One that awaits an answer and ends with the last page is no service's.
    facts_.loops[index - 1].blocks = facts_.loops[index - 1].blocks || here().blocks || (here().awaits && !facts_.loops[index - 1].exits);
    // "while self.busy: sleep(1)" waits for something to end.
    if (!counted && only_sleeps(statement)) facts_.loops[index - 1].endless = false;
    here().blocks = here().blocks || here().awaits || blocks;
    here().loop = outer;
    if (const PythonNode otherwise = statement.field("alternative")) walk(otherwise);
}

void PythonModule::walk_try(PythonNode statement) {
    // What "finally" does is done on every path, those that leave within included.
    PythonNode last;
    for (const PythonNode& child : statement.children())
        if (child.is("finally_clause")) last = child;
    if (last) {
        const std::size_t begin = here().paths.final_begins();
        walk(last);
        here().paths.final_ends(begin);
    }
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
    if (last) here().paths.final_left();
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
        for (const PythonNode& part : target.children()) {
            const PythonNode name = part.is("list_splat_pattern") ? part.first() : part;
            if (name.is("identifier")) {
                const Access on = variable_access(std::string(name.text()));
                note_flow(on.variable, value);
                // "line, buffer = buffer.split(b'\n', 1)"
                if (!module_level && mentions(value, name.text())) add(Operation::Kind::replace, on, name, "=");
            } else
                assign(name, value, module_level);
        }
        return;
    }
    const auto on = access(target);
    if (!on) return;
    note_flow(on->variable, value);
    if (const std::string state = application_state(target); !state.empty()) {
        const PythonValue first = value_of(value);
        if (first.grows() && noted_variable(on->variable) == nullptr)
            note_variable("py:" + state, state, Storage::global, "", target, first);
        else
            add(Operation::Kind::replace, *on, target, "=");
        return;
    }
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
        if (here().present.contains(fmt::format("{} in {}", key.text(), container.text()))) return;
        // d[k] = [x for x in d[k] if ...]: what is left of the element.
        if (one_of(value.kind(), {"list_comprehension", "set_comprehension", "dictionary_comprehension"}))
            add(Operation::Kind::replace, *on, target, "[k] =");
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
    if (module_level && target.is("identifier")) return;                   // its first value
    if (known != nullptr && known->storage == Storage::parameter) return;  // the name stands for something else from here on
    PythonNode sum = value;
    while (sum.is("parenthesized_expression")) sum = sum.first();
    const bool appends = sum.is("binary_operator") && mentions(sum, name) && !takes_slice(sum, name);
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
        add(op == "+=" ? Operation::Kind::count_up : Operation::Kind::count_down, *on, statement, op).few_keys = right.is("integer");
}

void PythonModule::walk_delete(PythonNode statement) {
    const auto remove = [&](PythonNode target) {
        while (target.is("parenthesized_expression")) target = target.first();  // del(items[key])
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
