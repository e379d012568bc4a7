#include "audit/internal/clang_body.hpp"

#include <algorithm>
#include <utility>

#include "audit/internal/words.hpp"
#include "base/strings.hpp"

namespace leakline::audit {

namespace {

constexpr int kDeepest = 400;  // of nested statements: deeper code is generated, and the stack has an end

}  // namespace

Name BodyReader::note_variable(CXCursor declaration) {
    const Name id = tree_.id(declaration);
    if (id == kNoName || !noted_.insert(id).second) return id;
    const ClangApi& clang = tree_.clang;
    const CXCursorKind kind = tree_.kind(declaration);
    const TypeFacts& type = tree_.type_facts(clang.getCursorType(declaration));
    Variable variable;
    variable.id = id;
    variable.type = tree_.name(tree_.type_text(clang.getCursorType(declaration)));
    variable.at = tree_.place(declaration);
    variable.container = type.container();
    variable.indirect = type.indirect || kind == CXCursor_UnexposedDecl;  // a structured binding stands for a part of something
    variable.holds = type.holds;
    variable.elements = type.elements;
    const CXCursor parent = clang.getCursorSemanticParent(declaration);
    if (kind == CXCursor_FieldDecl) {
        variable.storage = Storage::field;
        variable.generic = tree_.is_type_parameter(clang.getCursorType(declaration));
        variable.owner = tree_.id(parent);
        variable.name = tree_.name(tree_.qualified_name(declaration));
    } else if (kind == CXCursor_ParmDecl) {
        variable.storage = Storage::parameter;
        variable.name = tree_.name(tree_.spelling(declaration));
        if (!contexts_.empty()) variable.owner = here().function;
    } else {
        const CXCursorKind outer = tree_.kind(parent);
        const bool inside = outer == CXCursor_FunctionDecl || outer == CXCursor_CXXMethod || outer == CXCursor_Constructor ||
                            outer == CXCursor_Destructor || outer == CXCursor_FunctionTemplate || outer == CXCursor_ConversionFunction ||
                            outer == CXCursor_LambdaExpr;
        const bool lasting = clang.Cursor_getStorageClass(declaration) == CX_SC_Static ||
                             clang.Cursor_getStorageClass(declaration) == CX_SC_Extern || clang.getCursorTLSKind(declaration) != CXTLS_None;
        variable.storage = !inside ? Storage::global : lasting ? Storage::static_local : Storage::local;
        variable.name = tree_.name(inside ? tree_.spelling(declaration) : tree_.qualified_name(declaration));
        if (variable.storage == Storage::local && !contexts_.empty()) {
            variable.owner = here().function;
            variable.loop = here().loop;
        }
    }
    if (variable.storage == Storage::local || variable.storage == Storage::parameter) local_.insert(id);
    facts_.variables.push_back(std::move(variable));
    return id;
}

Operation& BodyReader::add(Operation::Kind kind, const Access& on, CXCursor at, const std::string& word) {
    return state().add(facts_, kind, on, tree_.place(at), tree_.name(word));
}

void BodyReader::read_function(CXCursor function, Name id) {
    contexts_.emplace_back();
    here().function = id;
    const ClangApi& clang = tree_.clang;
    here().result = clang.getCursorResultType(function);
    std::uint32_t index = 0;
    const ClangTree::Children children = tree_.children(function);
    for (std::size_t i = 0; i < children.size(); ++i) {
        const CXCursor child = children[i];
        const CXCursorKind kind = tree_.kind(child);
        if (kind == CXCursor_ParmDecl) {
            const Name parameter = note_variable(child);
            here().parameters[parameter] = index;
            // Arguments reach the parameter by its index.
            const Name numbered = tree_.name(facts_.names[id] + "#" + std::to_string(index));
            facts_.aliases.push_back({parameter, {numbered, 0}});
            note_flow(parameter, {numbered});
            note_flow(numbered, {parameter});
            ++index;
        } else if (kind == CXCursor_MemberRef && i + 1 < children.size() && tree_.is_expression(children[i + 1])) {
            const Name member = note_variable(tree_.referenced(child));
            read_initializer(children[i + 1], member);
        } else if (clang.isStatement(kind) != 0 || clang.isExpression(kind) != 0) {
            walk(child);
        }
    }
    here().finish(facts_);
    contexts_.pop_back();
}

void BodyReader::read_initializer(CXCursor expression, Name variable) {
    if (const auto of = access(expression); of && of->variable != variable) facts_.aliases.push_back({variable, *of});
    note_flow(variable, expression);
    note_deferred(expression);
    walk(expression);
}

void BodyReader::walk_children(CXCursor cursor) {
    for (const CXCursor child : tree_.children(cursor)) walk(child);
}

void BodyReader::walk(CXCursor cursor) {
    if (depth_ >= kDeepest) return;
    ++depth_;
    switch (tree_.kind(cursor)) {
        case CXCursor_IfStmt: walk_if(cursor); break;
        case CXCursor_WhileStmt:
        case CXCursor_ForStmt:
        case CXCursor_CXXForRangeStmt: walk_loop(cursor); break;
        case CXCursor_DoStmt:
            if (!contexts_.empty()) note_macro(cursor);
            walk_loop(cursor);
            break;
        case CXCursor_ReturnStmt: walk_return(cursor); break;
        case CXCursor_CXXThrowExpr:
            walk_children(cursor);
            if (!contexts_.empty()) here().paths.left(tree_.place(cursor), true);
            break;
        case CXCursor_VarDecl: walk_local(cursor); break;
        case CXCursor_LambdaExpr: walk_lambda(cursor); break;
        case CXCursor_CallExpr: walk_call(cursor); break;
        case CXCursor_BinaryOperator: {
            const ClangTree::Children sides = tree_.children(cursor);
            if (sides.size() == 2 && tree_.is_assignment(cursor, sides[0], sides[1]))
                walk_assignment(cursor, sides[0], sides[1]);
            else
                walk_children(cursor);
            break;
        }
        case CXCursor_ArraySubscriptExpr: walk_subscript(cursor); break;
        case CXCursor_UnexposedDecl:
            walk_bindings(cursor);
            walk_children(cursor);
            break;
        case CXCursor_CompoundAssignOperator: walk_compound(cursor); break;
        case CXCursor_UnaryOperator: walk_unary(cursor); break;
        case CXCursor_CXXNewExpr:
            note_creation(tree_.clang.getPointeeType(tree_.clang.getCursorType(cursor)), cursor);
            walk_children(cursor);
            break;
        case CXCursor_CXXDeleteExpr: {
            walk_children(cursor);
            const ClangTree::Children operand = tree_.children(cursor);
            if (operand.empty()) break;
            const CXCursor target = tree_.plain(operand.back());
            const auto on = access(target);
            const Name node = tree_.type_facts(tree_.clang.getCursorType(target)).node;
            if (node != kNoName && !(on && here().fresh.contains(on->variable)))
                add(Operation::Kind::free, on.value_or(Access{}), cursor, "delete").node = node;
            if (on) add(Operation::Kind::replace, *on, cursor, "delete");
            break;
        }
        case CXCursor_SwitchStmt:
            if (contexts_.empty()) break;
            here().breaks.push_back(0);
            walk_children(cursor);
            here().breaks.pop_back();
            break;
        case CXCursor_BreakStmt:
            if (!contexts_.empty() && !here().breaks.empty() && here().breaks.back() != 0)
                facts_.loops[here().breaks.back() - 1].exits = true;
            break;
        case CXCursor_CaseStmt:
        case CXCursor_DefaultStmt:
        case CXCursor_CXXCatchStmt: walk_branch(cursor); break;
        case CXCursor_InitListExpr:
            note_members(cursor);
            note_deferred(cursor);
            if (!contexts_.empty()) note_handed_on(cursor, "", tree_.children(cursor), true);
            walk_children(cursor);
            break;
        default: walk_children(cursor);
    }
    --depth_;
}

// Guard{std::unique_lock(mutex_), &items_}, {.lock = ..., .items = &items_}: the members stand for what they are given.
void BodyReader::note_members(CXCursor list) {
    CXCursor type = tree_.declaration_of_type(list);
    if (tree_.is_null(type) || !tree_.in_project(type)) return;
    // The members of a template's instance are known by those of the template.
    if (const CXCursor general = tree_.clang.getSpecializedCursorTemplate(type); !tree_.is_null(general)) type = general;
    std::vector<CXCursor> fields;
    for (const CXCursor member : tree_.children(type)) {
        if (tree_.kind(member) == CXCursor_CXXBaseSpecifier) return;  // what comes first is the base's
        if (tree_.kind(member) == CXCursor_FieldDecl) fields.push_back(member);
    }
    const ClangTree::Children values = tree_.children(list);
    if (values.size() > fields.size()) return;
    for (std::size_t i = 0; i < values.size(); ++i) {
        if (!tree_.is_expression(values[i])) continue;
        CXCursor field = fields[i], value = values[i];
        const ClangTree::Children parts = tree_.children(value);
        if (parts.size() == 2 && tree_.kind(parts.front()) == CXCursor_MemberRef) {
            field = tree_.referenced(parts.front());
            value = parts.back();
        }
        if (!tree_.type_facts(tree_.clang.getCursorType(field)).indirect) continue;
        if (const auto of = access(value)) facts_.aliases.push_back({note_variable(field), *of});
    }
}

void BodyReader::walk_branch(CXCursor statement) {
    if (contexts_.empty()) return walk_children(statement);
    here().paths.enter({});
    walk_children(statement);
    here().paths.leave();
}

// Whether a branch leaves for sure: its last statement does. (An exit within a nested condition is that condition's.)
bool BodyReader::exits(CXCursor branch, int depth) {
    if (depth > 30) return false;
    switch (tree_.kind(branch)) {
        case CXCursor_ReturnStmt:
        case CXCursor_BreakStmt:
        case CXCursor_ContinueStmt:
        case CXCursor_GotoStmt:
        case CXCursor_CXXThrowExpr: return true;
        case CXCursor_CallExpr: return never_returns(tree_.spelling(branch));
        case CXCursor_UnexposedExpr:
        case CXCursor_CompoundStmt: {
            const ClangTree::Children inner = tree_.children(branch);
            return !inner.empty() && exits(inner.back(), depth + 1);
        }
        default: return false;
    }
}

void BodyReader::walk_if(CXCursor statement) {
    ClangTree::Children children = tree_.children(statement);
    std::size_t condition = 0;
    // An initializer or a declaration comes first: "if (auto it = m.find(k); it != m.end())".
    while (condition + 2 < children.size() &&
           (tree_.kind(children[condition]) == CXCursor_DeclStmt || tree_.kind(children[condition]) == CXCursor_VarDecl))
        walk(children[condition++]);
    if (condition >= children.size() || contexts_.empty()) return walk_children(statement);
    walk(children[condition]);
    std::set<Name> names;
    mentioned(children[condition], names);
    const std::vector<Access> sizes = sizes_in(children[condition]);
    // What is filled only while it is empty is filled once.
    const auto empty = emptiness_in(children[condition]);
    bool leaves = false;
    const bool first_time = sets_first_time(children[condition]), otherwise = !first_time && is_set(children[condition]);
    for (std::size_t i = condition + 1; i < children.size(); ++i) {
        const bool then = i == condition + 1, unset = then ? first_time : otherwise;
        here().first_time += unset ? 1 : 0;
        here().guards.push_back(sizes);
        if (empty && empty->second == then) here().guards.back().push_back(empty->first);
        here().paths.enter(names);
        walk(children[i]);
        here().paths.leave();
        here().guards.pop_back();
        here().first_time -= unset ? 1 : 0;
        leaves = leaves || exits(children[i]);
    }
    if (!leaves) return;
    here().function_guards.insert(here().function_guards.end(), sizes.begin(), sizes.end());
    if (empty && !empty->second) here().function_guards.push_back(empty->first);
}

// Whether nothing but the program's end stops a loop: "while (true)", "while (running)", "while (accept(...) >= 0)".
bool BodyReader::goes_on(CXCursor condition, int depth) {
    if (depth > 12) return false;
    const CXCursor cursor = tree_.plain(condition);
    const CXCursorKind kind = tree_.kind(cursor);
    if (kind == CXCursor_CXXBoolLiteralExpr || kind == CXCursor_IntegerLiteral) return depth == 0 && tree_.source(cursor) != "false";
    const bool conversion = tree_.spelling(cursor).starts_with("operator ");  // "while (!stop)" of an atomic
    if (!conversion && (kind == CXCursor_DeclRefExpr || kind == CXCursor_MemberRefExpr)) return is_running_word(tree_.spelling(cursor));
    if (kind == CXCursor_CallExpr) {
        const std::string word = tree_.spelling(cursor);
        if (is_blocking(word) || is_running_word(word)) return true;
    }
    const ClangTree::Children parts = tree_.children(cursor);
    return std::any_of(parts.begin(), parts.end(), [&](CXCursor part) { return goes_on(part, depth + 1); });
}

void BodyReader::walk_loop(CXCursor statement) {
    const ClangTree::Children children = tree_.children(statement);
    if (children.empty() || contexts_.empty()) return walk_children(statement);
    const CXCursorKind kind = tree_.kind(statement);
    Loop loop;
    loop.function = here().function;
    loop.at = tree_.place(statement);
    loop.outer = here().loop;
    std::vector<Access> sizes;
    std::set<Name> names;
    const CXCursor body = kind == CXCursor_DoStmt ? children.front() : children.back();
    if (kind == CXCursor_ForStmt) {
        const std::string head = tree_.text_before(statement, body);
        const std::size_t first = head.find(';');
        const std::size_t second = first == head.npos ? head.npos : head.find(';', first + 1);
        const std::string middle = second == head.npos ? "" : head.substr(first + 1, second - first - 1);
        // Without a comparison nothing counts it. What goes on at each turn walks over something: "for (p = first; p; p = p->next)".
        const bool walks = second != head.npos && head.find_first_not_of(" )\t\n", second + 1) != head.npos;
        loop.endless = first != head.npos && middle.find_first_of("<>=") == middle.npos && (!walks || trim(middle).empty());
    } else if (kind == CXCursor_WhileStmt || kind == CXCursor_DoStmt) {
        const CXCursor condition = kind == CXCursor_DoStmt ? children.back() : children.front();
        // "while (node)" and "while ((p = strchr(p, ' ')))" walk over something; "while (running)" and "while (accept(...) >= 0)" do not.
        loop.endless = goes_on(condition);
        sizes = sizes_in(condition);
        mentioned(condition, names);
    }
    facts_.loops.push_back(loop);
    const std::uint32_t outer = here().loop;
    here().loop = static_cast<std::uint32_t>(facts_.loops.size());
    here().breaks.push_back(here().loop);
    const bool blocks = here().blocks;
    here().blocks = false;
    here().guards.push_back(sizes);
    here().paths.enter(names);
    if (kind == CXCursor_CXXForRangeStmt) {
        // The loop's variable stands for elements of what is walked over.
        std::optional<Access> range;
        for (const CXCursor child : children)
            if (tree_.is_expression(child) && !range) range = access(child);
        const CXCursor variable = children.front();
        std::set<Name> values;
        for (const CXCursor child : children)
            if (tree_.is_expression(child)) values_in(child, values);
        if (tree_.kind(variable) == CXCursor_VarDecl) note_flow(note_variable(variable), values);
        if (range) {
            const auto note = [&](CXCursor declared) {
                const Name id = note_variable(declared);
                facts_.aliases.push_back({id, {range->variable, static_cast<std::uint8_t>(range->depth + 1)}});
                here().loaded.insert(id);
            };
            if (tree_.kind(variable) == CXCursor_VarDecl) note(variable);
            if (tree_.kind(variable) == CXCursor_UnexposedDecl)
                for (const CXCursor binding : tree_.children(variable))
                    if (tree_.kind(binding) == CXCursor_UnexposedDecl) note(binding);
        }
        for (std::size_t i = 1; i < children.size(); ++i) walk(children[i]);
    } else {
        for (const CXCursor child : children) walk(child);
    }
    here().paths.leave();
    here().guards.pop_back();
    facts_.loops[here().loop - 1].blocks = here().blocks;
    here().blocks = here().blocks || blocks;
    here().breaks.pop_back();
    here().loop = outer;
}

void BodyReader::walk_return(CXCursor statement) {
    walk_children(statement);
    if (contexts_.empty()) return;
    for (std::uint32_t loop = here().loop; loop != 0; loop = facts_.loops[loop - 1].outer) facts_.loops[loop - 1].exits = true;
    const ClangTree::Children value = tree_.children(statement);
    std::set<Name> returned;
    if (!value.empty()) {
        mentioned(value.front(), returned);
        const std::string function = facts_.names[here().function];
        const Name result = tree_.name(function + "#result");
        if (tree_.type_facts(here().result).indirect)
            if (const auto of = access(value.front())) facts_.aliases.push_back({result, *of});
        for (const Access& size : sizes_in(value.front(), true)) facts_.size_results.push_back({tree_.name(function + "#size"), size});
        note_flow(result, value.front());
        note_deferred(value.front());
        // A tree's insert() calls itself behind this: root->left = insert(root->left, key).
        const bool node = tree_.type_facts(here().result).node != kNoName;
        const auto of = node ? access(value.front()) : std::nullopt;
        if (node && (is_allocation(value.front()) || (of && of->depth == 0 && here().fresh.contains(of->variable))))
            makers_.insert(here().function);
    }
    here().paths.left(tree_.place(statement), false, std::move(returned));
}

void BodyReader::walk_local(CXCursor declaration) {
    const Name id = note_variable(declaration);
    const ClangApi& clang = tree_.clang;
    const CXType type = clang.getCursorType(declaration);
    const TypeFacts& facts = tree_.type_facts(type);
    const std::optional<CXCursor> initializer = tree_.last_expression(declaration);
    if (!facts.indirect && is_local(id)) note_creation(type, declaration);
    if (!initializer) return;
    note_flow(id, *initializer);
    const CXCursor value = tree_.plain(*initializer);
    const auto of = access(value);
    if (of && of->variable != id && (facts.indirect || type.kind == CXType_LValueReference || type.kind == CXType_RValueReference))
        facts_.aliases.push_back({id, *of});
    if (facts.integer)
        for (const Access& size : sizes_in(value, true)) facts_.size_results.push_back({id, size});
    if (!contexts_.empty() && is_local(id)) {
        if (facts.node != kNoName) {
            if (is_allocation(value)) {
                here().fresh.insert(id);
                note_creation(clang.getPointeeType(type), declaration);
                // new Node{head, ...}
                std::set<Name> names;
                mentioned(value, names);
                for (const Name name : names)
                    if (!is_local(name))
                        for (const Variable& variable : facts_.variables)
                            if (variable.id == name &&
                                std::find(variable.holds.begin(), variable.holds.end(), facts.node) != variable.holds.end())
                                here().linked_to[id] = {name, 0};
            } else {
                here().loaded.insert(id);
            }
        }
        if (facts.integer || facts.indirect)
            if (const auto handle = opened_by(value, id)) {
                walk(*initializer);
                here().paths.opened(*handle);
                return;
            }
    }
    // A lambda that a local variable holds is called by its name, or handed on; a std::function's is seen nowhere else.
    if (facts.callable && tree_.kind(value) != CXCursor_LambdaExpr)
        if (const Name function = function_in(*initializer); function != kNoName && !contexts_.empty()) {
            if (is_local(id)) callables_[id] = function;
            facts_.calls.push_back(here().call(is_local(id) ? Call::Kind::call : Call::Kind::deferred, function, tree_.place(declaration)));
        }
    if (tree_.kind(value) == CXCursor_InitListExpr) note_deferred(value);
    // auto& entry = m[key];
    writes_ = (type.kind == CXType_LValueReference && clang.isConstQualifiedType(clang.getPointeeType(type)) == 0);
    static_ = !contexts_.empty() && !is_local(id);
    walk(*initializer);
    writes_ = static_ = false;
}

// auto& [seen, total] = state_: each stands for a part. Copies do not, unless they are pointers or iterators.
void BodyReader::walk_bindings(CXCursor declaration) {
    const ClangTree::Children parts = tree_.children(declaration);
    if (contexts_.empty() || parts.empty() || !tree_.is_expression(parts.back())) return;
    const auto of = access(parts.back());
    const bool reference = tree_.text_before(declaration, parts.front()).find('&') != std::string::npos;
    for (const CXCursor binding : parts) {
        if (tree_.kind(binding) != CXCursor_UnexposedDecl) continue;
        const Name id = note_variable(binding);
        note_flow(id, parts.back());
        if (of && (reference || tree_.type_facts(tree_.clang.getCursorType(binding)).indirect)) facts_.aliases.push_back({id, *of});
    }
}

// Within a template, table[key] of a map that depends on its parameters is no call yet.
void BodyReader::walk_subscript(CXCursor subscript) {
    const ClangTree::Children sides = tree_.children(subscript);
    const bool written = std::exchange(writes_, false);
    if (sides.size() == 2 && !contexts_.empty() && tree_.type_facts(tree_.clang.getCursorType(sides[0])).family == TypeFacts::Family::map)
        container_method(subscript, ClangTree::kNoCursor, written ? "operator[]=" : "operator[]", sides[0], {sides[1]});
    walk_children(subscript);
}

void BodyReader::walk_lambda(CXCursor lambda) {
    const std::string text = tree_.lambda_of(tree_.clang.getCursorType(lambda));
    const Name id = tree_.name(text.empty() ? "lambda" : text);
    Function function;
    function.id = id;
    function.at = tree_.place(lambda);
    function.kind = Function::Kind::lambda;
    function.local_file = true;
    const Name outer = contexts_.empty() ? kNoName : here().function;
    std::string name = "lambda";
    for (const Function& known : facts_.functions)
        if (known.id == outer && outer != kNoName) {
            name = "lambda in " + facts_.names[known.name];
            function.owner = known.owner;
        }
    if (name.starts_with("lambda in lambda in ")) name.erase(0, 10);
    function.name = tree_.name(name);
    facts_.functions.push_back(function);
    // What it captures may be kept with it.
    if (!contexts_.empty())
        for (const CXCursor child : tree_.children(lambda))
            if (tree_.kind(child) == CXCursor_VariableRef) here().paths.handed_on(tree_.id(tree_.referenced(child)), function.at);
    read_function(lambda, id);
}

}  // namespace leakline::audit
