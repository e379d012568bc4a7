#include "audit/internal/compile_commands.hpp"

#include <doctest/doctest.h>

#include <string>
#include <vector>

#include "base/error.hpp"

using namespace leakline;
using namespace leakline::audit;

namespace {

using Words = std::vector<std::string>;

std::string error_of(std::string_view text) {
    try {
        (void)parse_compile_commands(text, "db.json");
    } catch (const Error& error) {
        return error.location() + ": " + error.message();
    }
    return "none";
}

}  // namespace

TEST_CASE("a command line is split as a shell would split it") {
    CHECK(split_command("g++ -DA=1  -c a.cpp") == Words{"g++", "-DA=1", "-c", "a.cpp"});
    CHECK(split_command(R"(g++ "-DNAME=\"x y\"" '-I/a b' a\ b.cpp)") == Words{"g++", "-DNAME=\"x y\"", "-I/a b", "a b.cpp"});
    CHECK(split_command("") == Words{});
    CHECK(split_command("''") == Words{""});
    CHECK(split_command("\"open") == Words{"open"});
}

TEST_CASE("of a compiler's arguments those stay that decide about the meaning of the code") {
    CHECK(reading_arguments({"ccache",   "g++",     "-DA",           "-D",    "B=1", "-Ilib",        "-isystem", "/x",
                             "-O2",      "-g",      "-std=c++20",    "-Wall", "-o",  "a.o",          "-c",       "a.cpp",
                             "-include", "pch.hxx", "-Winvalid-pch", "-MF",   "a.d", "-march=native"}) ==
          Words{"-DA", "-D", "B=1", "-Ilib", "-isystem", "/x", "-std=c++20", "-include", "pch.hxx"});
    CHECK(reading_arguments({"-D"}) == Words{});
}

TEST_CASE("a database gives each file once, with absolute names") {
    const auto units = parse_compile_commands(
        R"([{"directory": "/b", "file": "../a.cpp", "command": "g++ -DX -c ../a.cpp"},
            {"directory": "/b", "file": "/a.cpp", "arguments": ["g++", "-DY"]},
            {"directory": "/b", "file": "c.c", "arguments": ["cc", "-I", "inc"]}])",
        "db.json");
    REQUIRE(units.size() == 2);
    CHECK(units[0].file == "/a.cpp");
    CHECK(units[0].arguments == Words{"-DX"});
    CHECK(units[1].file == "/b/c.c");
    CHECK(units[1].arguments == Words{"-I", "inc"});
}

TEST_CASE("what is no database is refused with its place") {
    CHECK(error_of("{") == "db.json: not a compilation database: not a JSON array");
    CHECK(error_of("{}") == "db.json: not a compilation database: not a JSON array");
    CHECK(error_of("[1]") == "db.json: entry 1: expected an object");
    CHECK(error_of("[{}]") == "db.json: entry 1: no file");
    CHECK(error_of(R"([{"file": 1}])") == "db.json: entry 1: file: expected a string");
    CHECK(error_of(R"([{"file": "a.c", "arguments": "x"}])") == "db.json: entry 1: arguments: expected an array");
    CHECK(error_of(R"([{"file": "a.c", "arguments": [1]}])") == "db.json: entry 1: arguments: expected strings");
    CHECK(error_of("[]") == "none");
}
