#include "audit/internal/sources.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <filesystem>
#include <map>
#include <optional>
#include <set>

#include "audit/internal/compile_commands.hpp"
#include "audit/internal/include_folders.hpp"
#include "audit/internal/paths.hpp"
#include "base/ascii.hpp"
#include "base/error.hpp"
#include "base/strings.hpp"
#include "system/byte_source.hpp"

namespace leakline::audit {

namespace fs = std::filesystem;

namespace {

constexpr std::size_t kMaxFiles = 100'000;

enum class Language { none, c, cpp, python };

Language language_of(const fs::path& path) {
    const std::string extension = path.extension().string();
    static constexpr std::array<std::string_view, 6> cpp = {".cpp", ".cc", ".cxx", ".c++", ".C", ".CPP"};
    if (extension == ".c") return Language::c;
    if (std::find(cpp.begin(), cpp.end(), extension) != cpp.end()) return Language::cpp;
    return extension == ".py" ? Language::python : Language::none;
}

// Folders with what was made or fetched, not written.
bool is_left_out(const fs::path& folder) {
    static const std::set<std::string> names = {"nodemodules", "pycache", "sitepackages", "venv",      "thirdparty",
                                                "3rdparty",    "vendor",  "external",     "externals", "deps"};
    const std::string name = folder.filename().string();
    std::string plain = to_lower(name);
    std::erase_if(plain, [](char c) { return c == '_' || c == '-'; });
    std::error_code error;
    return (name.size() > 1 && name.front() == '.') || names.contains(plain) || fs::exists(folder / "CMakeCache.txt", error) ||
           fs::exists(folder / "pyvenv.cfg", error);
}

// Tests and examples fill containers that no service has, and their calls are no requests.
bool is_test_folder(const fs::path& folder) {
    static const std::set<std::string> names = {"test",     "tests", "testing", "testsuite", "unittest",   "unittests", "example",
                                                "examples", "demo",  "demos",   "benchmark", "benchmarks", "bench",     "fuzz"};
    return names.contains(folder.filename().string());
}
bool is_test_file(const fs::path& file) {
    const std::string name = file.stem().string();
    return name.starts_with("test_") || name.ends_with("_test") || name == "conftest" || name == "tests";
}

// The nearest folder above that looks like the root of a project.
fs::path project_root(const fs::path& start) {
    std::error_code error;
    for (fs::path at = start;; at = at.parent_path()) {
        for (const char* mark : {".git", "compile_commands.json", "pyproject.toml", "setup.py", "configure.ac", "meson.build"})
            if (fs::exists(at / mark, error)) return at;
        if (at == at.parent_path()) return start;
    }
}

std::optional<fs::path> find_database(const std::vector<std::string>& wanted) {
    std::error_code error;
    for (const std::string& path : wanted)
        for (fs::path at = fs::is_directory(path, error) ? fs::path(path) : fs::path(path).parent_path();; at = at.parent_path()) {
            if (fs::exists(at / "compile_commands.json", error)) return at / "compile_commands.json";
            for (const char* folder :
                 {"build", "build/release", "build/dev", "build/debug", "out", "cmake-build-debug", "cmake-build-release", "builddir"})
                if (fs::exists(at / folder / "compile_commands.json", error)) return at / folder / "compile_commands.json";
            // A database above the project would be another's.
            if (fs::exists(at / ".git", error) || at == at.parent_path()) break;
        }
    return std::nullopt;
}

std::vector<fs::path> files_under(const std::string& path) {
    std::error_code error;
    if (!fs::is_directory(path, error)) return {path};
    std::vector<fs::path> files;
    for (fs::recursive_directory_iterator at(path, fs::directory_options::skip_permission_denied, error), end; at != end;
         at.increment(error)) {
        if (error) break;
        if (at->is_directory(error)) {
            if (is_left_out(at->path()) || is_test_folder(at->path())) at.disable_recursion_pending();
        } else if (language_of(at->path()) != Language::none && !is_test_file(at->path())) {
            files.push_back(at->path());
            if (files.size() > kMaxFiles)
                throw Error(ErrorKind::usage, path, fmt::format("more than {} source files", kMaxFiles), "name a folder within");
        }
    }
    std::sort(files.begin(), files.end());
    return files;
}

// The sources that a unit of a unity build includes: "unity_0_cxx.cxx" of CMake, "server-unity0.cpp" of Meson.
std::vector<std::string> sources_in_unity(const ClangUnit& unit) {
    std::vector<std::string> files;
    if (fs::path(unit.file).filename().string().find("unity") == std::string::npos) return files;
    std::error_code error;
    if (!fs::exists(unit.file, error)) return files;
    const std::string text = read_file(unit.file);
    for (const std::string_view line : split(text, '\n')) {
        constexpr std::string_view include = "#include \"";
        if (!line.starts_with(include)) continue;
        const fs::path file = fs::path(unit.directory) / line.substr(include.size(), line.rfind('"') - include.size());
        const fs::path real = fs::canonical(file, error);
        if (!error && language_of(real) != Language::none) files.push_back(real.string());
    }
    return files;
}

// The standard of C++ that the build's own files ask for: "CMAKE_CXX_STANDARD 20", "-std=c++20", "cpp_std=c++20". Many
// libraries do not compile with an older clang in a newer one.
std::string cpp_standard_of(const std::string& root) {
    constexpr std::string_view kDefault = "17";
    static constexpr std::array<std::string_view, 8> files = {"CMakeLists.txt", "meson.build", "Makefile",     "makefile",
                                                              "GNUmakefile",    "Makefile.am", "configure.ac", "SConstruct"};
    static constexpr std::array<std::string_view, 3> marks = {"CMAKE_CXX_STANDARD ", "std=c++", "std=gnu++"};
    std::string found;
    std::error_code error;
    for (const std::string_view name : files) {
        const fs::path file = fs::path(root) / name;
        if (!fs::is_regular_file(file, error)) continue;
        const std::string text = read_file(file.string());
        for (const std::string_view mark : marks)
            for (std::size_t at = text.find(mark); at != text.npos; at = text.find(mark, at + 1)) {
                const std::string digits = text.substr(at + mark.size(), 2);
                static const std::set<std::string> known = {"11", "14", "17", "20", "23"};
                if (known.contains(digits) && digits > found) found = digits;
            }
    }
    return found.empty() || found < kDefault ? std::string(kDefault) : found == "23" ? "2b" : found;
}

// Units without a database: the nearest guess. What is missing is reported as an error of the unit.
void guess_arguments(std::vector<ClangUnit>& units, const std::string& root) {
    if (units.empty()) return;
    std::vector<std::string> files;
    for (const ClangUnit& unit : units) files.push_back(unit.file);
    const std::vector<std::string> folders = include_arguments(root, files);
    std::error_code error;
    // config.h, or what it is made from.
    static constexpr std::array<const char*, 5> configs = {"config.h", "config.h.in", "configure.ac", "configure.in", "configure"};
    const bool has_config =
        std::any_of(configs.begin(), configs.end(), [&](const char* name) { return fs::exists(fs::path(root) / name, error); });
    // With the extensions that GCC has by default: "linux", "typeof".
    const std::string standard = "-std=gnu++" + cpp_standard_of(root);
    for (ClangUnit& unit : units) {
        unit.arguments.push_back("-iquote" + unit.directory);
        unit.arguments.insert(unit.arguments.end(), folders.begin(), folders.end());
        if (has_config) unit.arguments.emplace_back("-DHAVE_CONFIG_H");
        unit.arguments.push_back(language_of(unit.file) == Language::cpp ? standard : "-D_GNU_SOURCE");
    }
}

}  // namespace

Sources find_sources(const std::vector<std::string>& paths, const std::string& compile_commands) {
    Sources sources;
    std::error_code error;
    for (const std::string& path : paths.empty() ? std::vector<std::string>{"."} : paths) {
        const fs::path real = fs::canonical(path, error);
        if (error) throw Error(ErrorKind::input, path, "no such file or folder");
        if (fs::is_regular_file(real, error) && language_of(real) == Language::none)
            throw Error(ErrorKind::usage, path, "not a source file of C, C++ or Python",
                        "headers are read with the sources that include them");
        sources.wanted.push_back(real.string());
    }

    std::map<std::string, ClangUnit> known;
    std::optional<fs::path> database;
    if (!compile_commands.empty()) {
        database =
            fs::is_directory(compile_commands, error) ? fs::path(compile_commands) / "compile_commands.json" : fs::path(compile_commands);
        if (!fs::exists(*database, error))
            throw Error(ErrorKind::input, database->string(), "no such file",
                        "cmake -DCMAKE_EXPORT_COMPILE_COMMANDS=ON or bear -- make writes it");
    } else {
        database = find_database(sources.wanted);
    }
    if (database) {
        sources.database = database->string();
        for (ClangUnit& unit : parse_compile_commands(read_file(sources.database), sources.database)) {
            const fs::path real = fs::canonical(unit.file, error);
            if (!error) unit.file = real.string();
            const fs::path folder = fs::absolute(unit.directory.empty() ? database->parent_path() : fs::path(unit.directory));
            unit.directory = folder.string();
            const std::vector<std::string> parts = sources_in_unity(unit);
            for (const std::string& file : parts) known.emplace(file, unit);  // read together, as they are compiled
            if (parts.empty()) known.emplace(unit.file, std::move(unit));
        }
    }

    std::set<std::string> roots;
    for (const std::string& path : sources.wanted) {
        const bool folder = fs::is_directory(path, error);
        const std::string root = project_root(folder ? fs::path(path) : fs::path(path).parent_path()).string();
        roots.insert(root);
        std::vector<ClangUnit> guessed;  // no database knows them
        for (const fs::path& file : files_under(path)) {
            const Language language = language_of(file);
            if (language == Language::python) {
                sources.python.push_back(file.string());
                continue;
            }
            if (language == Language::none) continue;
            if (const auto unit = known.find(file.string()); unit != known.end()) {
                sources.clang.push_back(unit->second);
                continue;
            }
            if (!known.empty() && folder) {
                ++sources.not_in_database;
                continue;
            }
            guessed.push_back({file.string(), file.parent_path().string(), {}});
        }
        guess_arguments(guessed, root);
        sources.clang.insert(sources.clang.end(), std::make_move_iterator(guessed.begin()), std::make_move_iterator(guessed.end()));
    }
    for (const auto& [file, unit] : known)
        if (!is_within_any(file, sources.wanted)) ++sources.elsewhere;
    sources.roots.assign(roots.begin(), roots.end());
    const auto unique = [](auto& list, const auto& less, const auto& equal) {
        std::sort(list.begin(), list.end(), less);
        list.erase(std::unique(list.begin(), list.end(), equal), list.end());
    };
    unique(
        sources.clang, [](const ClangUnit& a, const ClangUnit& b) { return a.file < b.file; },
        [](const ClangUnit& a, const ClangUnit& b) { return a.file == b.file; });
    unique(sources.python, std::less<>(), std::equal_to<>());
    if (sources.clang.empty() && sources.python.empty())
        throw Error(ErrorKind::input, paths.empty() ? "." : paths.front(),
                    sources.not_in_database != 0
                        ? fmt::format("none of its {} source files is in {}", sources.not_in_database, sources.database)
                        : "no source file of C, C++ or Python",
                    "name a folder with .c, .cpp or .py files");
    return sources;
}

}  // namespace leakline::audit
