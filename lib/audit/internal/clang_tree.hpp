// Cursors of libclang with what the reader asks of them: children, texts, types, identifiers, places.
//
// Thread-safety: one thread.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "audit/internal/clang_api.hpp"
#include "audit/internal/facts.hpp"
#include "audit/internal/type_facts.hpp"

namespace leakline::audit {

class ClangTree {
  public:
    // roots: folders and files whose code is read, absolute and without links; code elsewhere is not of the project.
    // directory: what relative names of files start from.
    ClangTree(const ClangApi& api, CXTranslationUnit unit, UnitFacts& facts, const std::vector<std::string>& roots, std::string directory);

    const ClangApi& clang;
    Names name;

    using Children = std::vector<CXCursor>;
    Children children(CXCursor cursor) const;
    CXCursorKind kind(CXCursor cursor) const { return clang.getCursorKind(cursor); }
    std::string spelling(CXCursor cursor) const { return text(clang.getCursorSpelling(cursor)); }
    std::string type_text(CXType type) const { return text(clang.getTypeSpelling(type)); }
    CXCursor referenced(CXCursor cursor) const { return clang.getCursorReferenced(cursor); }
    bool is_expression(CXCursor cursor) const { return clang.isExpression(kind(cursor)) != 0; }
    std::optional<CXCursor> last_expression(CXCursor cursor) const;  // among the children
    bool is_null(CXCursor cursor) const { return clang.Cursor_isNull(cursor) != 0; }

    // Without parentheses, casts and nodes that libclang does not name.
    CXCursor plain(CXCursor expression) const;

    bool in_project(CXCursor cursor);
    Place place(CXCursor cursor);
    std::uint32_t last_line(CXCursor cursor) const;
    // The name of a file as places have it, by the name that the compiler gives: absolute, without links.
    std::string absolute_name(const std::string& as_compiled) const;
    // "lambda@file:line:column", or "" where type is not that of a lambda.
    std::string lambda_of(CXType type);

    // An identifier that is the same in all units; of a template's instance, that of the template.
    Name id(CXCursor declaration);
    std::string qualified_name(CXCursor declaration) const;  // "Store::entries_", without namespaces that have no name

    // The operator of a binary, compound or unary expression: "=", "+=", "<", "++", "*"; "" where a macro hides it.
    std::string binary_operator(CXCursor expression) const;
    std::string unary_operator(CXCursor expression) const;
    bool is_address(CXCursor unary) const;  // "&x", also where a macro hides it
    // Whether it assigns: also within a macro, where its type is that of a pointer. left, right: its children.
    bool is_assignment(CXCursor binary, CXCursor left, CXCursor right) const;
    // The text from the start of one cursor to the start of another in it: "for (;;) ".
    std::string text_before(CXCursor outer, CXCursor inner) const;
    std::string source(CXCursor cursor) const;

    const TypeFacts& type_facts(CXType type);
    bool is_unnamed(CXCursor record) const;     // a structure without a name
    bool is_type_parameter(CXType type) const;  // "T" of a template, "auto" of a generic lambda, or a reference to one
    bool is_implicit(CXCursor function) const;  // that C calls without a declaration: it may be a library's
    CXCursor declaration_of_type(CXCursor cursor) const {
        return clang.getTypeDeclaration(clang.getCanonicalType(clang.getCursorType(cursor)));
    }
    // The name of the macro that a statement comes from, "" where it stands in the source; and what it was given.
    std::string macro_of(CXCursor statement, std::vector<std::string>& arguments) const;
    bool is_standard(CXCursor declaration) const;  // of namespace std

    static constexpr CXCursor kNoCursor{CXCursor_InvalidFile, 0, {nullptr, nullptr, nullptr}};

  private:
    CXCursor field_of_template(CXCursor field) const;
    std::string text(CXString string) const { return take_text(clang, string); }
    struct File {
        Name name = kNoName;
        bool project = false;
        std::string_view content;
    };
    File& file(CXFile handle, CXSourceLocation at);
    TypeFacts read_type(CXType type, int depth);
    void descend(TypeFacts& facts, CXType record, int depth);

    std::vector<std::string> roots_;
    std::string directory_;
    CXTranslationUnit unit_;
    std::unordered_map<CXFile, File> files_;
    struct Hash {
        const ClangApi* clang;
        std::size_t operator()(const CXCursor& cursor) const { return clang->hashCursor(cursor); }
    };
    struct Equal {
        const ClangApi* clang;
        bool operator()(const CXCursor& a, const CXCursor& b) const { return clang->equalCursors(a, b) != 0; }
    };
    std::unordered_map<CXCursor, Name, Hash, Equal> ids_;
    std::unordered_map<std::string, TypeFacts> types_;
};

}  // namespace leakline::audit
