#include "base/json_path.hpp"

#include <doctest/doctest.h>

using namespace leakline;

namespace {

std::string found(std::string_view json, std::string_view path) {
    Scratch scratch;
    const auto raw = find_json_value(json, *parse_json_path(path), scratch);
    return raw ? std::string(*raw) : "-";
}

std::string scalar(std::string_view raw) {
    Scratch scratch;
    return json_scalar_text(raw, scratch).value_or("-");
}

std::string text_of(const JsonPath& path) {
    std::string out;
    for (const JsonPath::Step& step : path.steps) out += step.name.empty() ? "[" + std::to_string(step.index) + "]" : "." + step.name;
    return out;
}

}  // namespace

TEST_CASE("a path finds one value of a JSON text, as it stands") {
    const std::string json = R"({"a":{"b":[{"c":"x\"y"},{"c": 17.50}]},"n":null,"e\u0041":true, "o":{}})";
    CHECK(found(json, ".a.b[0].c") == R"("x\"y")");
    CHECK(found(json, ".a.b[1].c") == "17.50");
    CHECK(found(json, ".n") == "null");
    CHECK(found(json, ".eA") == "true");
    CHECK(found(json, ".a.b[1]") == R"({"c": 17.50})");
    CHECK(found(json, ".a.b[2]") == "-");
    CHECK(found(json, ".a.b.c") == "-");
    CHECK(found(json, ".a[0]") == "-");
    CHECK(found(json, ".x") == "-");
    CHECK(found("[1,[2,3]]", "[1][0]") == "2");
    CHECK(found("[1", "[0]") == "1");  // not looked at further
    CHECK(found("", ".a") == "-");
    CHECK(found("<html>", ".a") == "-");
}

TEST_CASE("scalars are text; null, objects and arrays are none") {
    CHECK(scalar(R"("a\n\u00e9")") == "a\n\xc3\xa9");
    CHECK(scalar("-1.5e3") == "-1.5e3");
    CHECK(scalar("true") == "true");
    CHECK(scalar(R"("")").empty());
    for (const char* none : {"null", "{}", "[1]", "", "\"open"}) CHECK(scalar(none) == "-");
}

TEST_CASE("paths are written as they are read, and others are refused") {
    for (const char* path : {".a", ".a.b[0].c", "[0][1]", ".a-b.c d"}) CHECK(text_of(*parse_json_path(path)) == path);
    for (const char* path : {".", "a", ".a.", ".a[", ".a[x]", ".a[-1]", ".a[0]b", "..a", ".a[99999999999999999999]"})
        CHECK_FALSE(parse_json_path(path));
}
