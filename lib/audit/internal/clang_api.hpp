// libclang, loaded when it is first needed: leakline runs without it. Its header is needed to build, its library is not
// linked.
#pragma once

#include <clang-c/Index.h>

#include <string>

namespace leakline::audit {

// One row a function that the reader calls.
// It would be aligned differently each time.
// clang-format off
#define LEAKLINE_CLANG_FUNCTIONS(X) \
    X(createIndex) X(disposeIndex) X(parseTranslationUnit2FullArgv) X(disposeTranslationUnit) \
    X(getTranslationUnitCursor) X(visitChildren) X(getCursorKind) X(getCursorType) X(getCanonicalType) \
    X(getCursorSpelling) X(getTypeSpelling) X(getCursorReferenced) X(getCursorUSR) X(getCursorSemanticParent) \
    X(getCursorLocation) X(getCursorExtent) X(getRangeStart) X(getRangeEnd) X(getExpansionLocation) \
    X(getSpellingLocation) X(getFileName) X(getFileContents) X(getCString) X(disposeString) X(isExpression) \
    X(isStatement) X(isDeclaration) X(isConstQualifiedType) X(getPointeeType) X(getTypeDeclaration) \
    X(Type_getNumTemplateArguments) X(Type_getTemplateArgumentAsType) X(getArrayElementType) X(getCursorResultType) \
    X(Cursor_getStorageClass) X(getCursorTLSKind) X(getSpecializedCursorTemplate) X(getCanonicalCursor) \
    X(getCursorDefinition) X(Cursor_getNumArguments) X(Cursor_getArgument) X(CXXMethod_isVirtual) \
    X(CXXMethod_isStatic) X(CXXMethod_isConst) X(getOverriddenCursors) X(disposeOverriddenCursors) \
    X(getNumDiagnostics) X(getDiagnostic) X(getDiagnosticSeverity) X(getDiagnosticSpelling) X(getDiagnosticLocation) \
    X(disposeDiagnostic) X(hashCursor) X(equalCursors) X(isCursorDefinition) X(Location_isInSystemHeader) \
    X(getNumArgTypes) X(getArgType) X(isFunctionTypeVariadic) X(getInclusions) X(getCursorLinkage) X(Cursor_isNull) \
    X(Type_getSizeOf) X(getResultType)
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

}  // namespace leakline::audit
