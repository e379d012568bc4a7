#include "audit/internal/clang_tree.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <filesystem>

#include "audit/internal/paths.hpp"
#include "audit/internal/words.hpp"
#include "base/ascii.hpp"

namespace leakline::audit {

namespace {

struct Range {
    CXFile file = nullptr;
    unsigned begin = 0, end = 0;
};

Range range_of(const ClangApi& clang, CXCursor cursor) {
    const CXSourceRange extent = clang.getCursorExtent(cursor);
    Range range;
    clang.getExpansionLocation(clang.getRangeStart(extent), &range.file, nullptr, nullptr, &range.begin);
    clang.getExpansionLocation(clang.getRangeEnd(extent), nullptr, nullptr, nullptr, &range.end);
    return range;
}

// Comments and blanks taken out.
std::string bare(std::string_view text) {
    std::string out;
    for (std::size_t i = 0; i < text.size(); ++i) {
        if (text.substr(i, 2) == "/*") {
            i = std::min(text.find("*/", i), text.size() - 1) + 1;
        } else if (text.substr(i, 2) == "//") {
            i = std::min(text.find('\n', i), text.size() - 1);
        } else if (std::isspace(static_cast<unsigned char>(text[i])) == 0) {
            out += text[i];
        }
    }
    return out;
}

std::string_view content_of(const ClangApi& clang, CXTranslationUnit unit, CXFile file) {
    std::size_t size = 0;
    const char* content = file == nullptr ? nullptr : clang.getFileContents(unit, file, &size);
    return content == nullptr ? std::string_view() : std::string_view(content, size);
}

std::string_view slice(std::string_view text, unsigned begin, unsigned end) {
    return begin >= end || begin >= text.size() ? std::string_view() : text.substr(begin, end - begin);
}

}  // namespace

ClangTree::ClangTree(const ClangApi& api, CXTranslationUnit unit, UnitFacts& facts, const std::vector<std::string>& roots,
                     std::string directory)
    : clang(api), name(facts), roots_(roots), directory_(std::move(directory)), unit_(unit), ids_(64, Hash{&api}, Equal{&api}) {}

std::optional<CXCursor> ClangTree::last_expression(CXCursor cursor) const {
    std::optional<CXCursor> last;
    for (const CXCursor child : children(cursor))
        if (is_expression(child)) last = child;
    return last;
}

ClangTree::Children ClangTree::children(CXCursor cursor) const {
    Children out;
    clang.visitChildren(
        cursor,
        [](CXCursor child, CXCursor, CXClientData data) {
            static_cast<Children*>(data)->push_back(child);
            return CXChildVisit_Continue;
        },
        &out);
    return out;
}

CXCursor ClangTree::plain(CXCursor expression) const {
    for (int depth = 0; depth < 64; ++depth) {
        const CXCursorKind at = kind(expression);
        const bool cast = at == CXCursor_CStyleCastExpr || at == CXCursor_CXXStaticCastExpr || at == CXCursor_CXXReinterpretCastExpr ||
                          at == CXCursor_CXXConstCastExpr || at == CXCursor_CXXFunctionalCastExpr || at == CXCursor_CXXDynamicCastExpr;
        if (at != CXCursor_UnexposedExpr && at != CXCursor_ParenExpr && !cast) return expression;
        const Children inner = children(expression);
        // A cast lists the names of its type first.
        if (inner.empty() || (!cast && inner.size() != 1) || !is_expression(inner.back())) return expression;
        expression = inner.back();
    }
    return expression;
}

ClangTree::File& ClangTree::file(CXFile handle, CXSourceLocation at) {
    const auto [entry, added] = files_.try_emplace(handle);
    if (!added) return entry->second;
    File& file = entry->second;
    if (handle == nullptr) return file;
    const std::string absolute = absolute_name(text(clang.getFileName(handle)));
    file.name = name(absolute);
    file.project = clang.Location_isInSystemHeader(at) == 0 && is_within_any(absolute, roots_);
    file.content = content_of(clang, unit_, handle);
    return file;
}

std::string ClangTree::absolute_name(const std::string& as_compiled) const {
    const std::filesystem::path path = std::filesystem::path(directory_) / as_compiled;
    std::error_code error;
    const std::filesystem::path real = std::filesystem::canonical(path, error);
    return error ? path.lexically_normal().string() : real.string();
}

bool ClangTree::in_project(CXCursor cursor) {
    CXFile handle = nullptr;
    const CXSourceLocation at = clang.getCursorLocation(cursor);
    clang.getExpansionLocation(at, &handle, nullptr, nullptr, nullptr);
    return file(handle, at).project;
}

Place ClangTree::place(CXCursor cursor) {
    CXFile handle = nullptr;
    unsigned line = 0;
    const CXSourceLocation at = clang.getCursorLocation(cursor);
    clang.getExpansionLocation(at, &handle, &line, nullptr, nullptr);
    return {file(handle, at).name, line};
}

std::uint32_t ClangTree::last_line(CXCursor cursor) const {
    unsigned line = 0;
    clang.getExpansionLocation(clang.getRangeEnd(clang.getCursorExtent(cursor)), nullptr, &line, nullptr, nullptr);
    return line;
}

std::string ClangTree::lambda_of(CXType type) {
    const CXCursor declaration = clang.getTypeDeclaration(clang.getCanonicalType(type));
    if (is_null(declaration) || kind(declaration) == CXCursor_NoDeclFound) return {};
    if (type_text(clang.getCursorType(declaration)).find("(lambda at ") == std::string::npos) return {};
    CXFile handle = nullptr;
    unsigned line = 0, column = 0;
    const CXSourceLocation at = clang.getCursorLocation(declaration);
    clang.getExpansionLocation(at, &handle, &line, &column, nullptr);
    return fmt::format("lambda@{}:{}:{}", file(handle, at).name, line, column);
}

// The field of the template that a field of an instance was made from; null where its class is no instance.
CXCursor ClangTree::field_of_template(CXCursor field) const {
    const CXCursor general = clang.getSpecializedCursorTemplate(clang.getCursorSemanticParent(field));
    if (!is_null(general)) {
        const std::string wanted = spelling(field);
        for (const CXCursor child : children(general))
            if (kind(child) == CXCursor_FieldDecl && spelling(child) == wanted) return child;
    }
    return kNoCursor;
}

Name ClangTree::id(CXCursor declaration) {
    if (is_null(declaration)) return kNoName;
    if (const auto known = ids_.find(declaration); known != ids_.end()) return known->second;
    CXCursor general = clang.getSpecializedCursorTemplate(declaration);
    // A member of a nested class of an instance leads to the template in several steps.
    for (int step = 0; step < 4 && !is_null(general); ++step) {
        const CXCursor next = clang.getSpecializedCursorTemplate(general);
        if (is_null(next)) break;
        general = next;
    }
    if (kind(declaration) == CXCursor_FieldDecl) general = field_of_template(declaration);
    const CXCursor canonical = clang.getCanonicalCursor(is_null(general) ? declaration : general);
    std::string usr;
    if (kind(canonical) == CXCursor_CXXMethod)
        if (const CXCursor parent = clang.getCursorSemanticParent(canonical); !is_null(parent))
            if (std::string lambda = lambda_of(clang.getCursorType(parent)); !lambda.empty()) usr = std::move(lambda);
    if (usr.empty()) usr = text(clang.getCursorUSR(canonical));
    // A local variable's has its offset in the file: headers that are read in two units give the same.
    const Name found = usr.empty() ? kNoName : name(std::move(usr));
    ids_.emplace(declaration, found);
    return found;
}

std::string ClangTree::qualified_name(CXCursor declaration) const {
    std::string out = spelling(declaration);
    for (CXCursor parent = clang.getCursorSemanticParent(declaration); !is_null(parent); parent = clang.getCursorSemanticParent(parent)) {
        const CXCursorKind at = kind(parent);
        if (at != CXCursor_ClassDecl && at != CXCursor_StructDecl && at != CXCursor_ClassTemplate && at != CXCursor_UnionDecl) break;
        const std::string outer = spelling(parent);
        if (outer.empty() || outer.find('(') != std::string::npos) break;
        out = outer + "::" + out;
    }
    return out;
}

std::string ClangTree::binary_operator(CXCursor expression) const {
    const Children sides = children(expression);
    if (sides.size() != 2) return {};
    const Range left = range_of(clang, sides[0]), right = range_of(clang, sides[1]);
    std::string found = bare(slice(content_of(clang, unit_, left.file), left.end, right.begin));
    // Parentheses around a side do not belong to it where a macro made them.
    std::erase_if(found, [](char c) { return c == '(' || c == ')'; });
    return found.size() > 3 ? std::string() : found;
}

bool ClangTree::is_assignment(CXCursor binary, CXCursor left, CXCursor right) const {
    if (const std::string op = binary_operator(binary); !op.empty()) return op == "=";
    // The text of a macro does not show it. Of two pointers a comparison gives a number, a sum does not exist, and what stands
    // before a comma is a call or an assignment.
    const auto is_pointer = [&](CXCursor cursor) { return clang.getCanonicalType(clang.getCursorType(cursor)).kind == CXType_Pointer; };
    const CXCursorKind form = kind(plain(left));
    const bool place = form == CXCursor_DeclRefExpr || form == CXCursor_MemberRefExpr || form == CXCursor_ArraySubscriptExpr ||
                       form == CXCursor_UnaryOperator;
    return place && is_pointer(binary) && is_pointer(left) && is_pointer(right);
}

std::string ClangTree::unary_operator(CXCursor expression) const {
    const Children inner = children(expression);
    if (inner.size() != 1) return {};
    const Range whole = range_of(clang, expression), part = range_of(clang, inner[0]);
    const std::string_view content = content_of(clang, unit_, whole.file);
    std::string found = bare(slice(content, whole.begin, part.begin));
    return found.empty() ? bare(slice(content, part.end, whole.end)) : found;
}

bool ClangTree::is_address(CXCursor unary) const {
    const Children inner = children(unary);
    const CXType type = clang.getCanonicalType(clang.getCursorType(unary));
    if (inner.size() != 1 || type.kind != CXType_Pointer) return false;
    const CXType of = clang.getCanonicalType(clang.getCursorType(inner[0]));
    return type_text(clang.getCanonicalType(clang.getPointeeType(type))) == type_text(of);
}

std::string ClangTree::text_before(CXCursor outer, CXCursor inner) const {
    const Range whole = range_of(clang, outer), part = range_of(clang, inner);
    return bare(slice(content_of(clang, unit_, whole.file), whole.begin, part.begin));
}

std::string ClangTree::source(CXCursor cursor) const {
    const Range whole = range_of(clang, cursor);
    return std::string(slice(content_of(clang, unit_, whole.file), whole.begin, whole.end));
}

bool ClangTree::is_implicit(CXCursor function) const {
    if (kind(function) != CXCursor_FunctionDecl) return false;
    const Range whole = range_of(clang, function);
    return slice(content_of(clang, unit_, whole.file), whole.begin, whole.end).find('(') == std::string_view::npos;
}

bool ClangTree::is_type_parameter(CXType type) const {
    type = clang.getCanonicalType(type);
    if (type.kind == CXType_LValueReference || type.kind == CXType_RValueReference)
        type = clang.getCanonicalType(clang.getPointeeType(type));
    if (type.kind == CXType_Auto) return true;
    return type.kind == CXType_Unexposed && clang.getTypeDeclaration(type).kind == CXCursor_NoDeclFound &&
           text(clang.getTypeSpelling(type)).find_first_of("<:") == std::string::npos;
}

bool ClangTree::is_unnamed(CXCursor record) const {
    const CXCursorKind at = kind(record);
    if (at != CXCursor_StructDecl && at != CXCursor_UnionDecl) return false;
    const std::string word = spelling(record);
    return word.empty() || word.find('(') != word.npos;
}

std::string ClangTree::macro_of(CXCursor statement, std::vector<std::string>& arguments) const {
    const Range whole = range_of(clang, statement);
    const std::string_view content = content_of(clang, unit_, whole.file);
    std::size_t end = whole.begin;
    while (end < content.size() && is_word_part(content[end])) ++end;
    const std::string macro(content.substr(std::min<std::size_t>(whole.begin, content.size()), end - whole.begin));
    static constexpr std::array<std::string_view, 4> statements = {"do", "if", "for", "while"};
    if (macro.empty() || std::find(statements.begin(), statements.end(), macro) != statements.end() || end >= content.size() ||
        content[end] != '(')
        return {};
    int depth = 0;
    std::size_t begin = end + 1;
    for (std::size_t at = end; at < content.size(); ++at) {
        const char c = content[at];
        depth += c == '(' ? 1 : c == ')' ? -1 : 0;
        if (!(depth == 0 || (depth == 1 && c == ','))) continue;
        arguments.push_back(bare(content.substr(begin, at - begin)));
        begin = at + 1;
        if (depth == 0) return macro;
    }
    return {};
}

bool ClangTree::is_standard(CXCursor declaration) const {
    for (CXCursor parent = declaration; !is_null(parent); parent = clang.getCursorSemanticParent(parent)) {
        if (kind(parent) == CXCursor_TranslationUnit) return false;
        if (kind(parent) == CXCursor_Namespace && spelling(parent) == "std") return true;
    }
    return false;
}

const TypeFacts& ClangTree::type_facts(CXType type) {
    const std::string text = type_text(clang.getCanonicalType(type));
    if (const auto known = types_.find(text); known != types_.end()) return known->second;
    TypeFacts facts = read_type(type, 0);
    return types_.emplace(text, std::move(facts)).first->second;
}

// The classes and containers in the template arguments of a record.
void ClangTree::descend(TypeFacts& facts, CXType record, int depth) {
    const int count = clang.Type_getNumTemplateArguments(record);
    for (int i = 0; i < count && i < 4; ++i) {
        const CXType argument = clang.Type_getTemplateArgumentAsType(record, static_cast<unsigned>(i));
        if (argument.kind == CXType_Invalid) continue;
        const TypeFacts inner = read_type(argument, depth + 1);
        facts.holds.insert(facts.holds.end(), inner.holds.begin(), inner.holds.end());
        facts.elements.insert(facts.elements.end(), inner.elements.begin(), inner.elements.end());
        if (inner.thread) facts.thread = true;
        if (!facts.container() && inner.container()) {
            facts.family = inner.family;
            facts.few_keys = inner.few_keys;
        }
    }
}

TypeFacts ClangTree::read_type(CXType written, int depth) {
    TypeFacts facts;
    CXType type = clang.getCanonicalType(written);
    bool array = false;
    for (int step = 0; step < 8 && depth < 8; ++step) {
        if (type.kind == CXType_Pointer || type.kind == CXType_LValueReference || type.kind == CXType_RValueReference) {
            facts.indirect = true;
            type = clang.getCanonicalType(clang.getPointeeType(type));
        } else if (type.kind == CXType_ConstantArray || type.kind == CXType_IncompleteArray) {
            array = true;
            facts.fixed_array = facts.fixed_array || (type.kind == CXType_ConstantArray && !facts.indirect);
            type = clang.getCanonicalType(clang.getArrayElementType(type));
        } else {
            break;
        }
    }
    switch (type.kind) {
        case CXType_Bool:
        case CXType_Char_U:
        case CXType_UChar:
        case CXType_Char_S:
        case CXType_SChar:
        case CXType_Enum:
            facts.few_values = !array;  // "char text[100]" may hold anything
            facts.integer = true;
            return facts;
        case CXType_UShort:
        case CXType_UInt:
        case CXType_ULong:
        case CXType_ULongLong:
        case CXType_Short:
        case CXType_Int:
        case CXType_Long:
        case CXType_LongLong: facts.integer = true; return facts;
        case CXType_FunctionProto:
        case CXType_FunctionNoProto: facts.callable = true; return facts;
        default: break;
    }
    const CXCursor declaration = clang.getTypeDeclaration(type);
    if (depth >= 8) return facts;
    std::string record, spelled = type_text(type);
    bool standard = false, project = false;
    if (!is_null(declaration) && kind(declaration) != CXCursor_NoDeclFound) {
        record = spelling(declaration);
        if (record.empty()) record = spelled;  // a structure without a name
        standard = is_standard(declaration);
        project = !standard && in_project(declaration);
    } else {
        // Within a template: "vector<type-parameter-0-0, ...>" has no declaration to ask.
        if (spelled.starts_with("const ")) spelled.erase(0, 6);
        std::string_view head = std::string_view(spelled).substr(0, spelled.find('<'));
        record = head.substr(head.rfind(':') == head.npos ? 0 : head.rfind(':') + 1);
        standard = spelled.find('<') != std::string::npos && container_family(record, true) != TypeFacts::Family::none;
    }
    if (record.empty()) return facts;
    if (project) {
        if (type_text(type).find("(lambda at ") != std::string::npos) {
            facts.callable = true;
            return facts;
        }
        facts.node = facts.indirect ? id(declaration) : kNoName;
        facts.holds.push_back(id(declaration));
        const int count = clang.Type_getNumTemplateArguments(type);
        for (int i = 0; i < count && i < 4; ++i) {
            const CXType argument = clang.Type_getTemplateArgumentAsType(type, static_cast<unsigned>(i));
            if (argument.kind == CXType_Invalid) continue;
            const TypeFacts inner = read_type(argument, depth + 1);
            facts.holds.insert(facts.holds.end(), inner.holds.begin(), inner.holds.end());
        }
        return facts;
    }
    if (record.find("iterator") != std::string::npos) {
        facts.indirect = true;
        return facts;
    }
    if (standard && (record == "thread" || record == "jthread" || record == "future")) {
        facts.thread = record != "future";
        return facts;
    }
    if (standard && (record == "function" || record == "move_only_function" || record == "packaged_task")) {
        facts.callable = true;
        return facts;
    }
    if (is_pointer_class(record)) {
        const CXType argument = clang.Type_getTemplateArgumentAsType(type, 0);
        if (argument.kind != CXType_Invalid) {
            TypeFacts inner = read_type(argument, depth + 1);
            if (record != "optional") inner.indirect = true;
            if (inner.holds.size() == 1 && inner.elements.empty() && record != "optional") inner.node = inner.holds.front();
            return inner;
        }
        return facts;
    }
    facts.family = container_family(record, standard);
    if (facts.container()) {
        TypeFacts inner;
        descend(inner, type, depth);
        facts.elements = inner.holds;
        facts.elements.insert(facts.elements.end(), inner.elements.begin(), inner.elements.end());
        facts.thread = inner.thread;
        if (facts.family == TypeFacts::Family::map || facts.family == TypeFacts::Family::set) {
            const CXType key = clang.Type_getTemplateArgumentAsType(type, 0);
            if (key.kind != CXType_Invalid) {
                const TypeFacts key_facts = read_type(key, depth + 1);
                facts.few_keys = key_facts.few_values && !key_facts.indirect;
            }
        }
        return facts;
    }
    if (standard || clang.Type_getNumTemplateArguments(type) > 0) descend(facts, type, depth);
    return facts;
}

}  // namespace leakline::audit
