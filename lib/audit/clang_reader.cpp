#include "audit/internal/clang_reader.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <memory>
#include <set>

#include "audit/internal/bound_comments.hpp"
#include "audit/internal/clang_body.hpp"
#include "audit/internal/paths.hpp"
#include "audit/internal/stand_ins.hpp"
#include "base/ascii.hpp"
#include "base/error.hpp"
#include "base/strings.hpp"
#include "system/byte_source.hpp"

namespace leakline::audit {

namespace {

constexpr std::size_t kKeptErrors = 3;

class UnitReader {
  public:
    UnitReader(const ClangApi& clang, CXTranslationUnit unit, const std::vector<std::string>& roots, const std::string& directory)
        : clang_(clang), tree_(clang, unit, facts_, roots, directory), body_(tree_, facts_) {}

    UnitFacts take() { return std::move(facts_); }

    // Which functions an error of the compiler is in, or its line alone.
    void note_unread(const CompilerError& error) {
        if (error.file.empty()) return;
        const Name file = tree_.name(tree_.absolute_name(error.file));
        Unread unread{{file, error.line}, error.line};
        for (const Unread& body : bodies_)
            if (body.at.file == file && body.at.line <= error.line && error.line <= body.end) unread = body;
        for (const Unread& known : facts_.unread)
            if (known.at == unread.at) return;
        facts_.unread.push_back(unread);
    }

    void read(CXCursor scope) {
        for (const CXCursor declaration : tree_.children(scope)) read_declaration(declaration);
    }

  private:
    void read_declaration(CXCursor cursor) {
        const CXCursorKind kind = tree_.kind(cursor);
        const bool around_includes = kind == CXCursor_LinkageSpec || kind == CXCursor_UnexposedDecl;  // extern "C" {
        if (!around_includes && !tree_.in_project(cursor)) return;
        switch (kind) {
            case CXCursor_Namespace:
            case CXCursor_LinkageSpec:
            case CXCursor_UnexposedDecl: read(cursor); break;
            case CXCursor_ClassDecl:
            case CXCursor_StructDecl:
            case CXCursor_UnionDecl:
            case CXCursor_ClassTemplate:
            case CXCursor_ClassTemplatePartialSpecialization: read_class(cursor); break;
            case CXCursor_FunctionDecl:
            case CXCursor_FunctionTemplate:
            case CXCursor_CXXMethod:
            case CXCursor_Constructor:
            case CXCursor_Destructor:
            case CXCursor_ConversionFunction: read_function(cursor); break;
            case CXCursor_VarDecl: read_variable(cursor); break;
            default: break;
        }
    }

    void read_class(CXCursor cursor) {
        if (clang_.isCursorDefinition(cursor) == 0) return;
        Class read;
        read.id = tree_.id(cursor);
        read.name = tree_.name(tree_.qualified_name(cursor));
        read.at = tree_.place(cursor);
        for (const CXCursor child : tree_.children(cursor)) {
            if (tree_.kind(child) == CXCursor_CXXBaseSpecifier) {
                const CXCursor base = tree_.declaration_of_type(child);
                if (tree_.is_null(base) || tree_.kind(base) == CXCursor_NoDeclFound) continue;
                if (tree_.in_project(base)) read.bases.push_back(tree_.id(base));
            } else if (tree_.kind(child) == CXCursor_FieldDecl) {
                const Name field = body_.note_variable(child);
                read.node = read.node || body_.makes_node(child);
                for (const CXCursor initializer : tree_.children(child))
                    if (tree_.is_expression(initializer)) body_.read_initializer(initializer, field);
            } else {
                read_declaration(child);
            }
        }
        facts_.classes.push_back(std::move(read));
    }

    void read_variable(CXCursor cursor) {
        const Name id = body_.note_variable(cursor);
        for (const CXCursor child : tree_.children(cursor))
            if (tree_.is_expression(child)) body_.read_initializer(child, id);
    }

    bool cursor_is_main(CXCursor cursor) { return tree_.kind(cursor) == CXCursor_FunctionDecl && tree_.spelling(cursor) == "main"; }

    void read_function(CXCursor cursor) {
        if (clang_.isCursorDefinition(cursor) == 0) return;
        Function function;
        function.id = tree_.id(cursor);
        // Every program has one of its own.
        if (cursor_is_main(cursor)) function.id = tree_.name("main@" + facts_.names[tree_.place(cursor).file]);
        if (function.id == kNoName || !seen_.insert(function.id).second) return;
        function.name = tree_.name(tree_.qualified_name(cursor));
        function.at = tree_.place(cursor);
        const CXCursorKind kind = tree_.kind(cursor);
        function.kind = kind == CXCursor_Constructor  ? Function::Kind::constructor
                        : kind == CXCursor_Destructor ? Function::Kind::destructor
                                                      : Function::Kind::plain;
        const CXCursor parent = clang_.getCursorSemanticParent(cursor);
        const CXCursorKind outer = tree_.kind(parent);
        if (outer == CXCursor_ClassDecl || outer == CXCursor_StructDecl || outer == CXCursor_ClassTemplate)
            function.owner = tree_.id(parent);
        function.type = tree_.name(tree_.type_text(clang_.getCanonicalType(clang_.getCursorType(cursor))));
        function.main = cursor_is_main(cursor);
        facts_.has_main = facts_.has_main || function.main;
        function.local_file =
            clang_.getCursorLinkage(cursor) == CXLinkage_Internal || clang_.getCursorLinkage(cursor) == CXLinkage_UniqueExternal;
        if (kind == CXCursor_CXXMethod || kind == CXCursor_Destructor) {
            CXCursor* overridden = nullptr;
            unsigned count = 0;
            clang_.getOverriddenCursors(cursor, &overridden, &count);
            for (unsigned i = 0; i < count; ++i) {
                if (tree_.in_project(overridden[i]))
                    function.overrides.push_back(tree_.id(overridden[i]));
                else if (kind != CXCursor_Destructor)
                    function.outside_override = true;
            }
            if (overridden != nullptr) clang_.disposeOverriddenCursors(overridden);
        }
        facts_.functions.push_back(function);
        bodies_.push_back({function.at, tree_.last_line(cursor)});
        body_.read_function(cursor, function.id);
    }

    const ClangApi& clang_;
    UnitFacts facts_;
    ClangTree tree_;
    BodyReader body_;
    std::set<Name> seen_;
    std::vector<Unread> bodies_;
};

// What stands around an error in the source.
void note_source(std::string_view content, std::size_t offset, CompilerError& error) {
    if (offset >= content.size()) return;
    const std::size_t line = content.substr(0, offset).rfind('\n') + 1;  // npos + 1 is 0
    const std::string_view before = trim(content.substr(line, offset - line));
    error.first = before.empty();
    error.directive = before.starts_with('#') || (before.empty() && content[offset] == '#');
    std::size_t end = offset;
    while (end < content.size() && is_word_part(content[end])) ++end;
    error.word = content.substr(offset, end - offset);
    error.next = trim(content.substr(end, content.find('\n', end) - end));
}

std::vector<CompilerError> errors_of(const ClangApi& clang, CXTranslationUnit unit) {
    std::vector<CompilerError> errors;
    const unsigned diagnostics = clang.getNumDiagnostics(unit);
    for (unsigned i = 0; i < diagnostics; ++i) {
        CXDiagnostic diagnostic = clang.getDiagnostic(unit, i);
        if (clang.getDiagnosticSeverity(diagnostic) >= CXDiagnostic_Error) {
            CXFile file = nullptr;
            CompilerError error;
            unsigned offset = 0;
            clang.getExpansionLocation(clang.getDiagnosticLocation(diagnostic), &file, &error.line, nullptr, &offset);
            error.message = take_text(clang, clang.getDiagnosticSpelling(diagnostic));
            if (file != nullptr) {
                error.file = take_text(clang, clang.getFileName(file));
                std::size_t size = 0;
                const char* content = clang.getFileContents(unit, file, &size);
                if (content != nullptr) note_source({content, size}, offset, error);
            }
            errors.push_back(std::move(error));
        }
        clang.disposeDiagnostic(diagnostic);
    }
    return errors;
}

// The first of them, with their places.
std::vector<std::string> messages_of(const std::vector<CompilerError>& errors) {
    std::vector<std::string> messages;
    for (std::size_t i = 0; i < std::min(errors.size(), kKeptErrors); ++i)
        messages.push_back(errors[i].file.empty() ? errors[i].message
                                                  : fmt::format("{}:{}: {}", errors[i].file, errors[i].line, errors[i].message));
    if (errors.size() > kKeptErrors) messages.push_back(fmt::format("and {} more", errors.size() - kKeptErrors));
    return messages;
}

struct Closing {
    const ClangApi* clang;
    void operator()(CXIndex index) const { clang->disposeIndex(index); }
    void operator()(CXTranslationUnit unit) const { clang->disposeTranslationUnit(unit); }
};

// A header that GCC precompiled has its product beside it, which clang would take for its own: the text is given under
// another name.
struct Unsaved {
    std::vector<std::string> paths, contents;

    void rename(std::string& header, const std::string& directory) {
        const std::filesystem::path path = std::filesystem::path(directory) / header;
        std::error_code error;
        if (!std::filesystem::exists(path.string() + ".gch", error)) return;
        contents.push_back(read_file(path.string()));
        header = (path.parent_path() / ("leakline_" + path.filename().string())).string();
        paths.push_back(header);
    }
    std::vector<CXUnsavedFile> files() const {
        std::vector<CXUnsavedFile> out;
        for (std::size_t i = 0; i < paths.size(); ++i) out.push_back({paths[i].c_str(), contents[i].data(), contents[i].size()});
        return out;
    }
};

using Translation = std::unique_ptr<CXTranslationUnitImpl, Closing>;

Translation parse(const ClangApi& clang, CXIndex index, const std::vector<std::string>& arguments, Unsaved& unsaved,
                  const std::string& file) {
    std::vector<const char*> pointers;
    for (const std::string& argument : arguments) pointers.push_back(argument.c_str());
    CXTranslationUnit parsed = nullptr;
    std::vector<CXUnsavedFile> files = unsaved.files();
    const CXErrorCode code =
        clang.parseTranslationUnit2FullArgv(index, nullptr, pointers.data(), static_cast<int>(pointers.size()), files.data(),
                                            static_cast<unsigned>(files.size()), CXTranslationUnit_KeepGoing, &parsed);
    if (code != CXError_Success || parsed == nullptr)
        throw Error(ErrorKind::input, file, code == CXError_Crashed ? "libclang crashed on this unit" : "libclang cannot read this unit");
    return Translation(parsed, Closing{&clang});
}

// The unit's file and all that it includes, absolute.
std::set<std::string> files_of(const ClangApi& clang, CXTranslationUnit parsed, const ClangUnit& unit) {
    struct Included {
        const ClangApi* clang;
        std::string directory;
        std::set<std::string> files;
    } included{&clang, unit.directory, {unit.file}};
    clang.getInclusions(
        parsed,
        [](CXFile file, CXSourceLocation*, unsigned, CXClientData data) {
            auto& to = *static_cast<Included*>(data);
            const std::filesystem::path path = std::filesystem::path(to.directory) / take_text(*to.clang, to.clang->getFileName(file));
            to.files.insert(path.lexically_normal().string());
        },
        &included);
    return std::move(included.files);
}

// Those of the code.
std::vector<std::string> files_within(const std::set<std::string>& files, const std::vector<std::string>& roots) {
    std::vector<std::string> found;
    for (const std::string& file : files)
        if (is_within_any(file, roots)) found.push_back(file);
    return found;
}

bool is_cpp(const ClangUnit& unit) {
    return !unit.file.ends_with(".c") || std::find(unit.arguments.begin(), unit.arguments.end(), "c++") != unit.arguments.end();
}

}  // namespace

const std::string& clang_library() { return clang_api().library; }

ReadUnit read_clang_unit(const ClangUnit& unit, const std::vector<std::string>& roots) {
    const ClangApi& clang = clang_api();
    std::vector<std::string> arguments = {"clang", "-working-directory=" + unit.directory};
    Unsaved unsaved;
    for (std::size_t i = 0; i < unit.arguments.size(); ++i) {
        arguments.push_back(unit.arguments[i]);
        if (unit.arguments[i] == "-include" && i + 1 < unit.arguments.size()) {
            std::string header = unit.arguments[++i];
            unsaved.rename(header, unit.directory);
            arguments.push_back(header);
        }
    }
    if (!clang.resource_directory.empty()) arguments.insert(arguments.end(), {"-resource-dir", clang.resource_directory});
    // Newer versions of clang take a call without a declaration for an error.
    arguments.insert(arguments.end(), {"-w", "-fsyntax-only", "-ferror-limit=0", "-Wno-error", "-Wno-error=implicit-function-declaration",
                                       "-Wno-error=int-conversion"});

    const std::unique_ptr<void, Closing> index(clang.createIndex(0, 0), Closing{&clang});
    StandIns stand_ins(is_cpp(unit));
    Translation parsed;
    std::vector<CompilerError> errors;
    std::set<std::string> files;
    do {
        std::vector<std::string> all = arguments;
        for (std::string& argument : stand_ins.arguments()) all.push_back(std::move(argument));
        all.push_back(unit.file);
        parsed.reset();
        parsed = parse(clang, index.get(), all, unsaved, unit.file);
        errors = errors_of(clang, parsed.get());
        files = files_of(clang, parsed.get(), unit);
    } while (!errors.empty() && stand_ins.learn(errors, files_within(files, roots)));

    // With guessed macros an #error says nothing of the code.
    if (!stand_ins.missing().empty()) std::erase_if(errors, [](const CompilerError& error) { return error.directive; });

    ReadUnit read;
    UnitReader reader(clang, parsed.get(), roots, unit.directory);
    reader.read(clang.getTranslationUnitCursor(parsed.get()));
    for (const CompilerError& error : errors) reader.note_unread(error);
    read.facts = reader.take();
    read.facts.errors = messages_of(errors);
    read.facts.missing = stand_ins.missing();

    Names names(read.facts);
    for (const std::string& file : files) {
        std::error_code error;
        const std::filesystem::path real = std::filesystem::canonical(file, error);
        if (error || stand_ins.own(real.string())) continue;
        const std::string path = real.string();
        read.files.push_back(path);
        if (!is_within_any(path, roots)) continue;
        const std::string text = read_file(path);
        read.facts.lines += static_cast<std::uint32_t>(std::count(text.begin(), text.end(), '\n'));
        add_bound_comments(read.facts, names, path, text, "//");
    }
    return read;
}

}  // namespace leakline::audit
