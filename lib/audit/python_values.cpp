// What expressions of a Python module stand for: variables, sizes, keys, and what their values are computed from.
#include <fmt/format.h>

#include <algorithm>

#include "audit/internal/python_module.hpp"
#include "audit/internal/python_words.hpp"
#include "base/ascii.hpp"

namespace leakline::audit {

// What a name in the current scope stands for.
Access PythonModule::variable_access(const std::string& name) {
    for (std::size_t i = scopes_.size(); i-- > 1;) {
        const Scope& scope = scopes_[i];
        if (scope.globals.contains(name)) break;
        if (scope.nonlocals.contains(name)) continue;
        if (scope.locals.contains(name)) return {name_(scope.id + ":" + name), 0};
    }
    if (const auto import = imports_.find(name); import != imports_.end() && !globals_.contains(name))
        return {name_("py:" + import->second), 0};
    return {name_("py:" + module_ + "." + name), 0};
}

std::string PythonModule::class_prefix() const {
    std::string prefix;
    for (const std::string& name : class_path_) prefix += name + ".";
    return prefix;
}

bool PythonModule::is_self(PythonNode expression) const { return !here().self.empty() && expression.text() == here().self; }

// "os" where it stands for what "import os" gave.
bool PythonModule::is_module(PythonNode expression) const {
    const std::string name(expression.text());
    const auto import = expression.is("identifier") ? imports_.find(name) : imports_.end();
    return import != imports_.end() && import->second.find('.') == std::string::npos && !is_local_name(name) && !globals_.contains(name);
}

bool PythonModule::is_local_name(const std::string& name) const {
    return std::any_of(scopes_.begin() + 1, scopes_.end(), [&](const Scope& scope) { return scope.locals.contains(name); });
}

std::string PythonModule::inherited(const std::string& member) const {
    for (const std::string& base : here().owner->bases)
        if (const std::string full = resolved_name(base); !full.empty()) return full + "." + member;
    return {};
}

PythonValue PythonModule::known_value(PythonNode expression) {
    if (expression.is("identifier")) {
        const std::string name(expression.text());
        for (std::size_t i = scopes_.size(); i-- > 1;) {
            if (scopes_[i].globals.contains(name)) break;
            if (const auto value = scopes_[i].values.find(name); value != scopes_[i].values.end() && scopes_[i].locals.contains(name))
                return value->second;
            if (scopes_[i].locals.contains(name)) return {};
        }
        if (const auto value = globals_.find(name); value != globals_.end()) return value->second;
        return {};
    }
    if (expression.is("attribute")) {
        const PythonNode object = expression.field("object");
        const std::string attribute(expression.field("attribute").text());
        const ClassScope* type = nullptr;
        if (object.is("identifier") && is_self(object)) type = here().owner;
        if (const auto known = classes_.find(std::string(object.text())); known != classes_.end()) type = &known->second;
        if (const PythonValue of = object.is("identifier") ? known_value(object) : PythonValue{}; of.kind == PythonValue::Kind::object)
            for (const auto& [name, scope] : classes_)
                if (scope.id == of.type) type = &scope;
        if (type != nullptr)
            if (const auto value = type->attributes.find(attribute); value != type->attributes.end()) return value->second;
    }
    return value_of(expression);
}

// What web frameworks keep with the application, by a name that stands in the source: request.app["sockets"],
// app.state.sockets. Of one name it is one object.
std::string PythonModule::application_state(PythonNode expression) const {
    if (expression.is("subscript")) {
        const std::string_view object = last_part(expression.field("value").text());
        const PythonNode key = expression.field("subscript");
        if ((object != "app" && object != "application") || !key.is("string") || !few_values(key)) return {};
        std::string name(key.text());
        std::replace(name.begin(), name.end(), '\'', '"');
        return "app[" + name + "]";
    }
    if (!expression.is("attribute")) return {};
    const std::string_view object = expression.field("object").text();
    if (object != "app.state" && !object.ends_with(".app.state")) return {};
    return "app.state." + std::string(expression.field("attribute").text());
}

std::optional<Access> PythonModule::access(PythonNode expression, int depth) {
    if (!expression || depth > 30) return std::nullopt;
    const std::string_view kind = expression.kind();
    if (kind == "identifier") {
        const std::string name(expression.text());
        if (name == here().self && here().owner != nullptr) return std::nullopt;
        return variable_access(name);
    }
    if (kind == "parenthesized_expression" || kind == "await") return access(expression.first(), depth + 1);
    if (kind == "conditional_expression" || kind == "boolean_operator") {
        for (const PythonNode& part : expression.children())
            if (const auto found = access(part, depth + 1)) return found;
        return std::nullopt;
    }
    if (const std::string state = application_state(expression); !state.empty()) return Access{name_("py:" + state), 0};
    if (kind == "attribute") {
        const PythonNode object = expression.field("object");
        const std::string attribute(expression.field("attribute").text());
        if (object.is("identifier")) {
            const std::string name(object.text());
            if (is_self(object) && here().owner != nullptr) {
                // The class that has it: this one, or a base.
                const std::string of_base = here().owner->attributes.contains(attribute) ? "" : inherited(attribute);
                return Access{name_(of_base.empty() ? here().owner->id + "." + attribute : of_base), 0};
            }
            if (const auto known = classes_.find(name); known != classes_.end())
                return Access{name_(known->second.id + "." + attribute), 0};
            // A module's global, or an attribute of an imported object or class: joined by what is known of either.
            if (const auto import = imports_.find(name); import != imports_.end() && !is_local_name(name))
                return Access{name_("py:" + import->second + "." + attribute), 0};
        }
        if (const PythonValue of = known_value(object); of.kind == PythonValue::Kind::object)
            return Access{name_(of.type + "." + attribute), 0};
        return Access{name_("py:*." + attribute), 0};
    }
    if (kind == "subscript") {
        auto of = access(expression.field("value"), depth + 1);
        if (of) ++of->depth;
        return of;
    }
    if (kind == "call") {
        const PythonNode function = expression.field("function");
        if (function.is("attribute")) {
            static constexpr PythonWords elements = {"get", "setdefault", "pop", "popleft", "popitem"};
            static constexpr PythonWords views = {"values", "items", "keys"};  // as long as the container
            const std::string_view method = function.field("attribute").text();
            if (elements.contains(method) || views.contains(method)) {
                auto of = access(function.field("object"), depth + 1);
                if (of && elements.contains(method)) ++of->depth;
                return of;
            }
        }
        if (function.is("identifier")) {
            static constexpr PythonWords through = {"list", "iter", "enumerate", "sorted", "reversed", "tuple"};
            if (through.contains(function.text())) return access(expression.field("arguments").first(), depth + 1);
        }
        if (const std::string to = callee(function); !to.empty()) return Access{name_(to + "#result"), 0};
    }
    return std::nullopt;
}

bool PythonModule::is_enumeration(const ClassScope& type) {
    return std::any_of(type.bases.begin(), type.bases.end(), [](const std::string& base) {
        return one_of(last_part(base), {"Enum", "IntEnum", "StrEnum", "Flag", "IntFlag"});
    });
}

bool PythonModule::few_values(PythonNode expression) const {
    const std::string_view kind = expression.kind();
    if (kind == "string") {
        // An f-string with values in it is any text.
        for (const PythonNode& part : expression.children())
            if (part.is("interpolation")) return false;
        return true;
    }
    if (kind == "integer" || kind == "true" || kind == "false" || kind == "none" || kind == "comparison_operator" ||
        kind == "not_operator" || kind == "float")
        return true;
    if (kind == "tuple") {
        const auto parts = expression.children();
        return std::all_of(parts.begin(), parts.end(), [&](const PythonNode& part) { return few_values(part); });
    }
    if (kind == "call") {  // Color(text), bool(text)
        const std::string name(expression.field("function").text());
        const auto known = classes_.find(name);
        return name == "bool" || (known != classes_.end() && is_enumeration(known->second));
    }
    if (kind == "attribute") {  // Color.RED, Color.RED.value, Color(text).value
        const std::string_view name = expression.field("attribute").text();
        const PythonNode object = expression.field("object");
        if (one_of(name, {"value", "name"}) && one_of(object.kind(), {"attribute", "call"})) return few_values(object);
        return std::all_of(name.begin(), name.end(),
                           [](unsigned char c) { return std::isupper(c) != 0 || std::isdigit(c) != 0 || c == '_'; });
    }
    if (kind == "identifier") {
        const std::string_view name = expression.text();
        return name.size() > 1 && std::all_of(name.begin(), name.end(),
                                              [](unsigned char c) { return std::isupper(c) != 0 || std::isdigit(c) != 0 || c == '_'; });
    }
    if (kind == "binary_operator") {
        const auto parts = expression.children();
        return expression.text().find('%') != std::string_view::npos && parts.size() == 2 && parts[0].kind() != "string" &&
               parts[1].is("integer");
    }
    return false;
}

bool PythonModule::mentions(PythonNode expression, std::string_view name, int depth) const {
    if (depth > 40) return false;
    if (expression.text() == name) return true;
    const auto children = expression.children();
    return std::any_of(children.begin(), children.end(), [&](const PythonNode& child) { return mentions(child, name, depth + 1); });
}

std::vector<Access> PythonModule::sizes_in(PythonNode condition, bool compared, int depth) {
    std::vector<Access> found;
    if (!condition || depth > 30 || condition.is("lambda")) return found;
    if (condition.is("comparison_operator")) {
        for (const PythonNode& part : condition.children())
            if (part.text() == "0") return found;
        compared = true;
    }
    if (condition.is("call")) {
        const PythonNode function = condition.field("function");
        if (function.text() == "len" && compared) {
            if (const auto of = access(condition.field("arguments").first())) found.push_back(*of);
            return found;
        }
        const std::string_view method = last_part(function.text());
        if ((method == "qsize" || method == "full" || method == "__len__") && function.is("attribute"))
            if (const auto of = access(function.field("object"))) found.push_back(*of);
        if (const std::string to = callee(function); !to.empty()) found.push_back({name_(to + "#size"), 0});
        // What a method returns says nothing of its object's size: "if cache.get(key) is None". min() and int() pass sizes on.
        if (function.is("attribute")) compared = false;
    }
    if (compared && condition.is("subscript")) {  // of an element
        if (const auto of = access(condition)) found.push_back(*of);
        compared = false;
    }
    if (compared && (condition.is("identifier") || (condition.is("attribute"))))
        if (const auto of = access(condition)) found.push_back(*of);
    for (const PythonNode& child : condition.children()) {
        const auto inner = sizes_in(child, compared, depth + 1);
        found.insert(found.end(), inner.begin(), inner.end());
    }
    // A count that is compared is one only where it is not the container itself ("x in items").
    if (condition.is("comparison_operator") && condition.text().find(" in ") != std::string_view::npos) found.clear();
    return found;
}

// "not x", "x is None", "len(x) == 0": x and true; "x", "len(x) > 0": x and false.
std::optional<std::pair<Access, bool>> PythonModule::emptiness_in(PythonNode condition, bool negated) {
    if (condition.is("parenthesized_expression")) return emptiness_in(condition.first(), negated);
    if (condition.is("not_operator")) return emptiness_in(condition.first(), !negated);
    PythonNode subject = condition;
    if (condition.is("comparison_operator")) {
        const auto parts = condition.children();
        if (parts.size() != 2) return std::nullopt;
        const std::string_view text = condition.text();
        const bool none = parts[1].text() == "None", zero = parts[1].text() == "0";
        if (!none && !zero) return std::nullopt;
        const bool unequal = text.find("!=") != text.npos || text.find(" not ") != text.npos || text.find('>') != text.npos;
        negated = negated != !unequal;
        subject = parts[0];
    }
    if (subject.is("call") && subject.field("function").text() == "len") subject = subject.field("arguments").first();
    if (!subject.is("identifier") && !subject.is("attribute")) return std::nullopt;
    const auto of = access(subject);
    if (!of || of->depth != 0) return std::nullopt;
    return std::pair(*of, negated);
}

// "if self.table is None": not of a local variable.
bool PythonModule::sets_first_time(PythonNode condition) {
    const auto parts = condition.children();
    if (!condition.is("comparison_operator") || parts.size() != 2 || parts[1].text() != "None") return false;
    if (condition.text().find(" not ") != std::string_view::npos || condition.text().find("!=") != std::string_view::npos) return false;
    if (parts[0].is("attribute")) return is_self(parts[0].field("object"));
    const std::string name(parts[0].text());
    return parts[0].is("identifier") && (!here().locals.contains(name) || here().globals.contains(name));
}

// The variables and results that a value is computed from.
void PythonModule::values_in(PythonNode expression, std::set<Name>& values, int depth) {
    if (!expression || depth > 30 || expression.is("lambda")) return;
    if (expression.is("keyword_argument")) return values_in(expression.field("value"), values, depth + 1);
    if (expression.is("identifier")) {
        const std::string name(expression.text());
        if (kRequestNames.contains(name)) values.insert(name_(kInput));
        if (is_self(expression) && here().owner != nullptr) values.insert(name_(kObjectOf + here().owner->id));
        if (!is_module(expression)) values.insert(variable_access(name).variable);
        return;
    }
    if (expression.is("attribute")) {
        if (is_given_by_framework(expression)) values.insert(name_(kInput));
        if (const auto of = access(expression); of) values.insert(of->variable);
        if (is_self(expression.field("object"))) return;  // an attribute of an object that is made for a request may be the same in all
        return values_in(expression.field("object"), values, depth + 1);
    }
    if (expression.is("call")) {
        const PythonNode function = expression.field("function");
        const std::string_view word = last_part(function.text());
        if (kWaits.contains(word) || kInputs.contains(word) || reads_stream(function)) values.insert(name_(kInput));
        if (kNews.contains(word)) values.insert(name_(kNew));
        // A class of the code: new where requests make its objects.
        if (const PythonValue made = value_of(expression); made.kind == PythonValue::Kind::object && is_upper(word.front()))
            values.insert(name_(kObjectOf + made.type));
        if (const std::string to = callee(function); !to.empty()) values.insert(name_(to + "#result"));
        if (function.is("attribute")) values_in(function.field("object"), values, depth + 1);
        return values_in(expression.field("arguments"), values, depth + 1);
    }
    for (const PythonNode& child : expression.children()) values_in(child, values, depth + 1);
}

bool PythonModule::has_base_here(const ClassScope& scope) const {
    return std::any_of(scope.bases.begin(), scope.bases.end(), [&](const std::string& base) { return classes_.contains(base); });
}

// self.client_address in a handler: the class never sets it, so that what calls the handler does.
bool PythonModule::is_given_by_framework(PythonNode attribute) const {
    const Scope& scope = here();
    if (scope.owner == nullptr || !scope.owner->handles || !is_self(attribute.field("object"))) return false;
    const std::string name(attribute.field("attribute").text());
    return !scope.owner->attributes.contains(name) && !scope.owner->methods.contains(name) && !has_base_here(*scope.owner);
}

void PythonModule::note_flow(Name to, PythonNode from) {
    std::set<Name> values;
    values_in(from, values);
    note_flow(to, values);
}

// Arguments go into parameters, and into the object where the function may be a library's.
void PythonModule::note_call_flow(PythonNode call, const std::string& to) {
    std::set<Name> all;
    std::size_t index = 0;
    for (const PythonNode& given : call.field("arguments").children()) {
        std::set<Name> values;
        values_in(given, values);
        all.insert(values.begin(), values.end());
        if (given.is("keyword_argument"))
            note_flow(to.empty() ? kNoName : name_(to + ":" + std::string(given.field("name").text())), values);
        else
            note_flow(to.empty() ? kNoName : name_(fmt::format("{}#{}", to, index++)), values);
    }
    if (const PythonNode function = call.field("function");
        function.is("attribute") && !is_module(function.field("object")) && !is_defined_here(to))
        if (const auto on = access(function.field("object"))) note_flow(on->variable, all);
}

void PythonModule::note_key(Operation& operation, PythonNode key) {
    operation.few_keys = few_keys(key);
    operation.key = name_(std::string(key.text().substr(0, kLongestKey)));
    for (const auto& [parameter, index] : here().parameters)
        if (mentions(key, parameter)) operation.key_parameter = index;
    std::set<Name> values;
    values_in(key, values);
    operation.key_values.assign(values.begin(), values.end());
}

// "if key not in allowed: return": from there on the key is one of those.
void PythonModule::note_allowed(PythonNode condition) {
    if (condition.is("boolean_operator")) {
        for (const PythonNode& part : condition.children()) note_allowed(part);
        return;
    }
    const auto parts = condition.children();
    if (!condition.is("comparison_operator") || parts.size() != 2 || !parts[0].is("identifier")) return;
    if (condition.text().find(" not in ") == std::string_view::npos) return;
    here().allowed.emplace(parts[0].text());
}

// "for key in table": of a global or an attribute of this object.
void PythonModule::note_keys_of(PythonNode loop) {
    PythonNode range = loop.field("right"), key = loop.field("left");
    if (range.is("call") && one_of(range.field("function").text(), {"list", "sorted", "tuple"})) range = range.field("arguments").first();
    if (range.is("call") && range.field("arguments").children().empty() && range.field("function").is("attribute") &&
        one_of(range.field("function").field("attribute").text(), {"keys", "items"}))
        range = range.field("function").field("object");
    if (key.is("pattern_list") || key.is("tuple_pattern")) key = key.first();
    const bool own = range.is("attribute") && is_self(range.field("object"));
    const bool global =
        range.is("identifier") && globals_.contains(std::string(range.text())) && !here().locals.contains(std::string(range.text()));
    if (key.is("identifier") && (own || global)) here().allowed.emplace(key.text());
}

// Whether a key has few values, or only those that another container has.
bool PythonModule::few_keys(PythonNode key, int depth) const {
    constexpr int kMaxSteps = 8;
    if (depth > kMaxSteps) return false;
    if (few_values(key)) return true;
    const Scope& scope = scopes_.back();
    if (key.is("identifier")) {
        const std::string name(key.text());
        if (scope.allowed.contains(name)) return true;
        const auto once = scope.assigned.find(name);
        return once != scope.assigned.end() && once->second && few_keys(once->second, depth + 1);
    }
    if (!key.is("tuple")) return false;
    const auto parts = key.children();
    return std::all_of(parts.begin(), parts.end(), [&](const PythonNode& part) { return few_keys(part, depth + 1); });
}

}  // namespace leakline::audit
