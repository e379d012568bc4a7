// Assignments: what replaces a container's content, what links a node into a structure made by hand, what counts.
#include <algorithm>

#include "audit/internal/clang_body.hpp"
#include "audit/internal/words.hpp"
#include "base/ascii.hpp"

namespace leakline::audit {

bool BodyReader::is_null_literal(CXCursor expression) const {
    const std::string text = tree_.source(tree_.plain(expression));
    return text == "0" || text == "NULL" || text == "nullptr" || text == "((void*)0)" || text == "{}";
}

// A value that is new: of malloc, of new, of a function whose name says so.
bool BodyReader::is_allocation(CXCursor expression, int depth) {
    if (depth > 8) return false;
    const CXCursor cursor = tree_.plain(expression);
    const CXCursorKind kind = tree_.kind(cursor);
    if (kind == CXCursor_CXXNewExpr) return true;
    if (kind == CXCursor_UnexposedExpr || kind == CXCursor_ConditionalOperator || kind == CXCursor_BinaryOperator) {
        const ClangTree::Children inner = tree_.children(cursor);
        return std::any_of(inner.begin(), inner.end(), [&](CXCursor child) { return is_allocation(child, depth + 1); });
    }
    if (kind != CXCursor_CallExpr) return false;
    const std::string word = to_lower(tree_.spelling(cursor));
    static const std::vector<std::string> parts = {"alloc", "new",   "create", "make",    "dup",
                                                   "clone", "build", "init",   "acquire", "construct"};
    if (std::any_of(parts.begin(), parts.end(), [&](const std::string& part) { return word.find(part) != word.npos; })) return true;
    const CXCursor callee = tree_.referenced(cursor);
    if (!tree_.is_null(callee) && makers_.contains(tree_.id(callee))) return true;
    const auto arguments = arguments_of(cursor);
    const bool wraps = word == "move" || word == "unique_ptr" || word == "shared_ptr";
    return wraps && !arguments.empty() && is_allocation(arguments.front(), depth + 1);
}

void BodyReader::walk_assignment(CXCursor whole, CXCursor left, CXCursor right) {
    const ClangApi& clang = tree_.clang;
    if (contexts_.empty()) return walk_children(whole);
    const CXType type = clang.getCursorType(left);
    const TypeFacts& facts = tree_.type_facts(type);
    const CXCursor value = tree_.plain(right);
    const auto on = access(left);
    const auto of = access(value);

    if (on) note_flow(on->variable, right);
    // A handler of signals runs at the end, or seldom.
    const std::string member = tree_.spelling(tree_.plain(left));
    if (member != "sa_handler" && member != "sa_sigaction") note_deferred(right);
    // What it stands for: a local pointer, an iterator, a member that points elsewhere.
    if (on && of && facts.indirect && on->depth == 0 && *on != *of && tree_.kind(value) != CXCursor_UnaryOperator)
        facts_.aliases.push_back({on->variable, *of});
    if (on && is_local(on->variable) && facts.node != kNoName && on->depth == 0 && tree_.kind(tree_.plain(left)) == CXCursor_DeclRefExpr) {
        if (is_allocation(value))
            here().fresh.insert(on->variable);
        else
            here().loaded.insert(on->variable);
    }
    if (on && !is_local(on->variable) && of && is_local(of->variable)) here().paths.handed_on(of->variable, tree_.place(whole));
    // Through a reference the caller gets it, who closes it.
    const bool own = tree_.kind(tree_.plain(left)) == CXCursor_DeclRefExpr &&
                     clang.getCursorType(tree_.referenced(tree_.plain(left))).kind != CXType_LValueReference;
    if (on && is_local(on->variable) && on->depth == 0 && own)
        if (const auto handle = opened_by(value, on->variable)) {
            walk(right);
            here().paths.opened(*handle);
            return;
        }

    if (type.kind == CXType_Pointer && tree_.kind(value) == CXCursor_CallExpr && is_allocation(value))
        note_creation(clang.getPointeeType(type), whole);
    note_link(whole, left, right);
    note_store_at(whole, left);
    if (on) {
        const bool reallocates = tree_.kind(value) == CXCursor_CallExpr && is_realloc_name(tree_.spelling(value));
        if (reallocates) {
            std::optional<Access> old;
            for (const CXCursor argument : arguments_of(value))
                if (!old) old = access(argument);
            if (old && *old != *on) facts_.aliases.push_back({on->variable, *old});
        } else if (facts.integer && !facts.few_values) {
            std::set<Name> names;
            mentioned(right, names);
            const std::string source = tree_.source(right);
            const bool up = names.contains(on->variable) && source.find('+') != source.npos;
            add(up ? Operation::Kind::count_up : Operation::Kind::count_down, *on, whole, "=");
        } else if (facts.container() && !facts.indirect) {
            std::set<Name> names;
            mentioned(right, names);
            // s = s + x
            const bool appends = names.contains(on->variable) && tree_.source(right).find('+') != std::string::npos;
            add(appends ? Operation::Kind::grow : Operation::Kind::shrink, *on, whole, appends ? "= ... +" : "=");
        } else if (!facts.holds.empty() || facts.container()) {
            // A call that is given the old value returns the changed list: g_list_append(list, x).
            bool of_itself = false;
            if (tree_.kind(value) == CXCursor_CallExpr)
                for (const CXCursor argument : arguments_of(value))
                    if (const auto given = access(argument); given && given->variable == on->variable) of_itself = true;
            if (!of_itself) add(Operation::Kind::replace, *on, whole, "=");
        }
    }
    writes_ = true;
    walk(left);
    writes_ = false;
    walk(right);
}

// node->next = head; head = node; tail->next = node; *link = node; root->left = insert(root->left, key).
void BodyReader::note_link(CXCursor whole, CXCursor left, CXCursor right) {
    const ClangApi& clang = tree_.clang;
    const CXCursor target = tree_.plain(left), value = tree_.plain(right);
    const Name node = tree_.type_facts(clang.getCursorType(target)).node;
    if (node == kNoName || is_null_literal(value)) return;
    const auto on = access(target);
    if (!on) return;
    const CXCursorKind kind = tree_.kind(target);
    const auto of = access(value);
    const bool plain_variable = tree_.kind(value) == CXCursor_DeclRefExpr && of && is_local(of->variable);
    const bool moved = tree_.kind(value) == CXCursor_CallExpr && tree_.spelling(value) == "move" && of && is_local(of->variable);
    const bool made = is_allocation(value);
    // node->next = head: the node is about to come before it.
    if (kind == CXCursor_MemberRefExpr && is_local(on->variable) && of && !is_local(of->variable) && !made) {
        here().linked_to[on->variable] = *of;
        return;
    }
    if (is_local(on->variable) && kind == CXCursor_DeclRefExpr) return;  // a local pointer that moves on
    if (!plain_variable && !moved && !made) {
        if (of && tree_.kind(value) == CXCursor_MemberRefExpr) add(Operation::Kind::unlink, *on, whole, "=").node = node;
        return;
    }
    // A node that was found in a structure and is put back into one is not new.
    if (of && here().loaded.contains(of->variable) && !here().fresh.contains(of->variable)) return;
    // "root = node" alone replaces what was there, unless the node leads to it: node->next = root. (Through a pointer to a
    // link, *link = node, the place was empty.)
    CXCursor field = target;  // node->forward[i]
    if (kind == CXCursor_ArraySubscriptExpr && !tree_.children(target).empty()) field = tree_.plain(tree_.children(target).front());
    const bool link_field = tree_.kind(field) == CXCursor_MemberRefExpr && is_link(tree_.referenced(field));
    const bool through_pointer = kind == CXCursor_UnaryOperator;
    if (!link_field && !through_pointer && !(of && here().linked_to.contains(of->variable))) return;
    add(Operation::Kind::link, *on, whole, "=").node = node;
}

// HASH_ADD_STR(peers, name, peer): a macro whose links have no type.
void BodyReader::note_macro(CXCursor statement) {
    std::vector<std::string> arguments;
    const std::string name = tree_.macro_of(statement, arguments);
    const MacroEffect effect = macro_effect(name);
    if (effect.effect == Effect::none || effect.container >= arguments.size()) return;
    const std::string_view head_source = arguments[effect.container];  // "peers", "server->peers", "&server.peers"
    const auto head = find_named(statement, head_source.substr(head_source.find_last_of(".>&*") + 1));  // npos + 1 is 0
    if (!head) return;
    const auto on = access(*head);
    const Name node = tree_.type_facts(tree_.clang.getCursorType(*head)).node;
    if (!on || node == kNoName) return;
    add(effect.effect == Effect::grow ? Operation::Kind::link : Operation::Kind::unlink, *on, statement, name).node = node;
}

// The first variable or member of a name below a statement.
std::optional<CXCursor> BodyReader::find_named(CXCursor statement, std::string_view name, int depth) {
    constexpr int kDeepestName = 30;
    if (depth > kDeepestName) return std::nullopt;
    for (const CXCursor child : tree_.children(statement)) {
        const CXCursorKind kind = tree_.kind(child);
        if ((kind == CXCursor_DeclRefExpr || kind == CXCursor_MemberRefExpr) && tree_.spelling(child) == name) return child;
        if (const auto found = find_named(child, name, depth + 1)) return found;
    }
    return std::nullopt;
}

// items[count++] = x, items[count] = x, buffer + length.
void BodyReader::note_store_at(CXCursor whole, CXCursor left) {
    const CXCursor target = tree_.plain(left);
    CXCursor subscript = target;
    if (tree_.kind(subscript) == CXCursor_MemberRefExpr) {  // items[count++].field = x
        const ClangTree::Children inner = tree_.children(subscript);
        if (inner.empty()) return;
        subscript = tree_.plain(inner.front());
    }
    if (tree_.kind(subscript) != CXCursor_ArraySubscriptExpr) return;
    const ClangTree::Children sides = tree_.children(subscript);
    if (sides.size() != 2) return;
    // A remainder or a mask keeps the index within the array.
    if (const std::string index = tree_.source(sides[1]); index.find_first_of("%&") != index.npos) return;
    note_store_behind(whole, sides[0], sides[1], "[] =");
}

void BodyReader::note_store_behind(CXCursor whole, CXCursor base, CXCursor index, const std::string& word) {
    const auto array = access(base);
    if (!array || tree_.type_facts(tree_.clang.getCursorType(tree_.plain(base))).fixed_array) return;
    std::set<Name> names;
    mentioned(index, names);
    for (const Name counter : names)
        if (!is_local(counter)) add(Operation::Kind::store_at, *array, whole, word).counter = counter;
}

void BodyReader::walk_compound(CXCursor expression) {
    const ClangTree::Children sides = tree_.children(expression);
    if (sides.size() == 2 && !contexts_.empty()) {
        const std::string op = tree_.binary_operator(expression);
        const auto on = access(sides[0]);
        if (on) note_flow(on->variable, sides[1]);
        if (on && tree_.type_facts(tree_.clang.getCursorType(sides[0])).integer && (op == "+=" || op == "-="))
            add(op == "+=" ? Operation::Kind::count_up : Operation::Kind::count_down, *on, expression, op);
    }
    writes_ = true;
    walk_children(expression);
    writes_ = false;
}

void BodyReader::walk_unary(CXCursor expression) {
    const ClangTree::Children inner = tree_.children(expression);
    if (inner.size() == 1 && !contexts_.empty()) {
        const std::string op = tree_.unary_operator(expression);
        if (op == "++" || op == "--")
            if (const auto on = access(inner[0]); on && tree_.type_facts(tree_.clang.getCursorType(inner[0])).integer) {
                add(op == "++" ? Operation::Kind::count_up : Operation::Kind::count_down, *on, expression, op);
                if (op == "++" && here().loop != 0 && is_local(on->variable)) here().indices[on->variable] = here().loop;
            }
        // Who has the address of a handle may close it: pthread_cleanup_push(close_it, &fd).
        if (tree_.is_address(expression))
            if (const auto on = access(inner[0]); on && is_local(on->variable))
                here().paths.handed_on(on->variable, tree_.place(expression));
        writes_ = op == "++" || op == "--" || op == "&";
    }
    walk_children(expression);
    writes_ = false;
}

}  // namespace leakline::audit
