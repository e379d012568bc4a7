// Calls: what they do to containers, whom they call, and what becomes of functions that are handed over.
#include <algorithm>
#include <utility>

#include "audit/internal/clang_body.hpp"
#include "audit/internal/words.hpp"
#include "base/ascii.hpp"

namespace leakline::audit {

namespace {

std::string last_name(const std::string& source) {
    std::size_t end = source.size();
    while (end > 0 && !is_word_part(source[end - 1])) --end;
    std::size_t begin = end;
    while (begin > 0 && is_word_part(source[begin - 1])) --begin;
    return source.substr(begin, end - begin);
}

// What a function gives to functions that are handed to it.
std::string called_parameter(const std::string& function, std::size_t argument) { return function + "#called#" + std::to_string(argument); }

}  // namespace

std::vector<CXCursor> BodyReader::arguments_of(CXCursor call) const {
    std::vector<CXCursor> arguments;
    const int count = tree_.clang.Cursor_getNumArguments(call);
    for (int i = 0; i < count; ++i) arguments.push_back(tree_.clang.Cursor_getArgument(call, static_cast<unsigned>(i)));
    if (count >= 0) return arguments;
    const ClangTree::Children children = tree_.children(call);
    for (std::size_t i = 1; i < children.size(); ++i) arguments.push_back(children[i]);
    return arguments;
}

// A function, a lambda, or what binds one: the function that is handed over.
Name BodyReader::function_in(CXCursor expression, int depth) {
    if (depth > 4) return kNoName;
    const CXCursor cursor = tree_.plain(expression);
    if (const std::string lambda = tree_.lambda_of(tree_.clang.getCursorType(cursor)); !lambda.empty()) return tree_.name(lambda);
    const CXCursorKind kind = tree_.kind(cursor);
    if (kind == CXCursor_DeclRefExpr || kind == CXCursor_MemberRefExpr) {
        const CXCursor target = tree_.referenced(cursor);
        if (tree_.is_null(target)) return kNoName;
        const CXCursorKind declared = tree_.kind(target);
        const bool function = declared == CXCursor_FunctionDecl || declared == CXCursor_CXXMethod || declared == CXCursor_FunctionTemplate;
        return function && tree_.in_project(target) ? tree_.id(target) : kNoName;
    }
    if (kind == CXCursor_UnaryOperator && !tree_.children(cursor).empty()) return function_in(tree_.children(cursor).front(), depth + 1);
    if (kind == CXCursor_CallExpr) {
        // std::bind(f, ...), std::function(f), std::move(f): not what a function of the code does with it.
        const CXCursor callee = tree_.referenced(cursor);
        if (tree_.is_null(callee) || !tree_.is_standard(callee)) return kNoName;
        for (const CXCursor argument : arguments_of(cursor))
            if (const Name found = function_in(argument, depth + 1); found != kNoName) return found;
    }
    if (kind == CXCursor_UnexposedExpr)
        for (const CXCursor child : tree_.children(cursor))
            if (tree_.is_expression(child))
                if (const Name found = function_in(child, depth + 1); found != kNoName) return found;
    return kNoName;
}

// The handle that a variable gets from a call of a library's function. (A pointer to a function or a method may be called
// "accept", too.)
std::optional<Handle> BodyReader::opened_by(CXCursor value, Name variable) {
    if (tree_.kind(value) != CXCursor_CallExpr) return std::nullopt;
    const CXCursor callee = tree_.referenced(value);
    if (tree_.is_null(callee) || tree_.kind(callee) != CXCursor_FunctionDecl || tree_.in_project(callee)) return std::nullopt;
    const HandlePair* pair = handle_of(tree_.spelling(value));
    if (pair == nullptr) return std::nullopt;
    Handle handle;
    handle.function = here().function;
    handle.variable = variable;
    handle.acquire = tree_.name(std::string(pair->acquire));
    handle.release = tree_.name(std::string(pair->release));
    handle.at = tree_.place(value);
    return handle;
}

// Functions in what is stored: an initializer of a table, a field, a global, a returned value.
void BodyReader::note_deferred(CXCursor expression) {
    const auto note = [&](CXCursor part) {
        const Name function = function_in(part);
        if (function == kNoName) return false;
        facts_.calls.push_back(state().call(Call::Kind::deferred, function, tree_.place(part)));
        return true;
    };
    if (note(expression)) return;
    const CXCursor cursor = tree_.plain(expression);
    if (tree_.kind(cursor) != CXCursor_InitListExpr) return;
    for (const CXCursor part : tree_.children(cursor))
        if (!note(part) && tree_.kind(tree_.plain(part)) == CXCursor_InitListExpr) note_deferred(part);
}

void BodyReader::note_creation(CXType type, CXCursor at) {
    // An object that is created only if a global or member is not set yet is a singleton, not one for each request.
    if (contexts_.empty() || here().first_time != 0) return;
    for (const Name held : tree_.type_facts(type).holds) facts_.creations.push_back({held, here().function, tree_.place(at), here().loop});
}

// A call through a pointer to a function or a std::function: which one it runs is known by its type alone.
void BodyReader::note_indirect(CXCursor call, CXType type) {
    const ClangApi& clang = tree_.clang;
    type = clang.getCanonicalType(type);
    for (int step = 0; step < 4 && type.kind != CXType_FunctionProto && type.kind != CXType_FunctionNoProto; ++step) {
        if (type.kind == CXType_Pointer || type.kind == CXType_LValueReference || type.kind == CXType_RValueReference)
            type = clang.getCanonicalType(clang.getPointeeType(type));
        else if (clang.Type_getNumTemplateArguments(type) > 0)
            type = clang.getCanonicalType(clang.Type_getTemplateArgumentAsType(type, 0));
        else
            return;
    }
    if (type.kind != CXType_FunctionProto && type.kind != CXType_FunctionNoProto) return;
    Call noted = here().call(Call::Kind::indirect, kNoName, tree_.place(call));
    noted.through = tree_.name(tree_.type_text(type));
    facts_.calls.push_back(std::move(noted));
}

// Singleton<Cache>::instance(), or Cache::instance() of a base class Singleton<Cache>.
void BodyReader::note_given(CXCursor call, CXCursor callee) {
    const ClangApi& clang = tree_.clang;
    const auto is_of_template = [&](CXCursor cursor) { return !tree_.is_null(clang.getSpecializedCursorTemplate(cursor)); };
    if (!is_of_template(callee) && !is_of_template(clang.getCursorSemanticParent(callee))) return;
    for (const Name type : tree_.type_facts(clang.getCursorType(call)).holds)
        if (const Given given{tree_.id(callee), type}; given_.insert(given).second) facts_.given.push_back(given);
}

void BodyReader::walk_call(CXCursor call) {
    const CXCursor callee = tree_.referenced(call);
    const ClangTree::Children children = tree_.children(call);
    const std::vector<CXCursor> arguments = arguments_of(call);
    const std::string word = tree_.spelling(call);
    const bool written = std::exchange(writes_, false);
    if (contexts_.empty()) {
        contexts_.emplace_back();  // an initializer outside of functions
        walk_children(call);
        contexts_.pop_back();
        return;
    }
    if (tree_.is_null(callee)) {
        // Within a template, or through a pointer to a function.
        note_handed_on(call, "", arguments, true);
        if (!children.empty()) {
            const CXCursor function = tree_.plain(children.front());
            note_indirect(call, tree_.clang.getCursorType(function));
            const ClangTree::Children inner = tree_.children(function);
            const std::string name = last_name(tree_.source(function));
            if (tree_.kind(function) == CXCursor_MemberRefExpr && !inner.empty()) {
                container_method(call, callee, name, inner.front(), arguments);
                note_dependent(call, name, inner.front(), arguments);
            } else {
                note_called_parameter(function, arguments);
                note_invoked(call, name, arguments);
                note_standard_effects(call, name, arguments);
                note_overloads(call, function, arguments);
                // Policy::trim(map_), where Policy is a parameter of the template.
                if (tree_.is_null(tree_.referenced(function)) && tree_.source(function).find("::") != std::string::npos)
                    note_dependent(call, name, {}, arguments);
            }
        }
        walk_children(call);
        return;
    }
    const CXCursorKind kind = tree_.kind(callee);
    if (kind == CXCursor_VarDecl || kind == CXCursor_ParmDecl || kind == CXCursor_FieldDecl) {
        if (here().parameters.contains(tree_.id(callee))) note_called_parameter(children.front(), arguments);
        note_handed_on(call, "", arguments, true);
        note_indirect(call, tree_.clang.getCursorType(callee));
        walk_children(call);
        return;
    }
    const bool project = tree_.in_project(callee) && !tree_.is_implicit(callee);
    if (project) note_given(call, callee);
    std::optional<CXCursor> object;
    bool written_operator = false;
    if (kind == CXCursor_CXXMethod || kind == CXCursor_ConversionFunction || kind == CXCursor_FunctionTemplate) {
        if (!children.empty()) {
            const CXCursor first = tree_.plain(children.front());
            const CXCursor target = tree_.referenced(first);
            const bool member =
                tree_.kind(first) == CXCursor_MemberRefExpr && !tree_.is_null(target) && tree_.kind(target) != CXCursor_FieldDecl;
            if (member) {
                object = tree_.last_expression(first);
            } else if (word.starts_with("operator") && kind == CXCursor_CXXMethod) {
                object = children.front();
                written_operator = true;
            }
        }
    } else if (kind == CXCursor_FunctionDecl && word.starts_with("operator") && !arguments.empty()) {
        object = arguments.front();
        written_operator = true;
    }
    std::vector<CXCursor> values = arguments;
    if (written_operator && !values.empty()) values.erase(values.begin());

    if (word == "operator()" && object) {
        const auto of = access(*object);
        if (of && here().parameters.contains(of->variable)) note_called_parameter(*object, values);
        note_indirect(call, tree_.clang.getCursorType(*object));
        if (const auto held = of ? callables_.find(of->variable) : callables_.end(); held != callables_.end())
            facts_.calls.push_back(here().call(Call::Kind::call, held->second, tree_.place(call)));
    }
    if (!static_ && (kind == CXCursor_Constructor || word == "make_shared" || word == "make_unique" || word == "allocate_shared"))
        note_creation(tree_.clang.getCursorType(call), call);
    if (word == "operator=" && object && !values.empty()) {
        walk_assignment(call, *object, values.front());
        return;
    }
    if (object && !project) container_method(call, callee, word == "operator[]" && written ? "operator[]=" : word, *object, values);
    if (kind == CXCursor_FunctionDecl || kind == CXCursor_FunctionTemplate || kind == CXCursor_CXXMethod)
        library_call(call, callee, word, arguments, project);
    if (!tree_.is_standard(callee) || kind == CXCursor_Constructor) note_call(call, callee, written_operator ? values : arguments, project);
    note_call_flow(call, callee, object, written_operator ? values : arguments, project);
    note_handed_on(call, word, arguments, project);
    note_handed_functions(call, callee, arguments, project);
    if (kind == CXCursor_CXXMethod && tree_.is_standard(callee) && word == "wait") here().blocks = true;
    // m[key].push_back(x), ++m[key]: what changes an element means to add it.
    const bool changes = object && kind == CXCursor_CXXMethod && tree_.clang.CXXMethod_isConst(callee) == 0;
    for (std::size_t i = 0; i < children.size(); ++i) {
        writes_ = changes && i == 0;
        walk(children[i]);
    }
    writes_ = false;
}

void BodyReader::container_method(CXCursor call, CXCursor method, const std::string& word, CXCursor object,
                                  const std::vector<CXCursor>& arguments) {
    // A stream is written to as its base class.
    const TypeFacts& given = tree_.type_facts(tree_.clang.getCursorType(object));
    const TypeFacts& facts = given.container() ? given : tree_.type_facts(tree_.clang.getCursorType(tree_.plain(object)));
    const bool standard = tree_.is_null(method) || tree_.is_standard(method);
    if (!tree_.is_null(method)) {
        const std::string owner = tree_.spelling(tree_.clang.getCursorSemanticParent(method));
        if (is_pointer_class(owner)) {
            if (word == "reset" || word == "release" || word == "store" || word == "exchange")
                if (const auto on = access(object)) add(Operation::Kind::replace, *on, call, word);
            return;
        }
    }
    const bool unknown = !facts.container() && tree_.is_type_parameter(tree_.clang.getCursorType(object));
    if (!facts.container() && !unknown) return;
    const auto on = access(object);
    if (!on) return;
    const bool subscript = word.starts_with("operator[]");
    // In a generic lambda, or of a template's parameter: the method says what kind of container it is.
    const TypeFacts::Family family = unknown ? TypeFacts::Family::sequence : facts.family;
    Effect effect = method_effect(subscript ? "operator[]" : word, family, standard);
    if (effect == Effect::none) return;
    // other.splice(at, pending), other.swap(pending): these take from the argument.
    if (word == "swap" || word == "merge" || word.starts_with("splice"))
        for (const CXCursor argument : arguments)
            if (tree_.type_facts(tree_.clang.getCursorType(argument)).container())
                if (const auto from = access(argument)) add(Operation::Kind::shrink, *from, call, word);
    if (word == "resize" && !arguments.empty()) {
        // resize(size() + n) adds.
        std::set<Name> names;
        mentioned(arguments.front(), names);
        const std::string source = tree_.source(arguments.front());
        if (names.contains(on->variable) && source.find('+') != source.npos) effect = Effect::grow;
    }
    if (word == "str" && arguments.empty()) return;  // reads
    Operation& operation = add(effect == Effect::grow ? Operation::Kind::grow : Operation::Kind::shrink, *on, call,
                               subscript              ? (word.ends_with('=') ? "[k] =" : "[k]")
                               : word == "operator+=" ? "+="
                               : word == "operator<<" ? "<<"
                                                      : word);
    if (effect != Effect::grow) return;
    static const std::set<std::string> with_key = {"insert", "emplace", "try_emplace", "insert_or_assign"};
    const bool keyed =
        facts.family == TypeFacts::Family::map || facts.family == TypeFacts::Family::set || (unknown && with_key.contains(word));
    if (keyed && !arguments.empty()) note_key(operation, arguments.front(), facts.few_keys);
    here().paths.added(*on, operation.at, {});
}

// Whether a call waits, and whether it shows that this is a service.
void BodyReader::note_service(CXCursor call, CXCursor callee, const std::string& word, const std::vector<CXCursor>& arguments) {
    const auto reads_input = [&] {
        if (arguments.empty() || (word != "read" && word != "fgets" && word != "getline" && word != "getc")) return false;
        const std::string source = tree_.source(call);
        return source.find("stdin") != source.npos || source.find("STDIN") != source.npos || source.find("cin") != source.npos;
    };
    if (is_blocking(word) || reads_input()) here().blocks = true;
    if (is_service_word(word)) facts_.service_words.push_back(tree_.name(word));
    if (tree_.kind(callee) != CXCursor_CXXMethod) return;
    const std::string owner = tree_.spelling(tree_.clang.getCursorSemanticParent(callee));
    const bool server = owner.find("erver") != owner.npos || owner.find("io_context") != owner.npos ||
                        owner.find("io_service") != owner.npos || owner.find("EventLoop") != owner.npos ||
                        owner.find("Application") != owner.npos;
    static const std::set<std::string> runs = {"run", "listen", "start", "Wait", "serve", "exec", "loop"};
    if (!server || !runs.contains(word)) return;
    facts_.service_words.push_back(tree_.name(owner + "::" + word));
    here().blocks = here().serves = true;  // comes back at the end only
}

// std::erase_if(items, ...), std::exchange(items, {}), std::back_inserter(items): what they do to their arguments.
void BodyReader::note_standard_effects(CXCursor call, const std::string& word, const std::vector<CXCursor>& arguments) {
    static const std::set<std::string> takes = {"swap", "exchange", "erase", "erase_if", "move"};
    static const std::set<std::string> adds = {"back_inserter", "front_inserter", "inserter"};
    const bool taken = takes.contains(word);
    if (!taken && !adds.contains(word)) return;
    for (const CXCursor argument : arguments) {
        const bool container = tree_.type_facts(tree_.clang.getCursorType(argument)).container();
        if (!container && !taken) continue;
        if (const auto on = access(argument); on && (container || word == "exchange" || word == "swap"))
            add(taken ? Operation::Kind::shrink : Operation::Kind::grow, *on, call, word);
        if (word != "swap") break;
    }
}

// memcpy(buffer + length, ...): data is added at a count.
void BodyReader::note_copy_behind(CXCursor call, const std::string& word, const std::vector<CXCursor>& arguments) {
    if (!word.starts_with("mem") && !word.starts_with("str") && word.find("printf") == word.npos && word != "read" && word != "recv")
        return;
    for (const CXCursor argument : arguments) {
        const CXCursor sum = tree_.plain(argument);
        if (tree_.kind(sum) != CXCursor_BinaryOperator || tree_.binary_operator(sum) != "+") continue;
        const ClangTree::Children sides = tree_.children(sum);
        note_store_behind(call, sides.front(), sides.back(), word);
    }
}

// Nodes that are freed, by any name that says so.
void BodyReader::note_free(CXCursor call, const std::string& word, const std::vector<CXCursor>& arguments, bool project) {
    for (const CXCursor argument : arguments) {
        const CXCursor value = tree_.plain(argument);
        const Name node = tree_.type_facts(tree_.clang.getCursorType(value)).node;
        if (node == kNoName) continue;
        const auto on = access(value);
        if (on && here().fresh.contains(on->variable) && !here().linked_to.contains(on->variable)) continue;
        add(Operation::Kind::free, on.value_or(Access{}), call, word).node = node;
    }
    if (!project)
        if (const auto on = access(arguments.front())) add(Operation::Kind::replace, *on, call, word);
}

void BodyReader::library_call(CXCursor call, CXCursor callee, const std::string& word, const std::vector<CXCursor>& arguments,
                              bool project) {
    if (!project) note_service(call, callee, word, arguments);
    if (!project && never_returns(word)) here().paths.ended(tree_.place(call));
    if (arguments.empty()) return;

    if (is_realloc_name(word))
        for (const CXCursor argument : arguments)
            if (const auto array = access(argument)) {
                add(Operation::Kind::reallocate, *array, call, word);
                break;
            }
    if (!project)
        if (const Effect effect = function_effect(word); effect != Effect::none)
            if (const auto on = access(arguments.front())) {
                Operation& operation = add(effect == Effect::grow ? Operation::Kind::grow : Operation::Kind::shrink, *on, call, word);
                if (effect == Effect::grow) {
                    if (word.find("hash_table") != word.npos && arguments.size() > 1) note_key(operation, arguments[1], false);
                    here().paths.added(*on, operation.at, {});
                }
                return;
            }
    if (!project && tree_.is_standard(callee)) {
        note_invoked(call, word, arguments);
        note_standard_effects(call, word, arguments);
    }
    if (!project) note_copy_behind(call, word, arguments);
    if (is_free_name(word)) note_free(call, word, arguments, project);
    if (!project && closes_handle(word))
        if (const auto on = access(arguments.front()); on && is_local(on->variable)) here().paths.closed(on->variable, tree_.place(call));
}

// A local variable that is given to code which may keep it has another owner from then on.
void BodyReader::note_handed_on(CXCursor call, const std::string& word, const std::vector<CXCursor>& arguments, bool project) {
    const bool takes_over = word == "fdopen" || word == "fdopendir";  // closes the descriptor with what it returns
    if (!project && !takes_over && (closes_handle(word) || borrows_handle(word) || handle_of(word) != nullptr)) return;
    for (const CXCursor argument : arguments)
        if (const auto on = access(tree_.plain(argument)); on && is_local(on->variable))
            here().paths.handed_on(on->variable, tree_.place(call));
}

Argument BodyReader::argument_of(CXCursor expression) {
    Argument argument;
    argument.access = access(expression);
    argument.few_values = few_values(expression);
    argument.parameter = parameter_in(expression);
    return argument;
}

// Within a template, which function of a name is called depends on the arguments: any that takes as many.
void BodyReader::note_overloads(CXCursor call, CXCursor function, const std::vector<CXCursor>& arguments) {
    const ClangApi& clang = tree_.clang;
    const CXCursor all = tree_.referenced(function);
    if (tree_.is_null(all) || tree_.kind(all) != CXCursor_OverloadedDeclRef) return;
    for (unsigned i = 0; i < clang.getNumOverloadedDecls(all); ++i) {
        const CXCursor candidate = clang.getOverloadedDecl(all, i);
        const ClangTree::Children parts = tree_.children(candidate);
        const auto parameters =
            std::count_if(parts.begin(), parts.end(), [&](CXCursor part) { return tree_.kind(part) == CXCursor_ParmDecl; });
        if (!tree_.in_project(candidate) || static_cast<std::size_t>(parameters) != arguments.size()) continue;
        note_call(call, candidate, arguments, true);
        note_call_flow(call, candidate, {}, arguments, true);
    }
}

// A method of a class that is a parameter of the template: known by its name alone.
void BodyReader::note_dependent(CXCursor call, const std::string& name, std::optional<CXCursor> object,
                                const std::vector<CXCursor>& arguments) {
    if (name.empty() || (object && tree_.type_facts(tree_.clang.getCursorType(*object)).container())) return;
    Call noted = here().call(Call::Kind::call, tree_.name(kUnknownClass + name), tree_.place(call));
    noted.guards = here().all_guards();
    noted.first_time = here().first_time != 0 || static_;
    for (std::size_t i = 0; i < arguments.size(); ++i) {
        Argument argument = argument_of(arguments[i]);
        const Name parameter = tree_.name(facts_.names[noted.to] + "#" + std::to_string(i));
        note_flow(parameter, arguments[i]);
        if (argument.access) facts_.aliases.push_back({parameter, *argument.access});
        noted.arguments.push_back(std::move(argument));
    }
    facts_.calls.push_back(std::move(noted));
}

// f(items_), std::forward<F>(f)(items_): what the function that was handed over gets. Its parameters stand for these arguments.
void BodyReader::note_called_parameter(CXCursor function, const std::vector<CXCursor>& arguments) {
    if (!parameter_in(function)) return;
    here().calls_parameter = true;
    for (std::size_t i = 0; i < arguments.size(); ++i) {
        const Name given = tree_.name(called_parameter(facts_.names[here().function], i));
        note_flow(given, arguments[i]);
        if (const auto of = access(arguments[i])) facts_.aliases.push_back({given, *of});
    }
}

// std::invoke(f, items_): as f(items_).
void BodyReader::note_invoked(CXCursor call, const std::string& word, const std::vector<CXCursor>& arguments) {
    if (word != "invoke" || arguments.empty()) return;
    note_called_parameter(arguments.front(), {arguments.begin() + 1, arguments.end()});
    note_indirect(call, tree_.clang.getCursorType(arguments.front()));
    const auto of = access(arguments.front());
    const auto held = of ? callables_.find(of->variable) : callables_.end();
    const Name function = held != callables_.end() ? held->second : function_in(arguments.front());
    if (function == kNoName) return;
    facts_.calls.push_back(here().call(Call::Kind::call, function, tree_.place(call)));
    note_arguments_behind(function, 0, arguments);
}

// std::invoke(f, a, b), std::thread(f, a, b): the arguments behind a function are its parameters; the first one is the object of a method.
void BodyReader::note_arguments_behind(Name function, std::size_t at, const std::vector<CXCursor>& arguments) {
    const bool method = tree_.clang.getCanonicalType(tree_.clang.getCursorType(arguments[at])).kind == CXType_MemberPointer;
    const std::size_t first = at + (method ? 2 : 1);
    for (std::size_t i = first; i < arguments.size(); ++i) {
        const Name parameter = tree_.name(facts_.names[function] + "#" + std::to_string(i - first));
        note_flow(parameter, arguments[i]);
        if (const auto of = access(arguments[i])) facts_.aliases.push_back({parameter, *of});
    }
}

void BodyReader::note_call(CXCursor call, CXCursor callee, const std::vector<CXCursor>& arguments, bool project) {
    const ClangApi& clang = tree_.clang;
    const CXType type = clang.getCursorType(callee);
    const int parameters = clang.getNumArgTypes(type);
    Call noted = here().call(Call::Kind::call, tree_.id(callee), tree_.place(call));
    noted.guards = here().all_guards();
    noted.first_time = here().first_time != 0 || static_;  // a static local is made once
    for (std::size_t i = 0; i < arguments.size(); ++i) {
        Argument argument = argument_of(arguments[i]);
        const CXType formal =
            static_cast<int>(i) < parameters ? clang.getArgType(type, static_cast<unsigned>(i)) : clang.getCursorType(arguments[i]);
        const bool pointer =
            formal.kind == CXType_Pointer || formal.kind == CXType_LValueReference || formal.kind == CXType_RValueReference;
        // Handed over so that the callee can change it.
        const bool indirect =
            (pointer && clang.isConstQualifiedType(clang.getPointeeType(formal)) == 0) || tree_.type_facts(formal).indirect;
        if (argument.access && indirect && project)
            facts_.aliases.push_back({tree_.name(facts_.names[noted.to] + "#" + std::to_string(i)), *argument.access});
        if (argument.access && indirect && !project && !tree_.is_standard(callee) &&
            function_effect(tree_.spelling(call)) == Effect::none) {
            const TypeFacts& given = tree_.type_facts(clang.getCursorType(arguments[i]));
            if (given.container() && pointer) add(Operation::Kind::escape, *argument.access, call, tree_.spelling(call));
        }
        noted.arguments.push_back(std::move(argument));
    }
    if (project) facts_.calls.push_back(std::move(noted));
}

// Values go into the parameters of functions of this code, and come back through references and pointers. What a library
// does with them is not seen: they may go into the object, and into whatever it can change.
void BodyReader::note_call_flow(CXCursor call, CXCursor callee, std::optional<CXCursor> object, const std::vector<CXCursor>& arguments,
                                bool project) {
    const ClangApi& clang = tree_.clang;
    if (project) {
        for (std::size_t i = 0; i < arguments.size(); ++i) {
            const Name parameter = tree_.name(facts_.names[tree_.id(callee)] + "#" + std::to_string(i));
            note_flow(parameter, arguments[i]);
            if (const auto given = access(arguments[i])) note_flow(given->variable, {parameter});
        }
        return;
    }
    std::set<Name> values;
    for (const CXCursor argument : arguments) values_in(argument, values);
    const std::string word = tree_.spelling(call);
    if (is_input(word)) values.insert(tree_.name(kInput));
    if (makes_new(word)) values.insert(tree_.name(kNew));
    if (values.empty()) return;
    if (object)
        if (const auto on = access(*object)) note_flow(on->variable, values);
    const CXType type = clang.getCursorType(callee);
    for (std::size_t i = 0; i < arguments.size(); ++i) {
        const CXType formal = static_cast<int>(i) < clang.getNumArgTypes(type) ? clang.getArgType(type, static_cast<unsigned>(i))
                                                                               : clang.getCursorType(arguments[i]);
        const bool pointer = formal.kind == CXType_Pointer || formal.kind == CXType_LValueReference;
        if (!pointer || clang.isConstQualifiedType(clang.getPointeeType(formal)) != 0) continue;
        if (const auto on = access(arguments[i])) note_flow(on->variable, values);
    }
}

// A function is handed to a function of this code, whose body shows whether it calls it, and with which arguments.
void BodyReader::note_given_by(Call& handed) {
    handed.kind = Call::Kind::handed;
    for (std::size_t i = 0; i < kMaxFollowedArguments; ++i) {
        const Name given = tree_.name(called_parameter(facts_.names[handed.through], i));
        const Name taken = tree_.name(facts_.names[handed.to] + "#" + std::to_string(i));
        facts_.aliases.push_back({taken, {given, 0}});
        note_flow(taken, {given});
    }
}

void BodyReader::note_handed_functions(CXCursor call, CXCursor callee, const std::vector<CXCursor>& arguments, bool project) {
    const std::string word = tree_.spelling(call);
    const CXCursor parent = tree_.clang.getCursorSemanticParent(callee);
    const std::string owner = tree_.spelling(parent);
    static const std::set<std::string> threads = {
        "thread", "jthread", "async", "pthread_create", "thrd_create", "g_thread_new", "bthread_start_background", "std::thread"};
    static const std::set<std::string> wraps = {"bind",      "move",   "forward",    "function",           "ref",          "bind_front",
                                                "make_pair", "mem_fn", "make_tuple", "move_only_function", "packaged_task"};
    // What wraps a function is handed over itself.
    if (!project && wraps.contains(word)) return;
    if (!project &&
        (word == "atexit" || word == "at_quick_exit" || word == "signal" || word == "sigaction" || word == "pthread_key_create"))
        return;
    // A function that starts a thread with what it was given.
    if (threads.contains(word))
        for (const CXCursor argument : arguments)
            if (const auto of = access(argument); of && here().parameters.contains(of->variable)) here().starts_parameter = true;
    for (std::size_t i = 0; i < arguments.size(); ++i) {
        const CXCursor argument = arguments[i];
        const Name function = function_in(argument);
        if (function == kNoName) continue;
        Call noted = here().call(Call::Kind::deferred, function, tree_.place(argument));
        noted.through = tree_.id(callee);
        bool of_threads = threads.contains(word);
        if (!of_threads && (word == "emplace_back" || word == "push_back")) {
            const ClangTree::Children children = tree_.children(call);
            if (!children.empty()) {
                const ClangTree::Children inner = tree_.children(tree_.plain(children.front()));
                if (!inner.empty()) of_threads = tree_.type_facts(tree_.clang.getCursorType(inner.front())).thread;
            }
        }
        if (of_threads)
            noted.kind = Call::Kind::thread;
        else if (project)
            note_given_by(noted);
        else if (calls_at_once(word) ||
                 (tree_.is_standard(callee) && tree_.kind(callee) != CXCursor_CXXMethod && tree_.kind(callee) != CXCursor_Constructor))
            noted.kind = Call::Kind::immediate;
        facts_.calls.push_back(std::move(noted));
        if (of_threads) note_arguments_behind(function, i, arguments);
    }
}

}  // namespace leakline::audit
