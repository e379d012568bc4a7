// What expressions of C and C++ stand for: variables, sizes, keys, and what their values are computed from.
#include <algorithm>

#include "audit/internal/clang_body.hpp"
#include "audit/internal/words.hpp"

namespace leakline::audit {

namespace {

bool is_relational(const std::string& op) { return op == "<" || op == "<=" || op == ">" || op == ">=" || op == "==" || op == "!="; }

}  // namespace

void BodyReader::mentioned(CXCursor expression, std::set<Name>& variables, int depth) {
    if (depth > 30) return;
    const CXCursorKind kind = tree_.kind(expression);
    if (kind == CXCursor_DeclRefExpr || kind == CXCursor_MemberRefExpr) {
        const CXCursor target = tree_.referenced(expression);
        if (!tree_.is_null(target)) variables.insert(tree_.id(target));
    }
    for (const CXCursor child : tree_.children(expression)) mentioned(child, variables, depth + 1);
}

// What the condition compares: sizes of containers, counts, results of functions of this code.
std::vector<Access> BodyReader::sizes_in(CXCursor condition, bool compared, int depth) {
    std::vector<Access> found;
    if (depth > 30) return found;
    const CXCursorKind kind = tree_.kind(condition);
    if (kind == CXCursor_LambdaExpr) return found;
    if (kind == CXCursor_BinaryOperator) {
        const std::string op = tree_.binary_operator(condition);
        if (is_relational(op)) {
            // "size() > 0" is no bound.
            for (const CXCursor side : tree_.children(condition)) {
                const std::string text = tree_.source(tree_.plain(side));
                if (text == "0" || text == "NULL" || text == "nullptr" || is_search_index(side)) return found;
            }
            compared = true;
        }
    }
    if (kind == CXCursor_CallExpr) {
        const CXCursor callee = tree_.referenced(condition);
        const ClangTree::Children children = tree_.children(condition);
        std::string word = tree_.spelling(condition);
        if (tree_.is_null(callee) && !children.empty()) {  // within a template: the name stands in the source only
            word = tree_.source(children.front());
            word.erase(0, word.find_last_of(".>") + 1);
        }
        if (!tree_.is_null(callee) && tree_.in_project(callee)) {
            found.push_back({tree_.name(tree_.qualified_name(callee).empty() ? "" : facts_.names[tree_.id(callee)] + "#size"), 0});
        } else if (returns_size(word) && (compared || word.find("ull") != word.npos) && !children.empty()) {
            const ClangTree::Children object = tree_.children(children.front());
            if (!object.empty())
                if (const auto on = access(object.front())) found.push_back(*on);
        } else if (word == "g_queue_get_length" || word == "g_hash_table_size" || word == "g_list_length" || word == "size" ||
                   word == "ssize") {
            for (const CXCursor argument : arguments_of(condition))
                if (const auto on = access(argument)) found.push_back(*on);
        }
    }
    if (compared && (kind == CXCursor_DeclRefExpr || kind == CXCursor_MemberRefExpr)) {
        const CXCursor target = tree_.referenced(condition);
        if (!tree_.is_null(target) &&
            (tree_.kind(target) == CXCursor_VarDecl || tree_.kind(target) == CXCursor_FieldDecl ||
             tree_.kind(target) == CXCursor_ParmDecl) &&
            tree_.type_facts(tree_.clang.getCursorType(target)).integer)
            found.push_back({note_variable(target), 0});
    }
    for (const CXCursor child : tree_.children(condition)) {
        const auto inner = sizes_in(child, compared, depth + 1);
        found.insert(found.end(), inner.begin(), inner.end());
    }
    return found;
}

// A local index that a loop before has counted up: "if (i == count)" says that the loop found nothing.
bool BodyReader::is_search_index(CXCursor expression) {
    const CXCursor cursor = tree_.plain(expression);
    if (contexts_.empty() || tree_.kind(cursor) != CXCursor_DeclRefExpr) return false;
    const auto counted = here().indices.find(tree_.id(tree_.referenced(cursor)));
    if (counted == here().indices.end()) return false;
    for (std::uint32_t loop = here().loop; loop != 0; loop = facts_.loops[loop - 1].outer)
        if (loop == counted->second) return false;  // still in that loop
    return true;
}

// "x.empty()", "x.size() == 0": x and true; "!x.empty()", "x.size() > 0": x and false.
std::optional<std::pair<Access, bool>> BodyReader::emptiness_in(CXCursor condition, bool negated) {
    const CXCursor cursor = tree_.plain(condition);
    const ClangTree::Children children = tree_.children(cursor);
    if (tree_.kind(cursor) == CXCursor_UnaryOperator && children.size() == 1 && tree_.unary_operator(cursor) == "!")
        return emptiness_in(children.front(), !negated);
    CXCursor call = cursor;
    bool empty = true;
    if (tree_.kind(cursor) == CXCursor_BinaryOperator && children.size() == 2 && tree_.source(tree_.plain(children[1])) == "0") {
        const std::string op = tree_.binary_operator(cursor);
        if (op != "==" && op != "!=" && op != ">") return std::nullopt;
        empty = op == "==";
        call = tree_.plain(children.front());
        if (tree_.spelling(call) != "size") return std::nullopt;
    } else if (tree_.spelling(cursor) != "empty") {
        return std::nullopt;
    }
    const ClangTree::Children method = tree_.children(call);
    if (tree_.kind(call) != CXCursor_CallExpr || method.empty()) return std::nullopt;
    const ClangTree::Children object = tree_.children(method.front());
    const auto of = object.empty() ? std::nullopt : access(object.front());
    if (!of || of->depth != 0) return std::nullopt;
    return std::pair(*of, empty != negated);
}

// A field that points to another object of its own class, or of the class that its structure without a name is a part of, as the
// macros of sys/queue.h make it.
bool BodyReader::is_link(CXCursor field) {
    const Name node = tree_.type_facts(tree_.clang.getCursorType(field)).node;
    if (node == kNoName) return false;
    const CXCursor parent = tree_.clang.getCursorSemanticParent(field);
    return node == tree_.id(parent) || (tree_.is_unnamed(parent) && node == tree_.id(tree_.clang.getCursorSemanticParent(parent)));
}

// A field whose type is a structure without a name in the same class, with links in it: node->entry of node->entry.next.
bool BodyReader::has_links(CXCursor field) {
    const CXCursor type = tree_.declaration_of_type(field);
    if (tree_.is_null(type) || !tree_.is_unnamed(type)) return false;
    const ClangTree::Children fields = tree_.children(type);
    return std::any_of(fields.begin(), fields.end(),
                       [&](CXCursor inner) { return tree_.kind(inner) == CXCursor_FieldDecl && is_link(inner); });
}

bool BodyReader::makes_node(CXCursor field) {
    if (is_link(field) || has_links(field)) return true;
    // UT_hash_handle
    const CXCursor type = tree_.declaration_of_type(field);
    if (tree_.is_null(type) || tree_.in_project(type)) return false;
    const Name embedded = tree_.id(type);
    for (const CXCursor inner : tree_.children(type)) {
        if (tree_.kind(inner) != CXCursor_FieldDecl) continue;
        const CXType pointer = tree_.clang.getCanonicalType(tree_.clang.getCursorType(inner));
        if (pointer.kind == CXType_Pointer && tree_.id(tree_.clang.getTypeDeclaration(tree_.clang.getPointeeType(pointer))) == embedded)
            return embedded != kNoName;
    }
    return false;
}

std::optional<Access> BodyReader::access(CXCursor expression, int depth) {
    if (depth > 40) return std::nullopt;
    const CXCursor cursor = tree_.plain(expression);
    const ClangApi& clang = tree_.clang;
    switch (tree_.kind(cursor)) {
        case CXCursor_DeclRefExpr:
        case CXCursor_MemberRefExpr: {
            const CXCursor target = tree_.referenced(cursor);
            const std::optional<CXCursor> object = tree_.last_expression(cursor);
            if (tree_.is_null(target) || tree_.kind(target) == CXCursor_OverloadedDeclRef) return std::nullopt;
            switch (tree_.kind(target)) {
                case CXCursor_FieldDecl:
                    if (!tree_.in_project(target)) return object ? access(*object, depth + 1) : std::nullopt;
                    // node->next is in the structure that node is in.
                    if (object && (is_link(target) || has_links(target)))
                        if (const auto of = access(*object, depth + 1)) return of;
                    return Access{note_variable(target), 0};
                case CXCursor_VarDecl:
                case CXCursor_ParmDecl:
                case CXCursor_UnexposedDecl:  // a structured binding
                    return Access{note_variable(target), 0};
                default: return std::nullopt;
            }
        }
        case CXCursor_ArraySubscriptExpr: {
            const ClangTree::Children sides = tree_.children(cursor);
            if (sides.size() != 2) return std::nullopt;
            auto base = access(sides[0], depth + 1);
            if (base) ++base->depth;
            return base;
        }
        case CXCursor_UnaryOperator: {
            const ClangTree::Children inner = tree_.children(cursor);
            const std::string op = tree_.unary_operator(cursor);
            if (inner.size() != 1 || op == "!" || op == "-" || op == "~") return std::nullopt;
            return access(inner[0], depth + 1);
        }
        case CXCursor_ConditionalOperator: {
            const ClangTree::Children parts = tree_.children(cursor);
            for (std::size_t i = 1; i < parts.size(); ++i)
                if (const auto found = access(parts[i], depth + 1)) return found;
            return std::nullopt;
        }
        case CXCursor_BinaryOperator: {
            // Pointer arithmetic: base + offset.
            const ClangTree::Children sides = tree_.children(cursor);
            const CXType type = clang.getCanonicalType(clang.getCursorType(cursor));
            if (sides.size() != 2 || type.kind != CXType_Pointer) return std::nullopt;
            return access(sides[0], depth + 1);
        }
        case CXCursor_CallExpr: return call_access(cursor, depth);
        default: return std::nullopt;
    }
}

// What the result of a call stands for.
std::optional<Access> BodyReader::call_access(CXCursor call, int depth) {
    const CXCursor callee = tree_.referenced(call);
    const std::string word = tree_.spelling(call);
    const ClangTree::Children children = tree_.children(call);
    if (children.empty()) return std::nullopt;
    const ClangApi& clang = tree_.clang;
    const auto arguments = arguments_of(call);
    if (tree_.is_null(callee)) {
        // Within a template: the name stands in the source only.
        const CXCursor function = tree_.plain(children.front());
        if (tree_.kind(function) != CXCursor_MemberRefExpr) return std::nullopt;
        const ClangTree::Children object = tree_.children(function);
        if (object.empty()) return std::nullopt;
        auto of = access(object.front(), depth + 1);
        const std::string source = tree_.source(function);
        if (of && returns_element(std::string_view(source).substr(source.find_last_of(".>") + 1))) ++of->depth;
        return of;
    }
    const CXCursorKind kind = tree_.kind(callee);
    if (kind == CXCursor_Constructor) return arguments.size() == 1 ? access(arguments.front(), depth + 1) : std::nullopt;
    const bool method = kind == CXCursor_CXXMethod || kind == CXCursor_ConversionFunction;
    std::optional<CXCursor> object;
    const CXCursor first = tree_.plain(children.front());
    if (method && word.starts_with("operator")) {
        object = children.front();
        if (tree_.kind(first) == CXCursor_MemberRefExpr) {  // written out, or a conversion
            const ClangTree::Children inner = tree_.children(first);
            if (tree_.kind(tree_.referenced(first)) != CXCursor_FieldDecl && !inner.empty()) object = inner.front();
        }
    } else if (method && tree_.kind(first) == CXCursor_MemberRefExpr) {
        object = tree_.last_expression(first);
    }
    if (tree_.in_project(callee)) {
        const TypeFacts& result = tree_.type_facts(clang.getCursorResultType(callee));
        if (result.indirect) return Access{tree_.name(facts_.names[tree_.id(callee)] + "#result"), 0};
        return std::nullopt;
    }
    if (object) {
        auto of = access(*object, depth + 1);
        if (!of) return std::nullopt;
        const TypeFacts& type = tree_.type_facts(clang.getCursorType(*object));
        // A pointer's or an iterator's "*" and "->" lead to the same; a container's lead into it.
        if (type.container() && returns_element(word) && !is_pointer_class(tree_.spelling(clang.getCursorSemanticParent(callee))))
            ++of->depth;
        return of;
    }
    static const std::set<std::string> through = {
        "move",       "forward", "ref", "cref", "as_const", "addressof", "get",           "get_if",   "any_cast",       "launder",
        "to_address", "begin",   "end", "next", "prev",     "find",      "back_inserter", "inserter", "front_inserter", "__addressof"};
    if (through.contains(word) && !arguments.empty() && tree_.is_standard(callee)) {
        auto of = access(arguments.front(), depth + 1);
        if (of && (word == "begin" || word == "end")) ++of->depth;
        return of;
    }
    return std::nullopt;
}

bool BodyReader::few_values(CXCursor expression, int depth) {
    if (depth > 12) return false;
    const CXCursor cursor = tree_.plain(expression);
    switch (tree_.kind(cursor)) {
        case CXCursor_IntegerLiteral:
        case CXCursor_StringLiteral:
        case CXCursor_CharacterLiteral:
        case CXCursor_FloatingLiteral:
        case CXCursor_CXXBoolLiteralExpr:
        case CXCursor_CXXNullPtrLiteralExpr: return true;
        case CXCursor_DeclRefExpr:
            if (tree_.kind(tree_.referenced(cursor)) == CXCursor_EnumConstantDecl) return true;
            break;
        case CXCursor_BinaryOperator:
            if (tree_.binary_operator(cursor) == "%" || tree_.binary_operator(cursor) == "&") return true;
            break;
        case CXCursor_CallExpr: {
            // A string made of a literal.
            const auto arguments = arguments_of(cursor);
            const CXCursor callee = tree_.referenced(cursor);
            if (!tree_.is_null(callee) && tree_.kind(callee) == CXCursor_Constructor && !arguments.empty())
                return few_values(arguments.front(), depth + 1);
            break;
        }
        case CXCursor_UnexposedExpr:
        case CXCursor_InitListExpr: {
            const ClangTree::Children inner = tree_.children(cursor);
            if (!inner.empty() && tree_.is_expression(inner.front())) return few_values(inner.front(), depth + 1);
            break;
        }
        default: break;
    }
    const TypeFacts& type = tree_.type_facts(tree_.clang.getCursorType(cursor));
    return type.few_values && !type.indirect;
}

// The variables and results that a value is computed from.
void BodyReader::values_in(CXCursor expression, std::set<Name>& values, int depth) {
    if (depth > 30) return;
    const CXCursorKind kind = tree_.kind(expression);
    if (kind == CXCursor_LambdaExpr) return;
    if (kind == CXCursor_CXXNewExpr) values.insert(tree_.name(kNew));
    // "this", shared_from_this()
    if (kind == CXCursor_CXXThisExpr || (kind == CXCursor_CallExpr && tree_.spelling(expression).ends_with("_from_this")))
        for (const Name type : tree_.type_facts(tree_.clang.getCursorType(expression)).holds)
            values.insert(tree_.name(kObjectOf + facts_.names[type]));
    const CXCursor target = kind == CXCursor_DeclRefExpr || kind == CXCursor_MemberRefExpr || kind == CXCursor_CallExpr
                                ? tree_.referenced(expression)
                                : ClangTree::kNoCursor;
    if (!tree_.is_null(target)) {
        const CXCursorKind declared = tree_.kind(target);
        if (declared == CXCursor_VarDecl || declared == CXCursor_ParmDecl || declared == CXCursor_FieldDecl)
            values.insert(tree_.id(target));
        if (kind == CXCursor_CallExpr) {
            if (tree_.in_project(target))
                values.insert(tree_.name(facts_.names[tree_.id(target)] + "#result"));
            else if (makes_new(tree_.spelling(expression)))
                values.insert(tree_.name(kNew));
            else if (is_input(tree_.spelling(expression)))
                values.insert(tree_.name(kInput));
        }
    }
    for (const CXCursor child : tree_.children(expression)) {
        // A member of an object that is made for a request may be the same in all.
        if (kind == CXCursor_MemberRefExpr && tree_.kind(tree_.plain(child)) == CXCursor_CXXThisExpr) continue;
        values_in(child, values, depth + 1);
    }
}

void BodyReader::note_flow(Name to, CXCursor from) {
    std::set<Name> values;
    values_in(from, values);
    note_flow(to, values);
}

void BodyReader::note_key(Operation& operation, CXCursor key, bool few_keys) {
    operation.few_keys = few_keys || few_values(key);
    operation.key = tree_.name(tree_.source(key).substr(0, kLongestKey));
    operation.key_parameter = parameter_in(key);
    std::set<Name> values;
    values_in(key, values);
    operation.key_values.assign(values.begin(), values.end());
}

// "if (!table_)", "if (instance == nullptr)": of a pointer that is not a local variable.
bool BodyReader::sets_first_time(CXCursor condition) {
    CXCursor cursor = tree_.plain(condition);
    const ClangTree::Children children = tree_.children(cursor);
    if (tree_.kind(cursor) == CXCursor_UnaryOperator && children.size() == 1 && tree_.unary_operator(cursor) == "!")
        cursor = tree_.plain(children.front());
    else if (tree_.kind(cursor) == CXCursor_BinaryOperator && children.size() == 2 && tree_.binary_operator(cursor) == "==" &&
             is_null_literal(children[1]))
        cursor = tree_.plain(children.front());
    else
        return false;
    return is_set(cursor);
}

// "if (table_)": whether a condition is a pointer that is not a local variable.
bool BodyReader::is_set(CXCursor condition) {
    CXCursor cursor = tree_.plain(condition);
    // Of a smart pointer: its conversion to bool.
    if (tree_.kind(cursor) == CXCursor_CallExpr && tree_.spelling(cursor).starts_with("operator")) {
        const ClangTree::Children object = tree_.children(cursor);
        if (object.empty()) return false;
        const ClangTree::Children inner = tree_.children(object.front());
        cursor = tree_.plain(inner.empty() ? object.front() : inner.front());
    }
    if (tree_.kind(cursor) != CXCursor_DeclRefExpr && tree_.kind(cursor) != CXCursor_MemberRefExpr) return false;
    if (tree_.kind(cursor) == CXCursor_MemberRefExpr) {  // only the object's own
        const ClangTree::Children object = tree_.children(cursor);
        if (!object.empty() && tree_.kind(tree_.plain(object.front())) != CXCursor_CXXThisExpr) return false;
    }
    const auto on = access(cursor);
    return on && on->depth == 0 && !is_local(on->variable) && tree_.type_facts(tree_.clang.getCursorType(cursor)).indirect;
}

std::optional<std::uint32_t> BodyReader::parameter_in(CXCursor expression) {
    std::set<Name> names;
    mentioned(expression, names);
    if (contexts_.empty()) return std::nullopt;
    for (const auto& [parameter, index] : here().parameters)
        if (names.contains(parameter)) return index;
    return std::nullopt;
}

}  // namespace leakline::audit
