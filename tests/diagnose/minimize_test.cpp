// The search, the parts of a log and the leak that is looked for, without a service; tests/cli has one that leaks.
#include <doctest/doctest.h>
#include <sys/stat.h>

#include <algorithm>
#include <set>

#include "base/error.hpp"
#include "diagnose/internal/delta_debugging.hpp"
#include "diagnose/internal/leak_signature.hpp"
#include "diagnose/internal/request_facets.hpp"
#include "diagnose/internal/request_kinds.hpp"
#include "diagnose/minimize.hpp"
#include "system/byte_source.hpp"
#include "system/output_file.hpp"
#include "system/temporary_directory.hpp"

using namespace leakline;
using namespace leakline::diagnose;

namespace {

using Elements = std::vector<std::size_t>;

Elements first(std::size_t count) {
    Elements all;
    for (std::size_t i = 0; i < count; ++i) all.push_back(i);
    return all;
}

bool has_all(const Elements& part, const Elements& wanted) { return std::includes(part.begin(), part.end(), wanted.begin(), wanted.end()); }

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
                const Minimum found = minimize(first(size), [&](const Elements& part) {
                    CHECK_FALSE(part.empty());
                    return has_all(part, causes) ? TestResult::fail : TestResult::pass;
                });
                CHECK(found.elements == causes);
                CHECK_FALSE(found.stopped);
            }
}

TEST_CASE("of two causes that are each enough the search finds one") {
    const Minimum found = minimize(
        first(10), [](const Elements& part) { return has_all(part, {2}) || has_all(part, {9}) ? TestResult::fail : TestResult::pass; });
    CHECK(found.elements == Elements{2});
}

TEST_CASE("an answer that is not clear leaves nothing out") {
    // Only parts with element 0 can be judged at all.
    const Minimum found = minimize(first(4), [](const Elements& part) {
        if (!has_all(part, {0})) return TestResult::unresolved;
        return has_all(part, {0, 3}) ? TestResult::fail : TestResult::pass;
    });
    CHECK(found.elements == Elements{0, 3});
}

TEST_CASE("a search that is stopped keeps the smallest faulty part so far") {
    int asked = 0;
    const Minimum found = minimize(first(8), [&](const Elements& part) {
        if (++asked == 3) return TestResult::stop;
        return has_all(part, {5}) ? TestResult::fail : TestResult::pass;
    });
    CHECK(found.stopped);
    CHECK(found.elements == Elements{4, 5, 6, 7});
    CHECK(asked == 3);
}

replay::ReplayOptions traffic_of(const std::string& log) {
    replay::ReplayOptions traffic;
    traffic.logs = {log};
    return traffic;
}

TEST_CASE("kinds are method and path without identifiers, and a part keeps the log's order") {
    const Written files(line("GET", "/users/1") + line("POST", "/login") + line("GET", "/users/2?x=1") + line("GET", "/login"));
    const RequestKinds kinds(traffic_of(files.log));
    CHECK(kinds.names() == std::vector<std::string>{"GET /users/*", "POST /login", "GET /login"});
    CHECK(kinds.counts() == std::vector<std::uint64_t>{2, 1, 1});
    CHECK(kinds.write({{0, 1}, {}, {}}, files.part).requests == 3);
    CHECK(read_file(files.part) == line("GET", "/users/1") + line("POST", "/login") + line("GET", "/users/2?x=1"));
}

TEST_CASE("a facet is a parameter or header with few values; where some requests lack it, absence is one") {
    std::string text;
    for (int i = 0; i < 40; ++i)
        text += line("GET", i % 2 == 0 ? "/q?full=1&id=" + std::to_string(i) : "/q?id=" + std::to_string(i),
                     std::string(R"("X-Tenant":")") + (i % 4 == 0 ? "a" : "b") + R"(","X-Same":"1")");
    const Written files(text);
    const RequestKinds kinds(traffic_of(files.log));
    const std::vector<Facet> facets = kinds.facets({0});
    REQUIRE(facets.size() == 2);
    CHECK(facets[0].name == "?full");
    CHECK(facets[0].values == std::map<std::string, std::uint64_t>{{"", 20}, {"1", 20}});
    CHECK(facets[1].name == "x-tenant:");
    CHECK(facets[1].values == std::map<std::string, std::uint64_t>{{"a", 10}, {"b", 30}});

    const Part part{{0}, {{0, "?full", {""}}, {0, "x-tenant:", {"b"}}}, {}};
    CHECK(kinds.write(part, files.part).requests == 20);
    CHECK(kinds.text(part) == "GET /q where ?full is absent and x-tenant: is 'b'");
}

TEST_CASE("standard input and pipes cannot be minimized, since the log is read several times") {
    CHECK_THROWS_WITH_AS(
        RequestKinds(traffic_of("-")),
        "standard input: the log is read several times, which is not possible with a pipe\n  hint: write it to a file first", Error);
    const TemporaryDirectory directory;
    const std::string pipe = directory.path() + "/pipe";
    REQUIRE(::mkfifo(pipe.c_str(), 0600) == 0);
    CHECK_THROWS_WITH_AS(
        RequestKinds(traffic_of(pipe)),
        (pipe + ": the log is read several times, which is not possible with a pipe\n  hint: write it to a file first").c_str(), Error);
}

TEST_CASE("a field of a JSON body is a facet unless it is an array or object, and can be dropped") {
    std::string text;
    for (int i = 0; i < 4; ++i) {
        const std::string type = i % 2 == 0 ? "a" : "b";
        text += R"({"ts_ns":1,"method":"POST","url":"/t","headers":{},"body":"{\"type\":\")" + type +
                R"(\", \"n\" : 1.50, \"list\":[{\"type\":1}], \"q\\\"\":null}"})"
                "\n";
    }
    const Written files(text);
    const RequestKinds kinds(traffic_of(files.log));
    const std::vector<Facet> facets = kinds.facets({0});
    REQUIRE(facets.size() == 1);
    CHECK(facets[0].name == ".type");
    CHECK(facets[0].values == std::map<std::string, std::uint64_t>{{"a", 2}, {"b", 2}});
    CHECK(kinds.fields({0}).at(0) == std::vector<std::string>{"list", "n", "q\"", "type"});

    const Part part{{0}, {{0, ".type", {"b"}}}, {{0, {"list", "type"}}}};
    CHECK(kinds.text(part) == "POST /t where .type is 'b' without .list and .type");
    CHECK(kinds.write(part, files.part).requests == 2);
    const std::string written = R"({"ts_ns":1,"method":"POST","url":"/t","headers":{},"body":"{\"n\":1.50,\"q\\\"\":null}"})"
                                "\n";
    CHECK(read_file(files.part) == written + written);
}

TEST_CASE("bodies that are no JSON object, or not a whole one, stay as they are") {
    for (const char* body : {"", "[1]", "x=1", "{\"a\":1", "{\"a\":1} x", "{\"a\" 1}"}) {
        CHECK(body_fields(body).empty());
        CHECK(body_without(body, {"a"}) == body);
    }
    CHECK(body_without(R"( {"b":2} )", {"a"}) == R"( {"b":2} )");
    CHECK(body_without(R"({"a":1})", {"a"}) == "{}");
}

namespace {

LineGrowth line_at(std::uint32_t number, double rate, bool leaking) {
    LineGrowth line;
    line.at = {"f", "service.cpp", number};
    line.bytes_per_request = Interval{rate, rate * 0.95, rate * 1.05};
    line.leaking = leaking;
    return line;
}

Diagnosis with_lines(std::vector<LineGrowth> lines, double memory) {
    Diagnosis diagnosis;
    diagnosis.lines.lines = std::move(lines);
    diagnosis.trend.verdict = memory > 0 ? Trend::growing : Trend::stable;
    diagnosis.trend.bytes_per_request = Interval{memory, memory * 0.9, memory * 1.1};
    diagnosis.trend.reasons = {"memory"};
    return diagnosis;
}

}  // namespace

TEST_CASE("a part shows the same leak where a line of the whole log's leak leaks, by as much a request") {
    const LeakSignature signature(with_lines({line_at(1, 40, true), line_at(2, 10, true), line_at(3, 5, false)}, 60));
    REQUIRE(signature.by_lines());
    const auto verdict = [&](std::vector<LineGrowth> lines, LeakSignature::Size size = LeakSignature::Size::as_large) {
        return signature.judge(with_lines(std::move(lines), 0), {}, size).verdict;
    };
    CHECK(verdict({line_at(1, 400, true)}) == Verdict::leak);
    CHECK(verdict({line_at(2, 30, true)}) == Verdict::leak);
    CHECK(verdict({line_at(2, 11, true)}) == Verdict::no_leak);  // another, smaller one
    CHECK(verdict({line_at(2, 11, true)}, LeakSignature::Size::any) == Verdict::leak);
    CHECK(verdict({line_at(1, 60, false)}) == Verdict::inconclusive);
    CHECK(verdict({line_at(1, 1, false)}) == Verdict::no_leak);
    CHECK(verdict({}) == Verdict::no_leak);
    // What a missing DELETE would have freed is no leak of the whole log.
    const auto elsewhere = signature.judge(with_lines({line_at(3, 900, true)}, 900), {}, LeakSignature::Size::as_large);
    CHECK(elsewhere.verdict == Verdict::no_leak);
    CHECK(elsewhere.reason ==
          "service.cpp:3 grew, but does not leak with the whole log: the requests that free this memory may be missing from this part");
}

TEST_CASE("where the lines are a small part of what memory grew by, memory tells the leak") {
    const LeakSignature signature(with_lines({line_at(1, 10, true)}, 4096));
    CHECK_FALSE(signature.by_lines());
    const auto verdict = [&](double memory) { return signature.judge(with_lines({}, memory), {}, LeakSignature::Size::as_large).verdict; };
    CHECK(verdict(9000) == Verdict::leak);
    CHECK(verdict(100) == Verdict::no_leak);
    CHECK(verdict(0) == Verdict::no_leak);
}

namespace {

Diagnosis with_count(Resource resource, const char* kind, double per_request, bool by_time = false) {
    Diagnosis diagnosis = with_lines({}, 0);
    ResourceGrowth growth;
    growth.resource = resource;
    growth.verdict = per_request > 0 ? Trend::growing : Trend::stable;
    if (!by_time) growth.per_request = Interval{per_request, per_request, per_request};
    growth.follows_time = by_time;
    growth.kinds = {{kind, {}, 100, true}};
    diagnosis.resources.counts = {growth};
    return diagnosis;
}

}  // namespace

TEST_CASE("a leak of counts is recognized by the kind that is counted and by its rate") {
    const LeakSignature signature(with_count(Resource::descriptors, "TCP CLOSE_WAIT to 127.0.0.1:40123", 0.05));
    CHECK(signature.kind() == LeakSignature::Kind::counts);
    CHECK(signature.exact());
    CHECK_FALSE(signature.by_time_alone());
    const auto judge = [&](const char* kind, double rate, LeakSignature::Size size = LeakSignature::Size::as_large) {
        return signature.judge(with_count(Resource::descriptors, kind, rate), {}, size);
    };
    CHECK(judge("TCP CLOSE_WAIT to 127.0.0.1:51234", 0.25).verdict == Verdict::leak);
    CHECK(judge("TCP CLOSE_WAIT to 127.0.0.1:51234", 0.25).reason == "file descriptors grew in every round, by 250 per 1,000 requests");
    CHECK(judge("pipe", 0.25).reason == "pipe grew, but does not leak with the whole log");
    CHECK(judge("TCP CLOSE_WAIT to 127.0.0.1:51234", 0.01).smaller);
    CHECK(judge("TCP CLOSE_WAIT to 127.0.0.1:51234", 0.01, LeakSignature::Size::any).verdict == Verdict::leak);
    CHECK(judge("TCP CLOSE_WAIT to 127.0.0.1:51234", 0).verdict == Verdict::no_leak);
    CHECK(signature.judge(with_lines({}, 0), {}, LeakSignature::Size::any).verdict == Verdict::inconclusive);
    CHECK(LeakSignature(with_count(Resource::threads, "thread a", 0.05, true)).by_time_alone());
}

TEST_CASE("a leak per connection is recognized by its lines and by bytes per connection") {
    LineGrowth leak = line_at(1, 40, true);
    leak.bytes_per_connection = Interval{8192, 8000, 8400};
    leak.growth_bytes = 1 << 20;
    const LeakSignature signature(with_lines({leak}, 60));
    CHECK(signature.kind() == LeakSignature::Kind::connections);
    CHECK(signature.rate().estimate == 8192);
    ReplayStats traffic;
    traffic.sent = 1000;
    traffic.connections = 250;
    const auto per_request = [&](double rate) {
        return signature.judge(with_lines({line_at(1, rate, true)}, 0), traffic, LeakSignature::Size::as_large);
    };
    CHECK(per_request(2048).verdict == Verdict::leak);
    CHECK(per_request(2048).rate->estimate == 8192);
    CHECK(per_request(100).smaller);
}
