// Definitions in a Python module: functions, their parameters and locals, classes, lambdas.
#include <fmt/format.h>

#include <algorithm>

#include "audit/internal/python_module.hpp"
#include "audit/internal/python_words.hpp"
#include "base/strings.hpp"

namespace leakline::audit {

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
            for (const PythonNode& part : target.children()) note(part.is("list_splat_pattern") ? part.first() : part);
    }
    if (node.is("as_pattern"))
        for (const PythonNode& child : node.children())
            if (child.is("as_pattern_target")) scope.locals.emplace(child.text());
    for (const PythonNode& child : node.children()) collect_locals(child, scope);
}

// "*args", "**options": all arguments from an index on.
void PythonModule::read_rest_parameter(PythonNode name, std::uint32_t index, Scope& scope) {
    if (!name.is("identifier")) return;
    const std::string text(name.text()), id = scope.id + ":" + text;
    scope.locals.insert(text);
    note_variable(id, text, Storage::parameter, scope.id, name, {});
    for (std::uint32_t i = index; i < kMaxFollowedArguments; ++i) note_flow(name_(id), {name_(fmt::format("{}#{}", scope.id, i))});
}

void PythonModule::read_parameters(PythonNode parameters, Scope& scope) {
    std::uint32_t index = 0;
    bool first = scope.owner != nullptr;
    for (const PythonNode& parameter : parameters.children()) {
        PythonNode name = parameter;
        if (parameter.is("default_parameter") || parameter.is("typed_default_parameter")) name = parameter.field("name");
        if (parameter.is("typed_parameter")) name = parameter.first();
        if (name.is("list_splat_pattern") || name.is("dictionary_splat_pattern")) {
            read_rest_parameter(name.first(), index, scope);
            continue;
        }
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
        if (value.grows() && value.kind != PythonValue::Kind::text && !one_of(parameter.field("value").kind(), {"call", "tuple"})) {
            // Made once, with the function: all calls without the argument share it.
            note_variable(id, fmt::format("{} (default of {})", text, scope.qualified), Storage::static_local, scope.id, parameter, value);
            scope.values[text] = value;
        } else {
            const PythonValue annotated = annotated_value(parameter.field("type"));
            if (annotated.kind == PythonValue::Kind::object) scope.values[text] = annotated;
            note_variable(id, text, Storage::parameter, scope.id, parameter, annotated);
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
    for (const PythonNode& decorator : decorators) without_self = without_self || decorator.first().text() == "staticmethod";
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
    // What is read from a property is what it returns.
    if (std::any_of(decorators.begin(), decorators.end(), [](const PythonNode& decorator) {
            return one_of(last_part(decorator.first().text()), {"property", "cached_property"});
        }))
        facts_.aliases.push_back({function.id, {name_(scope.id + "#result"), 0}});
    for (const PythonNode& decorator : decorators) {
        const PythonNode wrapping = decorator.first().is("call") ? decorator.first().field("function") : decorator.first();
        if (const std::string wrapper = callee(wrapping); !wrapper.empty() && !wrapper.starts_with("py:*."))
            facts_.calls.push_back(scope.call(decorator.first().is("call") ? Call::Kind::decorated_by_result : Call::Kind::decorated,
                                              name_(wrapper), place(decorator)));
        const std::string_view text = decorator.first().text();  // a comment may stand behind it
        const std::string_view plain = last_part(text.substr(0, text.find('(')));
        std::string arguments(text.find('(') == text.npos ? "" : text.substr(text.find('(')));
        std::erase(arguments, ' ');
        const bool unbounded = plain == "cache"
                                   ? text.find("functools") != text.npos || imports_.contains("cache")
                                   : plain == "lru_cache" && (arguments.find("maxsize=None") != arguments.npos || arguments == "(None)");
        if (!unbounded) continue;
        Memo memo;
        memo.function = scope.function;
        memo.at = place(decorator);
        memo.word = name_("@" + std::string(text));
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
        const auto note_run = [&](Call::Kind kind, Name from, const std::string& method) {
            Call call;
            call.kind = kind;
            call.from = from;
            call.to = name_(known->second.id + "." + method);
            call.at = place(definition);
            facts_.calls.push_back(std::move(call));
        };
        const std::string constructor = known->second.id + ".__init__";
        // What start() runs, some time after the object was made.
        const bool thread = std::any_of(known->second.bases.begin(), known->second.bases.end(), [](const std::string& base) {
            return one_of(last_part(base), {"Thread", "Process", "QThread", "Greenlet"});
        });
        if (thread && known->second.methods.contains("run")) note_run(Call::Kind::thread, name_(constructor), "run");
        if (!known->second.wraps.empty()) note_run(Call::Kind::deferred, kNoName, known->second.wraps);
        // Registry(name) calls __new__ first.
        if (known->second.methods.contains("__new__") && known->second.methods.contains("__init__")) {
            note_run(Call::Kind::call, name_(constructor), "__new__");
            for (std::uint32_t i = 0; i < kMaxFollowedArguments; ++i)
                note_flow(name_(fmt::format("{}.__new__#{}", known->second.id, i)),
                          std::set<Name>{name_(fmt::format("{}#{}", constructor, i))});
        }
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

}  // namespace leakline::audit
