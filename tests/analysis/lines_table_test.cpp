#include <doctest/doctest.h>

#include "analysis/lines/lines.hpp"
#include "profile_builder.hpp"

using namespace leakline;
using namespace leakline::analysis;

namespace {

constexpr const char* kFile = "/src/app.cpp";

LineReport report_of(test::ProfileBuilder& builder, const std::string& function) {
    builder.round_end().rss = 1'000'000;
    LineOptions options;
    options.table_function = function;
    return grow_lines(builder.profile(), options);
}

const LineTable::Row& row_of(const LineTable& table, std::uint32_t line) {
    for (const LineTable::Row& row : table.rows)
        if (row.line == line) return row;
    FAIL("no row for the line");
    return table.rows.front();
}

}  // namespace

TEST_CASE("a function's table counts what its callees allocate and climbs by what each line added") {
    test::ProfileBuilder builder;
    const TraceId in_append = builder.trace({{"append(int)", "/src/cache.cpp", 7}, {"handle(int)", kFile, 12}});
    const TraceId in_save = builder.trace({{"save(int)", "/src/db.cpp", 9}, {"handle(int)", kFile, 14}});
    builder.round_end().rss = 500'000;
    builder.allocate(in_append, 100, 10);
    builder.allocate(in_save, 50, 4);
    builder.release(in_save, 50, 3);
    const LineReport report = report_of(builder, "handle");
    REQUIRE_FALSE(report.tables.empty());
    const LineTable& table = report.tables[0];
    CHECK(table.function == "handle(int)");
    CHECK(table.file == kFile);
    REQUIRE(table.rows.size() == 3);
    CHECK(table.rows[0].line == 12);
    REQUIRE(table.rows[0].cells);
    CHECK(table.rows[0].cells->usage_bytes == 501'000);
    CHECK(table.rows[0].cells->increment_bytes == 1000);
    CHECK(table.rows[0].cells->occurrences == 10);
    CHECK_FALSE(table.rows[1].cells);
    REQUIRE(table.rows[2].cells);
    CHECK(table.rows[2].cells->usage_bytes == 501'050);
    CHECK(table.rows[2].cells->increment_bytes == 50);
    CHECK(table.rows[2].cells->occurrences == 4);
}

TEST_CASE("recursion counts a trace once on each line, and once in the sum") {
    test::ProfileBuilder builder;
    const TraceId deep =
        builder.trace({{"walk(int)", kFile, 20}, {"walk(int)", kFile, 22}, {"walk(int)", kFile, 22}, {"walk(int)", kFile, 22}});
    builder.round_end().rss = 0;
    builder.allocate(deep, 64);
    const LineReport report = report_of(builder, "walk");
    REQUIRE_FALSE(report.tables.empty());
    CHECK(row_of(report.tables[0], 20).cells->increment_bytes == 64);
    CHECK(row_of(report.tables[0], 22).cells->increment_bytes == 64);
    CHECK(row_of(report.tables[0], 22).cells->occurrences == 1);
    CHECK(row_of(report.tables[0], 22).cells->usage_bytes == 64);
}

TEST_CASE("inlined code, template instantiations and lambdas are lines of the function that holds their text") {
    test::ProfileBuilder builder;
    const IpId inlined = builder.ip({{"put", kFile, 31}, {"caller()", kFile, 90}});
    const TraceId a = builder.node(inlined, {});
    const TraceId b = builder.trace({{"void put<int>(int)", kFile, 31}});
    const TraceId c = builder.trace({{"void put<char>(char)", kFile, 33}});
    const TraceId d = builder.trace({{"void put<int>(int)::{lambda()#1}::operator()() const", kFile, 32}});
    builder.round_end();
    for (TraceId t : {a, b, c, d}) builder.allocate(t, 10);
    const LineReport report = report_of(builder, "put");
    std::int64_t sum = 0;
    for (const LineTable& table : report.tables)
        if (table.function.find("put") != std::string::npos)
            for (const LineTable::Row& row : table.rows)
                if (row.cells) sum += static_cast<std::int64_t>(row.cells->increment_bytes);
    CHECK(sum == 40);
    CHECK(row_of(report.tables[0], 31).cells->increment_bytes == 20);
}

TEST_CASE("overloads have tables of their own") {
    test::ProfileBuilder builder;
    const TraceId a = builder.trace({{"put(int)", kFile, 10}});
    const TraceId b = builder.trace({{"put(char)", kFile, 50}});
    builder.round_end();
    builder.allocate(a, 10);
    builder.allocate(b, 20);
    const LineReport report = report_of(builder, "put");
    REQUIRE(report.tables.size() == 2);
    CHECK(report.tables[0].rows.size() == 1);
    CHECK(report.tables[1].rows.size() == 1);
}

TEST_CASE("a function that nothing was allocated through gets a warning instead of a table") {
    test::ProfileBuilder builder;
    builder.allocate(builder.trace({{"put(int)", kFile, 10}}), 10);
    builder.round_end();
    const LineReport report = report_of(builder, "get");
    REQUIRE(report.warnings.size() == 1);
    CHECK(report.warnings[0] == "no allocation passes through a function named 'get' that has debug info");
}
