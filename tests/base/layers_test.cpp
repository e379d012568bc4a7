// Holds the include lines of lib/ and apps/ to the floor plan of lib/README.md, which is read, not repeated, here: its table
// says for each folder which others it may include. Headers in a folder's internal/ are for the folder and its tests.
#include <doctest/doctest.h>

#include <filesystem>
#include <fstream>
#include <map>
#include <set>
#include <sstream>
#include <string>
#include <string_view>
#include <vector>

namespace {

namespace fs = std::filesystem;
using Plan = std::map<std::string, std::set<std::string>>;

// Rows of the form "| `folder` | `a` `b` | ... |".
Plan read_plan(const fs::path& readme) {
    Plan plan;
    std::ifstream file(readme);
    for (std::string line; std::getline(file, line);) {
        if (!line.starts_with("| `")) continue;
        std::vector<std::string> cells;
        std::stringstream stream(line.substr(1));
        for (std::string cell; std::getline(stream, cell, '|');) cells.push_back(cell);
        const auto names = [](const std::string& cell) {
            std::vector<std::string> out;
            std::stringstream words(cell);
            for (std::string word; std::getline(words, word, '`');)
                if (!word.empty() && word.find(' ') == std::string::npos) out.push_back(word);
            return out;
        };
        if (cells.size() < 2 || names(cells[0]).size() != 1) continue;
        auto& allowed = plan[names(cells[0])[0]];
        for (const std::string& name : names(cells[1])) allowed.insert(name);
    }
    return plan;
}

// The folder whose row a file of the repository stands in: "heap" of lib/heap/x.cpp, "apps/leakline", "tests/heap"; "apps" of a
// file right in it.
std::string folder_of(const fs::path& file) {
    auto part = file.begin();
    const std::string top = *part++;
    if (std::next(part) == file.end()) return top;
    return top == "lib" ? part->string() : top + "/" + part->string();
}

struct SourceFile {
    fs::path path;  // within the repository
    std::string folder;
    std::vector<std::string> lines;
};

std::vector<SourceFile> sources_under(const char* top) {
    const fs::path root = LEAKLINE_SOURCE_DIR;
    std::vector<SourceFile> files;
    for (const auto& entry : fs::recursive_directory_iterator(root / top)) {
        const std::string extension = entry.path().extension();
        if (extension != ".cpp" && extension != ".hpp") continue;
        SourceFile& file = files.emplace_back();
        file.path = fs::relative(entry.path(), root);
        file.folder = folder_of(file.path);
        std::ifstream text(entry.path());
        for (std::string line; std::getline(text, line);) file.lines.push_back(line);
    }
    REQUIRE(files.size() > 10);
    return files;
}

// What an include line names where that is a header of lib/ ("heap/recorder.hpp"); else "".
std::string included_header(const std::string& line) {
    constexpr std::string_view kStart = "#include \"";
    if (!line.starts_with(kStart)) return "";
    std::string name = line.substr(kStart.size(), line.find('"', kStart.size()) - kStart.size());
    return fs::exists(fs::path(LEAKLINE_SOURCE_DIR) / "lib" / name) ? name : "";
}

bool is_internal(const std::string& header) { return header.find("/internal/") != std::string::npos; }

bool reaches(const Plan& plan, const std::string& from, const std::string& to, std::set<std::string>& seen) {
    if (!seen.insert(from).second) return false;
    const auto row = plan.find(from);
    if (row == plan.end()) return false;
    for (const std::string& next : row->second)
        if (next == to || reaches(plan, next, to, seen)) return true;
    return false;
}

}  // namespace

TEST_CASE("includes go only where the floor plan lets them") {
    const Plan plan = read_plan(fs::path(LEAKLINE_SOURCE_DIR) / "lib/README.md");
    REQUIRE(plan.size() >= 10);
    for (const char* top : {"lib", "apps"})
        for (const SourceFile& file : sources_under(top)) {
            const auto row = plan.find(file.folder);
            INFO("lib/README.md has no row for " << file.folder);
            REQUIRE(row != plan.end());
            for (const std::string& line : file.lines) {
                const std::string header = included_header(line), folder = header.substr(0, header.find('/'));
                if (header.empty() || folder == file.folder) continue;
                INFO(file.path.string() << ": " << line);
                CHECK(row->second.count(folder) == 1);
            }
        }
}

TEST_CASE("a header is in internal/ where only its own folder and its tests include it, and nowhere else") {
    std::set<std::string> used_elsewhere;
    for (const char* top : {"lib", "apps", "tests"})
        for (const SourceFile& file : sources_under(top))
            for (const std::string& line : file.lines) {
                const std::string header = included_header(line), folder = header.substr(0, header.find('/'));
                const bool own_test = file.folder == "tests/" + folder || file.folder == "tests/fuzz" || file.folder == "tests/bench";
                if (header.empty() || file.folder == folder || own_test) continue;
                INFO(file.path.string() << ": " << line);
                CHECK_FALSE(is_internal(header));
                used_elsewhere.insert(header);
            }
    for (const SourceFile& file : sources_under("lib")) {
        const std::string header = fs::relative(file.path, "lib");
        const bool installed = header.find("/include/") != std::string::npos;  // for other programs
        if (file.path.extension() != ".hpp" || is_internal(header) || installed) continue;
        INFO(header << " is included by its own folder alone: move it to internal/");
        CHECK(used_elsewhere.count(header) == 1);
    }
}

TEST_CASE("the floor plan has no cycle") {
    const Plan plan = read_plan(fs::path(LEAKLINE_SOURCE_DIR) / "lib/README.md");
    for (const auto& [name, others] : plan) {
        const std::string& folder = name;  // clang 14 captures no structured binding
        std::set<std::string> seen;
        INFO(folder);
        CHECK_FALSE(reaches(plan, folder, folder, seen));
    }
}

TEST_CASE("every folder of lib has its row in the floor plan, and every row its folder") {
    const fs::path lib = fs::path(LEAKLINE_SOURCE_DIR) / "lib";
    const Plan plan = read_plan(lib / "README.md");
    for (const auto& entry : fs::directory_iterator(lib))
        if (entry.is_directory()) {
            INFO(entry.path().string());
            CHECK(plan.count(entry.path().filename()) == 1);
        }
    for (const auto& [name, others] : plan) {
        const std::string& folder = name;
        INFO(folder);
        CHECK((fs::is_directory(lib / folder) || fs::is_directory(lib.parent_path() / folder)));
    }
}

// A process forked from ours ends by _exit(); an allocator that runs in another program cannot throw.
const std::map<std::string, std::string> kMayExit = {
    {"lib/system/guard.cpp", " ::_exit("},   {"lib/system/child_process.cpp", " ::_exit("}, {"lib/heap/agent_collector.cpp", " ::_exit("},
    {"lib/heap/collector.cpp", " ::_exit("}, {"lib/memory/limit.cpp", " ::_exit("},         {"lib/unwind/operators.cpp", "std::abort("}};

// A signal reaches lib as a std::stop_token, which apps makes of it. Those that reset, ignore or send signals for other processes,
// and the one that installs the handlers for apps:
const std::set<std::string> kMayHandleSignals = {"lib/system/end_signals.cpp", "lib/system/child_process.cpp",
                                                 "lib/heap/collector.cpp",     "lib/heap/recorder_start.cpp",
                                                 "lib/unwind/follow.cpp",      "lib/agent/python_copy.cpp"};

TEST_CASE("signals are handled in one place, and seen by apps alone") {
    std::set<std::string> handle;
    for (const SourceFile& file : sources_under("lib"))
        for (const std::string& line : file.lines) {
            const std::string code = line.substr(0, line.find("//")), path = file.path.string();
            INFO(path << ": " << line);
            if (!path.starts_with("lib/system/end_signals.")) {
                CHECK(code.find("EndSignals") == std::string::npos);
                CHECK(code.find("end_signals.hpp") == std::string::npos);
            }
            for (const char* handling : {"::sigaction(", " ::signal(", "signalfd(", "sigwait(", "sigwaitinfo("})
                if (code.find(handling) != std::string::npos) handle.insert(path);
        }
    CHECK(handle == kMayHandleSignals);
}

TEST_CASE("nothing below apps prints or exits") {
    std::set<std::string> exits;
    for (const SourceFile& file : sources_under("lib"))
        for (const std::string& line : file.lines) {
            const std::string code = line.substr(0, line.find("//"));
            INFO(file.path.string() << ": " << line);
            for (const char* printing :
                 {"std::cout", "std::cerr", "std::clog", "fmt::print", "std::printf(", "fprintf(", "puts(", "perror("})
                CHECK(code.find(printing) == std::string::npos);
            for (const char* exiting : {"std::exit(", " ::exit(", " ::_exit(", "std::_Exit(", "quick_exit(", "std::abort(", " ::abort("}) {
                if (code.find(exiting) == std::string::npos) continue;
                const auto allowed = kMayExit.find(file.path.string());
                CHECK((allowed != kMayExit.end() && allowed->second.find(exiting) != std::string::npos));
                exits.insert(file.path.string());
            }
        }
    CHECK(exits.size() == kMayExit.size());  // no row of the table is left over
}
