#include "report/repository_paths.hpp"
#include "system/temporary_directory.hpp"

#include <doctest/doctest.h>

#include <filesystem>
#include <fstream>

using namespace leakline;
namespace fs = std::filesystem;

namespace {

void write(const std::string& path, const char* text) {
    fs::create_directories(fs::path(path).parent_path());
    std::ofstream(path) << text;
}

std::string found(const std::string& file, const std::string& root) {
    LineReport report;
    report.lines.emplace_back().at.file = file;
    const auto paths = report::repository_paths(report, root);
    return paths.empty() ? "" : paths.at(file);
}

}  // namespace

TEST_CASE("a file of a report is found in the repository, wherever the program was built") {
    const TemporaryDirectory scratch;
    const std::string root = scratch.path() + "/checkout", other = scratch.path() + "/build";
    write(root + "/lib/cache.cpp", "append();\n");
    write(root + "/lib/vector.h", "ours\n");

    CHECK(found(root + "/lib/cache.cpp", root) == "lib/cache.cpp");
    CHECK(found(root + "/lib/../lib/cache.cpp", root) == "lib/cache.cpp");
    CHECK(found("/nowhere/project/lib/cache.cpp", root) == "lib/cache.cpp");
    CHECK(found("../../lib/cache.cpp", root) == "lib/cache.cpp");

    // There, but outside: ours where it is a copy, as in a second checkout of the same commit.
    write(other + "/lib/cache.cpp", "append();\n");
    write(other + "/lib/vector.h", "theirs\n");
    CHECK(found(other + "/lib/cache.cpp", root) == "lib/cache.cpp");
    CHECK(found(other + "/lib/vector.h", root).empty());
    CHECK(found("/nowhere/else.cpp", root).empty());
}

TEST_CASE("the commit that is checked out is read from a branch, a packed branch, a detached head and a worktree") {
    const TemporaryDirectory scratch;
    const std::string root = scratch.path() + "/checkout", worktree = scratch.path() + "/tree";
    const std::string one(40, 'a'), two(40, 'b');
    CHECK(report::head_commit("").empty());
    CHECK(report::head_commit(root).empty());
    write(root + "/.git/HEAD", "ref: refs/heads/main\n");
    CHECK(report::head_commit(root).empty());  // no commit yet
    write(root + "/.git/packed-refs", ("# pack-refs with: peeled\n" + two + " refs/heads/not-main\n" + one + " refs/heads/main\n").c_str());
    CHECK(report::head_commit(root) == "aaaaaaaaaaaa");
    write(root + "/.git/refs/heads/main", (two + "\n").c_str());
    CHECK(report::head_commit(root) == "bbbbbbbbbbbb");
    write(root + "/.git/worktrees/tree/HEAD", "ref: refs/heads/fix\n");
    write(root + "/.git/worktrees/tree/commondir", "../..\n");
    write(root + "/.git/refs/heads/fix", (one + "\n").c_str());
    write(worktree + "/.git", ("gitdir: " + root + "/.git/worktrees/tree\n").c_str());
    CHECK(report::head_commit(worktree) == "aaaaaaaaaaaa");
    write(root + "/.git/HEAD", (one + "\n").c_str());
    CHECK(report::head_commit(root) == "aaaaaaaaaaaa");
    write(root + "/.git/HEAD", "not a commit\n");
    CHECK(report::head_commit(root).empty());
}
