// The search and the parts of a log, without a service.
#include <doctest/doctest.h>

#include <algorithm>
#include <set>

#include "base/error.hpp"
#include "base/file.hpp"
#include "diagnose/delta_debugging.hpp"
#include "diagnose/minimize.hpp"
#include "diagnose/request_kinds.hpp"

using namespace leakline;
using namespace leakline::diagnose;

namespace {

using Elements = std::vector<std::size_t>;

Elements first(std::size_t count) {
    Elements all;
    for (std::size_t i = 0; i < count; ++i) all.push_back(i);
    return all;
}

bool has_all(const Elements& part, const Elements& wanted) {
    return std::includes(part.begin(), part.end(), wanted.begin(), wanted.end());
}

std::string line(const std::string& method, const std::string& url, const std::string& headers = "") {
    return R"({"ts_ns":1,"method":")" + method + R"(","url":")" + url + R"(","headers":{)" + headers + "}}\n";
}

struct Written {
    TemporaryDirectory directory;
    std::string log = directory.path() + "/log.jsonl", part = directory.path() + "/part.jsonl";
    explicit Written(const std::string& text) {
        OutputFile file(log);
        file.write(text);
        file.commit();
    }
};

}  // namespace

TEST_CASE("the search finds every set of causes that are needed together, and only them") {
    for (std::size_t size : {1u, 2u, 3u, 7u, 16u, 33u})
        for (std::size_t a = 0; a < size; ++a)
            for (std::size_t b = a; b < size; ++b) {
                Elements causes{a};
                if (b != a) causes.push_back(b);
                const Minimum found = minimise(first(size), [&](const Elements& part) {
                    CHECK_FALSE(part.empty());
                    return has_all(part, causes) ? Answer::faulty : Answer::sound;
                });
                CHECK(found.elements == causes);
                CHECK_FALSE(found.stopped);
                CHECK_FALSE(found.doubtful);
            }
}

TEST_CASE("of two causes that are each enough the search finds one") {
    const Minimum found = minimise(first(10), [](const Elements& part) {
        return has_all(part, {2}) || has_all(part, {9}) ? Answer::faulty : Answer::sound;
    });
    CHECK(found.elements == Elements{2});
}

TEST_CASE("an answer that is not clear leaves nothing out, and is told") {
    // Only parts with element 0 can be judged at all.
    const Minimum found = minimise(first(4), [](const Elements& part) {
        if (!has_all(part, {0})) return Answer::unknown;
        return has_all(part, {0, 3}) ? Answer::faulty : Answer::sound;
    });
    CHECK(found.elements == Elements{0, 3});
    CHECK(found.doubtful);
}

TEST_CASE("a search that is stopped keeps the smallest faulty part so far") {
    int asked = 0;
    const Minimum found = minimise(first(8), [&](const Elements& part) {
        if (++asked == 3) return Answer::stop;
        return has_all(part, {5}) ? Answer::faulty : Answer::sound;
    });
    CHECK(found.stopped);
    CHECK(found.elements == Elements{4, 5, 6, 7});
    CHECK(asked == 3);
}

TEST_CASE("kinds are method and path without identifiers, and a part keeps the log's order") {
    const Written files(line("GET", "/users/1") + line("POST", "/login") + line("GET", "/users/2?x=1") + line("GET", "/login"));
    const RequestKinds kinds({files.log}, {});
    CHECK(kinds.names() == std::vector<std::string>{"GET /users/*", "POST /login", "GET /login"});
    CHECK(kinds.counts() == std::vector<std::uint64_t>{2, 1, 1});
    CHECK(kinds.write({{0, 1}, {}}, files.part) == 3);
    CHECK(read_file(files.part) == line("GET", "/users/1") + line("POST", "/login") + line("GET", "/users/2?x=1"));
}

TEST_CASE("a facet is a parameter or header with few values; where some requests lack it, absence is one") {
    std::string text;
    for (int i = 0; i < 40; ++i)
        text += line("GET", i % 2 == 0 ? "/q?full=1&id=" + std::to_string(i) : "/q?id=" + std::to_string(i),
                     std::string(R"("X-Tenant":")") + (i % 4 == 0 ? "a" : "b") + R"(","X-Same":"1")");
    const Written files(text);
    const RequestKinds kinds({files.log}, {});
    const std::vector<Facet> facets = kinds.facets({0});
    REQUIRE(facets.size() == 2);
    CHECK(facets[0].name == "?full");
    CHECK(facets[0].values == std::map<std::string, std::uint64_t>{{"", 20}, {"1", 20}});
    CHECK(facets[1].name == "x-tenant:");
    CHECK(facets[1].values == std::map<std::string, std::uint64_t>{{"a", 10}, {"b", 30}});

    const Part part{{0}, {{0, "?full", {""}}, {0, "x-tenant:", {"b"}}}};
    CHECK(kinds.write(part, files.part) == 20);
    CHECK(kinds.text(part) == "GET /q where ?full is absent and x-tenant: is 'b'");
}

TEST_CASE("standard input cannot be minimised, since it is read several times") {
    CHECK_THROWS_WITH_AS(RequestKinds({"-"}, {}),
                         "-: the log is read several times, which standard input cannot be\n  hint: write it to a file first", Error);
}
