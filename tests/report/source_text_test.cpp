#include "report/source_text.hpp"
#include "base/error.hpp"
#include "base/strings.hpp"
#include "system/temporary_directory.hpp"

#include <doctest/doctest.h>

#include <filesystem>
#include <fstream>

using namespace leakline;
using namespace leakline::report;

namespace {

void put(const std::string& path, const std::string& text) {
    std::filesystem::create_directories(std::filesystem::path(path).parent_path());
    std::ofstream(path, std::ios::binary) << text;
}

std::vector<std::string> lines_of(const std::string& text) {
    std::vector<std::string> out;
    for (std::string_view line : split(text, '\n')) out.emplace_back(line);
    return out;
}

std::string extent_text(const std::string& source, const std::string& name, std::uint32_t line) {
    const auto extent = function_extent(lines_of(source), name, line);
    return extent ? std::to_string(extent->first) + "-" + std::to_string(extent->last) : "none";
}

}  // namespace

TEST_CASE(
    "a file is found as it stands, under a folder by its longest suffix, or anywhere below it by its "
    "parents") {
    const TemporaryDirectory root;
    put(root.path() + "/plain/a.cpp", "as it stands\n");
    put(root.path() + "/src/lib/a.cpp", "by suffix\n");
    put(root.path() + "/src/a.cpp", "too short a suffix\n");
    put(root.path() + "/src/deep/er/x/unique.cpp", "by name\n");
    put(root.path() + "/src/deep/er/y/twice.cpp", "y\n");
    put(root.path() + "/src/deep/er/z/twice.cpp", "z\n");

    SourceText absolute;
    CHECK(absolute.lines(root.path() + "/plain/a.cpp") == std::vector<std::string>{"as it stands"});
    SourceText source({root.path() + "/src"});
    CHECK(source.lines("/build/host/lib/a.cpp") == std::vector<std::string>{"by suffix"});
    CHECK(source.lines("/build/x/unique.cpp") == std::vector<std::string>{"by name"});
    CHECK(source.lines("/build/z/twice.cpp") == std::vector<std::string>{"z"});
    CHECK_FALSE(source.locate("/build/other/twice.cpp").has_value());  // a tie is not guessed
    CHECK_FALSE(source.locate("/no/such/file.cpp").has_value());
    CHECK_FALSE(source.locate("").has_value());
}

TEST_CASE("a relative path is found above the program, nearest first, unless it is a bare name") {
    const TemporaryDirectory root;
    put(root.path() + "/project/lib/cache.cpp", "far\n");
    put(root.path() + "/project/build/gen/cache.cpp", "generated\n");
    put(root.path() + "/project/main.cpp", "which main?\n");
    put(root.path() + "/project/build/release/bin/service", "");
    SourceText source;
    source.search_parents(root.path() + "/project/build/release/bin/service");
    CHECK(source.lines("../../lib/cache.cpp") == std::vector<std::string>{"far"});
    CHECK(source.lines("./gen/cache.cpp") == std::vector<std::string>{"generated"});
    CHECK_FALSE(source.locate("../main.cpp").has_value());
    CHECK_FALSE(source.locate("/lib/cache.cpp").has_value());

    SourceText elsewhere;
    elsewhere.search_parents(root.path() + "/no/such/program");
    CHECK_FALSE(elsewhere.locate("../../lib/cache.cpp").has_value());
}

TEST_CASE("a bare name is found beside the files of user code, if only one of their folders has it") {
    const TemporaryDirectory root;
    put(root.path() + "/a/main.cpp", "#include \"mini.hpp\"\n");
    put(root.path() + "/a/mini.hpp", "beside\n");
    put(root.path() + "/b/other.cpp", "\n");
    put(root.path() + "/system/vector", "\n");
    put(root.path() + "/system/mini.hpp", "the system's\n");
    put(root.path() + "/system/queue.h", "the system's\n");
    put(root.path() + "/a/twice.hpp", "\n");
    put(root.path() + "/b/twice.hpp", "\n");
    LineReport report;
    for (const char* file : {"/a/main.cpp", "/b/other.cpp", "/system/vector"}) {
        LineGrowth line;
        line.at = {"f", root.path() + file, 1};
        line.user_code = !std::string_view(file).starts_with("/system");
        report.lines.push_back(line);
    }
    SourceText source;
    source.fill(report);
    CHECK(source.lines("mini.hpp") == std::vector<std::string>{"beside"});
    CHECK_FALSE(source.locate("queue.h"));
    CHECK_FALSE(source.locate("twice.hpp"));
}

TEST_CASE("binary files have no lines, and a folder that is not there is an error") {
    const TemporaryDirectory root;
    put(root.path() + "/a.out", std::string("x\0y\n", 4));
    CHECK(SourceText().lines(root.path() + "/a.out").empty());
    try {
        SourceText({root.path() + "/gone"});
        FAIL("no error");
    } catch (const Error& error) {
        CHECK(std::string(error.what()) == root.path() +
                                               "/gone: no such source directory\n"
                                               "  hint: --source takes the directory that the program was built from");
    }
}

TEST_CASE("filling puts text into lines and widens a table to the whole function") {
    const TemporaryDirectory root;
    put(root.path() + "/f.cpp", "int before;\n\nint f() {\n    int* p = new int;\n\n    return *p;\n}\n\nint after;\n");
    LineReport report;
    report.lines.resize(2);
    report.lines[0].at = {"f", "/b/f.cpp", 4};
    report.lines[1].at = {"g", "/b/gone.cpp", 1};
    LineTable table;
    table.file = "/b/f.cpp";
    table.function = "f()";
    table.rows = {{4, "", LineCells{1, 2, 3}}};
    report.tables = {table};
    SourceText({root.path()}).fill(report);
    CHECK(report.lines[0].source == "    int* p = new int;");
    CHECK(report.lines[1].source == "");
    REQUIRE(report.tables[0].rows.size() == 5);
    CHECK(report.tables[0].rows.front().line == 3);
    CHECK(report.tables[0].rows.back().text == "}");
    CHECK(report.tables[0].rows[1].cells->occurrences == 3);
    CHECK_FALSE(report.tables[0].rows[2].cells);
    CHECK(report.warnings == std::vector<std::string>{"no source code: /b/gone.cpp was not found; give its directory with --source DIR"});
}

TEST_CASE("a table whose line lies beyond the text keeps its rows") {
    const TemporaryDirectory root;
    put(root.path() + "/f.cpp", "int f();\n");
    LineReport report;
    LineTable table;
    table.file = "f.cpp";
    table.rows = {{1, "", std::nullopt}, {4'000'000'000u, "", LineCells{}}};
    report.tables = {table};
    SourceText({root.path()}).fill(report);
    REQUIRE(report.tables[0].rows.size() == 2);
    CHECK(report.tables[0].rows[1].line == 4'000'000'000u);
}

TEST_CASE("a function's extent is told from its text") {
    const std::string source =
        "#define OPEN {\n"                                      // 1
        "namespace app {\n"                                     // 2
        "// int f() {\n"                                        // 3
        "template <class T>\n"                                  // 4
        "int f(T value) {\n"                                    // 5
        "    const char* s = \"}\"; char c = '{'; /* } */\n"    // 6
        "    auto raw = R\"x(})x\"; int n = 1'000;\n"           // 7
        "    if (f(n)) { return 1; }\n"                         // 8
        "    auto g = [&] { return new int; };\n"               // 9
        "}\n"                                                   // 10
        "class Cache {\n"                                       // 11
        "  public:\n"                                           // 12
        "    Cache(int n)\n"                                    // 13
        "        : a_{n}, b_{new int[n]} {\n"                   // 14
        "        fill();\n"                                     // 15
        "    }\n"                                               // 16
        "    void append() const noexcept { make(); }\n"        // 17
        "    bool operator==(const Cache& o) { return &o; }\n"  // 18
        "};\n"                                                  // 19
        "}\n";                                                  // 20
    CHECK(extent_text(source, "app::f<int>(int)", 8) == "4-10");
    CHECK(extent_text(source, "f", 9) == "4-10");
    CHECK(extent_text(source, "app::f(int)::{lambda()#1}::operator()", 9) == "4-10");
    CHECK(extent_text(source, "app::Cache::Cache(int)", 14) == "13-16");
    CHECK(extent_text(source, "app::Cache::append() const", 17) == "17-17");
    CHECK(extent_text(source, "app::Cache::operator==", 18) == "18-18");
    CHECK(extent_text(source, "app::Cache", 11) == "none");
    CHECK(extent_text(source, "f", 0) == "none");
    CHECK(extent_text(source, "f", 99) == "none");
    CHECK(extent_text("}}} void f() {", "f", 1) == "none");  // no closing brace: nothing is claimed
    CHECK(extent_text("", "f", 1) == "none");
}

TEST_CASE("a Python function goes from its decorators to the last line of its block") {
    const std::vector<std::string> text = lines_of(
        "import os\n"                             // 1
        "@app.route('/track')\n"                  // 2
        "@profile\n"                              // 3
        "def track(\n"                            // 4
        "    a,\n"                                // 5
        "):\n"                                    // 6
        "    text = \"\"\"\n"                     // 7
        "no end of the function: def track():\n"  // 8
        "\"\"\"\n"                                // 9
        "    # a comment ( with a bracket\n"      // 10
        "    def inner():\n"                      // 11
        "        return a\n"                      // 12
        "    cache.append(a)\n"                   // 13
        "\n"                                      // 14
        "# of what follows\n"                     // 15
        "class Other:\n"                          // 16
        "    async def track(self):\n"            // 17
        "        return 'it\\'s (one'\n"          // 18
        "    def tracker(self): return 1\n");     // 19
    const auto extent = [&](const std::string& name, std::uint32_t line) {
        const auto found = python_function_extent(text, name, line);
        return found ? std::to_string(found->first) + "-" + std::to_string(found->last) : "none";
    };
    CHECK(extent("track", 13) == "2-13");
    CHECK(extent("track", 5) == "2-13");
    CHECK(extent("track.<locals>.inner", 12) == "11-12");
    CHECK(extent("Other.track", 18) == "17-18");
    CHECK(extent("Other.tracker", 19) == "19-19");
    CHECK(extent("track", 16) == "none");
    CHECK(extent("<module>", 1) == "none");
    CHECK(extent("track", 0) == "none");
    CHECK(extent("track", 99) == "none");
}
