// libclang, loaded when it is first needed: leakline runs without it. Its header is needed to build, its library is not
// linked.
#pragma once

#include <clang-c/Index.h>

#include <string>

namespace leakline::audit {

// The functions that the reader calls. clang-format would align them differently after each change.
// clang-format off
#define LEAKLINE_CLANG_FUNCTIONS(X) \
    X(createIndex) X(disposeIndex) X(parseTranslationUnit2FullArgv) X(disposeTranslationUnit) \
    X(getTranslationUnitCursor) X(visitChildren) X(getCursorKind) X(getCursorType) X(getCanonicalType) \
    X(getCursorSpelling) X(getTypeSpelling) X(getCursorReferenced) X(getNumOverloadedDecls) X(getOverloadedDecl) X(getCursorUSR) X(getCursorSemanticParent) \
    X(getCursorLocation) X(getCursorExtent) X(getRangeStart) X(getRangeEnd) X(getExpansionLocation) \
    X(getSpellingLocation) X(getFileName) X(getFileContents) X(getCString) X(disposeString) X(isExpression) \
    X(isStatement) X(isConstQualifiedType) X(getPointeeType) X(getTypeDeclaration) \
    X(Type_getNumTemplateArguments) X(Type_getTemplateArgumentAsType) X(getArrayElementType) X(getCursorResultType) \
    X(Cursor_getStorageClass) X(getCursorTLSKind) X(getSpecializedCursorTemplate) X(getCanonicalCursor) \
    X(Cursor_getNumArguments) X(Cursor_getArgument) \
    X(CXXMethod_isConst) X(getOverriddenCursors) X(disposeOverriddenCursors) \
    X(getNumDiagnostics) X(getDiagnostic) X(getDiagnosticSeverity) X(getDiagnosticSpelling) X(getDiagnosticLocation) \
    X(disposeDiagnostic) X(hashCursor) X(equalCursors) X(isCursorDefinition) X(Location_isInSystemHeader) \
    X(getNumArgTypes) X(getArgType) X(getInclusions) X(getCursorLinkage) X(Cursor_isNull)
// clang-format on

struct ClangApi {
#define LEAKLINE_CLANG_MEMBER(name) decltype(&::clang_##name) name;
    LEAKLINE_CLANG_FUNCTIONS(LEAKLINE_CLANG_MEMBER)
#undef LEAKLINE_CLANG_MEMBER
    std::string library;             // the file that was loaded
    std::string resource_directory;  // where its own headers (stddef.h) are; empty: where it looks by itself
};

// The library that LEAKLINE_LIBCLANG names, else the newest of versions 14 to 21 that is found. Throws Error{input} with the
// package to install. Safe from any thread; the result stays valid.
const ClangApi& clang_api();

// A copy of the text of a string, which is disposed of.
std::string take_text(const ClangApi& clang, CXString string);

}  // namespace leakline::audit
