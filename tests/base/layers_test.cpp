// Holds the include lines of lib/ and apps/ to the floor plan of lib/README.md, which is read, not repeated, here:
// its table says for each folder which others it may include.
#include <doctest/doctest.h>

#include <filesystem>
#include <fstream>
#include <map>
#include <set>
#include <sstream>
#include <string>
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

// The folder of lib/ that an include line names, or "".
std::string included_folder(const std::string& line) {
    const std::string start = "#include \"";
    if (!line.starts_with(start)) return "";
    const std::size_t slash = line.find('/', start.size());
    return slash == std::string::npos ? "" : line.substr(start.size(), slash - start.size());
}

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
    const fs::path root = LEAKLINE_SOURCE_DIR;
    const Plan plan = read_plan(root / "lib/README.md");
    REQUIRE(plan.size() >= 10);
    std::size_t files = 0;
    for (const auto& entry : fs::recursive_directory_iterator(root / "lib")) {
        const std::string extension = entry.path().extension();
        if (extension != ".cpp" && extension != ".hpp") continue;
        ++files;
        const std::string folder = *fs::relative(entry.path(), root / "lib").begin();
        const auto row = plan.find(folder);
        INFO("lib/README.md has no row for " << folder);
        REQUIRE(row != plan.end());
        std::ifstream file(entry.path());
        for (std::string line; std::getline(file, line);) {
            const std::string other = included_folder(line);
            if (other.empty() || other == folder || !fs::is_directory(root / "lib" / other)) continue;
            INFO(entry.path().string() << ": " << line);
            CHECK(row->second.count(other) == 1);
        }
    }
    CHECK(files > 10);
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
        CHECK(fs::is_directory(lib / folder));
    }
}

TEST_CASE("nothing below apps prints or exits") {
    for (const auto& entry : fs::recursive_directory_iterator(fs::path(LEAKLINE_SOURCE_DIR) / "lib")) {
        if (entry.path().extension() != ".cpp") continue;
        std::ifstream file(entry.path());
        for (std::string line; std::getline(file, line);) {
            INFO(entry.path().string() << ": " << line);
            CHECK(line.find("std::cout") == std::string::npos);
            CHECK(line.find("std::exit(") == std::string::npos);
            CHECK(line.find("fmt::print(") == std::string::npos);
        }
    }
}
