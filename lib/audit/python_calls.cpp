// Calls in a Python module: whom they call, what they do to containers, and what becomes of functions that are handed over.
#include <fmt/format.h>

#include <algorithm>

#include "audit/internal/python_module.hpp"
#include "audit/internal/python_words.hpp"

namespace leakline::audit {

namespace {

PythonNode argument_value(PythonNode given) { return given.is("keyword_argument") ? given.field("value") : given; }

// "jobs.get()", "jobs.get(timeout=1)": a queue's. A dict's get has a key.
bool takes_from_queue(PythonNode call) {
    const PythonNode function = call.field("function");
    if (!function.is("attribute") || function.field("attribute").text() != "get") return false;
    const auto given = call.field("arguments").children();
    return std::all_of(given.begin(), given.end(), [](const PythonNode& argument) {
        return argument.is("true") || (argument.is("keyword_argument") && one_of(argument.field("name").text(), {"timeout", "block"}));
    });
}

}  // namespace

// The class that "cls" stands for in a class method; empty for other names.
std::string PythonModule::own_class(std::string_view name) {
    return name == "cls" && !scopes_.empty() && here().self == name && here().owner != nullptr ? here().owner->id : std::string();
}

// The identifier of what is called: a function, a class's constructor, a method.
std::string PythonModule::callee(PythonNode function) {
    if (function.is("identifier")) {
        const std::string name(function.text());
        if (const std::string own = own_class(name); !own.empty()) return own + ".__init__";
        for (std::size_t i = scopes_.size(); i-- > 1;) {
            if (const auto nested = scopes_[i].functions.find(name); nested != scopes_[i].functions.end()) return nested->second;
            if (scopes_[i].locals.contains(name)) return {};
        }
        if (const auto known = functions_.find(name); known != functions_.end()) return known->second;
        if (const auto known = classes_.find(name); known != classes_.end()) {
            const bool keeps = known->second.methods.contains("__new__") && !known->second.methods.contains("__init__");
            return known->second.id + (keeps ? ".__new__" : ".__init__");
        }
        if (const auto import = imports_.find(name); import != imports_.end()) return "py:" + import->second;
        return {};
    }
    if (!function.is("attribute")) return {};
    const PythonNode object = function.field("object");
    const std::string method(function.field("attribute").text());
    if (object.is("identifier")) {
        const std::string name(object.text());
        if (is_self(object) && here().owner != nullptr) {
            if (here().owner->methods.contains(method)) return here().owner->id + "." + method;
            const std::string of_base = inherited(method);
            return of_base.empty() ? "py:*." + method : of_base;
        }
        if (const auto known = classes_.find(name); known != classes_.end()) return known->second.id + "." + method;
        if (const auto import = imports_.find(name); import != imports_.end() && !is_local_name(name))
            return "py:" + import->second + "." + method;
    }
    if (object.is("call") && object.field("function").text() == "super" && here().owner != nullptr) return inherited(method);
    if (const PythonValue of = known_value(object); of.kind == PythonValue::Kind::object) return of.type + "." + method;
    // A container's own methods are no one else's.
    if (known_value(object).grows()) return {};
    return "py:*." + method;
}

Name PythonModule::function_in(PythonNode expression) {
    if (expression.is("lambda")) return name_(fmt::format("{}.<lambda {}>", here().id, lambdas_ + 1));
    if (expression.is("identifier")) {
        const std::string name(expression.text());
        for (std::size_t i = scopes_.size(); i-- > 1;) {
            if (const auto nested = scopes_[i].functions.find(name); nested != scopes_[i].functions.end()) return name_(nested->second);
            if (scopes_[i].locals.contains(name)) return kNoName;
        }
        if (const auto known = functions_.find(name); known != functions_.end()) return name_(known->second);
        if (const auto import = imports_.find(name); import != imports_.end()) return name_("py:" + import->second);
    }
    if (expression.is("attribute")) {
        const PythonNode object = expression.field("object");
        const std::string method(expression.field("attribute").text());
        if (is_self(object) && here().owner != nullptr && here().owner->methods.contains(method))
            return name_(here().owner->id + "." + method);
        if (const PythonValue of = known_value(object); of.kind == PythonValue::Kind::object) return name_(of.type + "." + method);
        if (const auto import = imports_.find(std::string(object.text())); import != imports_.end())
            return name_("py:" + import->second + "." + method);
    }
    if (expression.is("call") && last_part(expression.field("function").text()) == "partial")
        return function_in(expression.field("arguments").first());
    return kNoName;
}

void PythonModule::note_call(PythonNode call, const std::string& to, PythonNode arguments) {
    Call noted = here().call(Call::Kind::call, name_(to), place(call));
    noted.guards = here().all_guards();
    std::uint32_t index = 0;
    for (const PythonNode& given : arguments.children()) {
        const PythonNode value = argument_value(given);
        Argument argument;
        argument.access = access(value);
        argument.few_values = few_values(value);
        note_handed_queue(value, to);
        for (const auto& [parameter, number] : here().parameters)
            if (mentions(value, parameter)) argument.parameter = number;
        if (argument.access && !given.is("keyword_argument"))
            facts_.aliases.push_back({name_(to + "#" + std::to_string(index)), *argument.access});
        noted.arguments.push_back(std::move(argument));
        ++index;
    }
    noted.first_time = here().first_time != 0;
    facts_.calls.push_back(std::move(noted));
    // An object that is created only if a global or member is not set yet is a singleton, not one for each request.
    if (to.ends_with(".__init__") && here().first_time == 0)
        facts_.creations.push_back({name_(to.substr(0, to.size() - 9)), here().function, place(call), here().loop});
}

// A function, a constructor or a method of this module.
bool PythonModule::is_defined_here(const std::string& callee) const {
    const std::string prefix = "py:" + module_ + ".";
    if (!callee.starts_with(prefix)) return false;
    if (callee.ends_with(".__init__") || functions_.contains(callee.substr(prefix.size()))) return true;
    const std::size_t dot = callee.rfind('.');
    if (dot < prefix.size()) return false;
    const auto type = classes_.find(callee.substr(prefix.size(), dot - prefix.size()));
    return type != classes_.end() && type->second.methods.contains(callee.substr(dot + 1));
}

// What takes from a queue is often elsewhere: a worker that was given it.
void PythonModule::note_handed_queue(PythonNode value, const std::string& to) {
    if (value.is("tuple") || value.is("list"))
        for (const PythonNode& part : value.children()) note_handed_queue(part, to);
    if (!value.is("identifier") && !value.is("attribute")) return;
    if (known_value(value).kind != PythonValue::Kind::queue) return;
    if (is_defined_here(to)) return;  // what it does is seen
    if (const auto on = access(value)) add(Operation::Kind::escape, *on, value, "argument");
}

void PythonModule::note_handed(std::string_view word, const std::string& through, PythonNode arguments) {
    if (through.starts_with("py:atexit.") || through.starts_with("py:signal.")) return;  // once, at the end
    for (const PythonNode& given : arguments.children()) {
        const PythonNode value = argument_value(given);
        const Name function = function_in(value);
        if (function == kNoName) continue;
        if (is_withdrawing(word)) {
            facts_.calls.push_back(here().call(Call::Kind::withdrawn, function, place(value)));
            continue;
        }
        Call noted = here().call(Call::Kind::deferred, function, place(value));
        noted.through = name_(through);
        const bool thread =
            word == "Thread" || word == "Process" || word == "run_in_executor" || word == "to_thread" || word == "start_new_thread";
        if (thread)
            noted.kind = Call::Kind::thread;
        else if (kAtOnce.contains(word) || kOnResult.contains(word))
            noted.kind = Call::Kind::immediate;
        else if (!through.empty() && !through.starts_with("py:*."))
            noted.kind = Call::Kind::handed;
        noted.guessed = !is_registering(word);
        facts_.calls.push_back(std::move(noted));
        // partial(handle, history): these come before what it is called with.
        if (!value.is("call")) continue;
        std::size_t index = 0;
        for (const PythonNode& bound : value.field("arguments").children()) {
            const Name parameter = name_(fmt::format("{}#{}", facts_.names[function], index - 1));
            if (index++ == 0 || bound.is("keyword_argument")) continue;
            note_flow(parameter, bound);
            if (const auto of = access(bound)) facts_.aliases.push_back({parameter, *of});
        }
    }
}

void PythonModule::walk_method_call(PythonNode call, PythonNode function) {
    const PythonNode object = function.field("object"), arguments = call.field("arguments");
    const std::string_view method = function.field("attribute").text();
    const auto on = access(object);
    if (!on) return;
    const PythonValue known = known_value(object);
    if (method == "close") here().paths.closed(on->variable, place(call));
    const auto given = arguments.children();
    if (kShrinks.contains(method) || takes_from_queue(call) || (known.kind == PythonValue::Kind::queue && method == "get")) {
        add(Operation::Kind::shrink, *on, call, method);
        return;
    }
    if (!kGrows.contains(method) || known.kind == PythonValue::Kind::bounded || known.kind == PythonValue::Kind::plain ||
        known.kind == PythonValue::Kind::object)
        return;
    if (method == "update" && given.empty()) return;  // of something else than a dict
    if ((method == "write" || method == "writelines") && known.kind != PythonValue::Kind::text) return;
    if ((method == "put" || method == "put_nowait" || method == "push") && known.kind != PythonValue::Kind::queue) return;
    Operation& operation = add(Operation::Kind::grow, *on, call, method);
    if (method == "append" && given.size() == 1 && here().absent.contains(fmt::format("{} in {}", given.front().text(), object.text())))
        return note_key(operation, given.front());
    const bool keyed = method == "setdefault" || method == "add" || method == "update";
    if (!keyed || given.empty()) return;
    PythonNode key = given.front();
    if (method == "update") {
        // update(a=1), update({"a": 1}): keys that stand in the source.
        bool few = true;
        for (const PythonNode& argument : given) {
            if (argument.is("keyword_argument")) continue;
            if (!argument.is("dictionary")) {
                few = false;
                continue;
            }
            for (const PythonNode& pair : argument.children()) few = few && pair.is("pair") && few_values(pair.field("key"));
        }
        note_key(operation, given.front());
        operation.few_keys = few;
        return;
    }
    note_key(operation, key);
}

void PythonModule::walk_call(PythonNode call) {
    const PythonNode function = call.field("function"), arguments = call.field("arguments");
    const std::string_view word = last_part(function.text());
    if (kWaits.contains(word) || waits_on(function) || takes_from_queue(call)) here().blocks = true;
    if (kGrowArgument.contains(word) || kShrinkArgument.contains(word))
        if (const auto on = access(arguments.first()))
            add(kGrowArgument.contains(word) ? Operation::Kind::grow : Operation::Kind::shrink, *on, call, word);
    if (kServices.contains(word) || function.text() == "uvicorn.run" ||
        (word == "run" && function.text().find("app") != std::string_view::npos)) {
        facts_.service_words.push_back(name_(std::string(word)));
        static constexpr PythonWords kForever = {"serve_forever",    "run_app",     "run_forever", "start_consuming",
                                                 "infinity_polling", "run_polling", "run"};
        here().serves = here().serves || kForever.contains(word);
        facts_.has_main = facts_.has_main || kForever.contains(word);
        // Server(...).serve_forever(): an object without a name lasts as long.
        if (const PythonNode object = function.field("object"); kForever.contains(word) && object.is("call"))
            if (const PythonValue made = value_of(object); made.kind == PythonValue::Kind::object)
                note_variable(fmt::format("{}:{}", here().id, made.type), std::string(last_part(object.field("function").text())),
                              at_module_level() ? Storage::global : Storage::local, here().id, object, made);
        // A loop around starts the whole service again.
        if (kForever.contains(word) || word == "run_until_complete")
            for (std::uint32_t loop = here().loop; loop != 0; loop = facts_.loops[loop - 1].outer)
                facts_.loops[loop - 1].exits = true, facts_.loops[loop - 1].endless = false;
    }
    if (at_module_level() && kApplications.contains(word)) facts_.has_main = true;
    if (word == "cache_clear")
        for (Memo& memo : facts_.memos)
            if (function.is("attribute") && facts_.names[memo.function] == callee(function.field("object"))) memo.cleared = true;
    if (function.is("attribute")) walk_method_call(call, function);
    const std::string to = callee(function);
    if (function.is("identifier") && here().parameters.contains(std::string(function.text()))) here().calls_parameter = true;
    if (function.is("identifier") && scopes_.size() > 2 && !here().locals.contains(std::string(function.text())))
        here().wraps = here().wraps || scopes_[scopes_.size() - 2].parameters.contains(std::string(function.text()));
    if (!to.empty()) note_call(call, to, arguments);
    note_call_flow(call, to);
    note_handed(word, to, arguments);
    for (const PythonNode& given : arguments.children()) {
        const PythonNode value = argument_value(given);
        // task.add_done_callback(tasks.discard)
        if (value.is("attribute") && kShrinks.contains(value.field("attribute").text()))
            if (const auto of = access(value.field("object"))) add(Operation::Kind::shrink, *of, value, value.field("attribute").text());
        if (value.is("identifier"))
            if (const auto of = access(value)) here().paths.handed_on(of->variable, place(call));
    }
    walk(function);
    walk(arguments);
}

bool PythonModule::note_handle(PythonNode target, PythonNode value) {
    if (!target.is("identifier") || at_module_level() || !value.is("call")) return false;
    std::string function(value.field("function").text());
    const std::string head = function.substr(0, function.find('.'));
    if (const auto import = imports_.find(head); import != imports_.end()) function = import->second + function.substr(head.size());
    if (!kOpens.contains(function)) return false;
    const Access on = variable_access(std::string(target.text()));
    const Variable* known = noted_variable(on.variable);
    if (known == nullptr || known->storage != Storage::local) return false;
    Handle handle;
    handle.function = here().function;
    handle.variable = on.variable;
    handle.acquire = name_(std::string(value.field("function").text()));
    handle.release = name_("close");
    handle.at = place(value);
    handle.counted = function != "os.open";
    walk(value);
    here().paths.opened(handle);
    return true;
}

}  // namespace leakline::audit
