#include <doctest/doctest.h>

#include "analysis/lines/lines.hpp"
#include "profile_builder.hpp"

using namespace leakline;
using namespace leakline::analysis;

namespace {

const test::At kLoop{"loop", "/src/server.c", 9};

void open(HeapMark& mark, TraceId trace, std::uint64_t count) { mark.open.push_back({Resource::descriptors, trace, count}); }

}  // namespace

TEST_CASE("descriptors that stay open are growth of the line that opened them, with its caller and rate; others are none") {
    test::ProfileBuilder builder;
    const TraceId direct = builder.trace({{"fopen", "", 0}, {"xopen", "/src/x.c", 5}, {"log", "/src/log.c", 20}, kLoop});
    const TraceId other = builder.trace({{"fopen", "", 0}, {"xopen", "/src/x.c", 5}, {"load", "/src/load.c", 30}, kLoop});
    const TraceId pool = builder.trace({{"connect_all", "/src/pool.c", 7}, kLoop});
    for (std::uint64_t round = 1; round <= 8; ++round) {
        HeapMark& mark = builder.round_end();
        open(mark, direct, 50 * round);
        if (round == 1) open(mark, other, 3);
        if (round <= 2) open(mark, pool, 8 * round);
    }
    const LineReport report = grow_lines(builder.profile());
    REQUIRE(report.resource_lines.size() == 2);
    const ResourceLine& line = report.resource_lines[0];
    CHECK(line.at == CodeLine{"xopen", "/src/x.c", 5});
    CHECK(line.caller == CodeLine{"log", "/src/log.c", 20});
    CHECK(line.growth == 350);
    CHECK(line.grows);
    REQUIRE(line.per_request.has_value());
    CHECK(line.per_request->estimate == doctest::Approx(0.05));
    CHECK(line.at_marks == std::vector<double>{53, 103, 153, 203, 253, 303, 353, 403});
    CHECK(report.resource_lines[1].at == CodeLine{"connect_all", "/src/pool.c", 7});
    CHECK(report.resource_lines[1].growth == 8);
    CHECK_FALSE(report.resource_lines[1].grows);  // a pool that filled up
}

TEST_CASE("descriptors that run out before a round has ended are counted from the first mark with requests to the last state") {
    test::ProfileBuilder builder;
    const TraceId start = builder.trace({{"listen", "/src/server.c", 3}}), leak = builder.trace({{"handle", "/src/server.c", 40}});
    open(builder.mark(HeapMark::Kind::interval, std::chrono::milliseconds(100), 0), start, 5);
    builder.allocate(leak, 100);
    builder.mark(HeapMark::Kind::interval, std::chrono::milliseconds(200));
    open(builder.mark(HeapMark::Kind::finish, std::chrono::milliseconds(900)), leak, 1000);
    const LineReport report = grow_lines(builder.profile());
    REQUIRE(report.resource_lines.size() == 1);
    CHECK(report.resource_lines[0].at == CodeLine{"handle", "/src/server.c", 40});
    CHECK(report.resource_lines[0].growth == 1000);
    CHECK_FALSE(report.resource_lines[0].grows);
}
