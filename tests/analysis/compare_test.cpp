#include "analysis/compare.hpp"

#include <doctest/doctest.h>

using namespace leakline;
using namespace leakline::analysis;

namespace {

struct Line {
    const char *function, *text;
    std::uint32_t number;
    double per_request, half_width;
    bool leaking = true;
};

LineReport report_of(const std::vector<Line>& lines) {
    LineReport report;
    report.window_end = std::chrono::hours(1);
    report.mark_seconds = {0, 3600};
    report.mark_requests = {1000, 11'000};
    for (const Line& line : lines) {
        LineGrowth growth;
        growth.at = {line.function, "/src/app.cpp", line.number};
        growth.source = line.text;
        growth.bytes_per_request = Interval{line.per_request, line.per_request - line.half_width, line.per_request + line.half_width};
        growth.bytes_per_hour = Interval{line.per_request * 10'000, (line.per_request - line.half_width) * 10'000,
                                         (line.per_request + line.half_width) * 10'000};
        growth.growth_bytes = static_cast<std::int64_t>(line.per_request * 10'000);
        growth.leaking = line.leaking;
        growth.growth_class = line.leaking ? GrowthClass::linear : GrowthClass::flat;
        report.accounting.live_delta_bytes += growth.growth_bytes;
        report.lines.push_back(growth);
    }
    return report;
}

const LineDifference& line_of(const Comparison& comparison, const std::string& text) {
    for (const LineDifference& line : comparison.lines)
        if (line.source.find(text) != std::string::npos) return line;
    FAIL("no such line");
    return comparison.lines.front();
}

std::string_view change_of(const Comparison& comparison, const std::string& text) {
    return line_change_name(line_of(comparison, text).change);
}

}  // namespace

TEST_CASE("a line that only moved is the same line") {
    const auto before = report_of({{"append(int)", "  cache.push_back(event);", 31, 64, 1}});
    const auto after = report_of({{"append(int)", "    cache.push_back( event );", 57, 64.2, 1}});
    const Comparison comparison = compare_lines(before, after);
    REQUIRE(comparison.lines.size() == 1);
    CHECK(change_of(comparison, "push_back") == "same");
    CHECK(comparison.lines[0].before->line == 31);
    CHECK(comparison.lines[0].after->line == 57);
    CHECK(comparison.outcome == GateOutcome::passed);
    CHECK(comparison.reasons[0] == "no line leaks more than before");
}

TEST_CASE("equal lines of one function are paired in their order") {
    const auto before = report_of({{"f()", "keep(new X);", 10, 10, 0.1}, {"f()", "keep(new X);", 20, 50, 0.1}});
    const auto after = report_of({{"f()", "keep(new X);", 25, 50, 0.1}, {"f()", "keep(new X);", 15, 10, 0.1}});
    const Comparison comparison = compare_lines(before, after);
    REQUIRE(comparison.lines.size() == 2);
    for (const LineDifference& line : comparison.lines) CHECK(line.change == LineChange::same);
}

TEST_CASE("lines are new, gone, grown and shrunk, each with its rates") {
    const auto before = report_of({{"a()", "old();", 1, 100, 2}, {"b()", "slow();", 2, 100, 2}, {"c()", "fast();", 3, 100, 2}});
    const auto after = report_of({{"b()", "slow();", 2, 50, 2}, {"c()", "fast();", 3, 150, 2}, {"d()", "fresh();", 9, 10, 0.5}});
    const Comparison comparison = compare_lines(before, after);
    CHECK(change_of(comparison, "old") == "gone");
    CHECK(change_of(comparison, "slow") == "shrunk");
    CHECK(change_of(comparison, "fast") == "grown");
    CHECK(change_of(comparison, "fresh") == "new");
    const LineDifference& fast = line_of(comparison, "fast");
    CHECK(fast.difference.estimate == doctest::Approx(50));
    CHECK(fast.difference.low == doctest::Approx(50 - 2.828427));
    CHECK(comparison.per == Growth::Per::request);
    CHECK(comparison.total_before == doctest::Approx(300));
    CHECK(comparison.total_after == doctest::Approx(210));
    CHECK(comparison.outcome == GateOutcome::failed);
    CHECK(comparison.reasons[0] == "2 lines leak more than before");
}

TEST_CASE("a fix passes the gate and is named") {
    const auto before = report_of({{"append(int)", "cache.push_back(e);", 31, 64, 0.5}});
    const auto after = report_of({{"append(int)", "cache.push_back(e);", 31, 0, 0.5, false}});
    const Comparison comparison = compare_lines(before, after);
    CHECK(comparison.outcome == GateOutcome::passed);
    CHECK(comparison.reasons.back() == "1 leak fixed");
}

TEST_CASE("a budget lets small growth pass and large growth not") {
    const auto before = report_of({{"f()", "x();", 1, 100, 1}});
    const auto after = report_of({{"f()", "x();", 1, 120, 1}});
    CompareOptions options;
    options.max_growth = Growth{30, Growth::Per::request};
    CHECK(compare_lines(before, after, options).outcome == GateOutcome::passed);
    options.max_growth = Growth{10, Growth::Per::request};
    CHECK(compare_lines(before, after, options).outcome == GateOutcome::failed);
    options.max_growth = Growth{150'000, Growth::Per::hour};
    CHECK(compare_lines(before, after, options).outcome == GateOutcome::failed);
    options.max_growth = Growth{250'000, Growth::Per::hour};
    CHECK(compare_lines(before, after, options).outcome == GateOutcome::passed);
}

TEST_CASE("noise is no difference, and growth that is no leak does not fail the gate") {
    const auto before = report_of({{"f()", "x();", 1, 100, 30}, {"g()", "fill();", 5, 10, 0.1, false}});
    const auto after = report_of({{"f()", "x();", 1, 120, 30}, {"g()", "fill();", 5, 40, 0.1, false}});
    const Comparison comparison = compare_lines(before, after);
    CHECK(change_of(comparison, "x()") == "same");
    CHECK(change_of(comparison, "fill()") == "grown");
    CHECK(comparison.outcome == GateOutcome::passed);
}

TEST_CASE("without source text lines are matched by place, and a lone line of a function by the function") {
    auto before = report_of({{"f()", "", 10, 100, 1}, {"g()", "", 20, 50, 1}});
    const auto after = report_of({{"f()", "x();", 10, 100, 1}, {"g()", "moved();", 29, 50, 1}});
    const Comparison comparison = compare_lines(before, after);
    REQUIRE(comparison.lines.size() == 2);
    for (const LineDifference& line : comparison.lines) CHECK(line.change == LineChange::same);
}

TEST_CASE("a line whose text was edited is another line, even at its old place") {
    const auto before = report_of({{"f()", "cache.push_back(e);", 10, 100, 1}});
    const auto after = report_of({{"f()", "log.push_back(e);", 10, 100, 1}});
    const Comparison comparison = compare_lines(before, after);
    REQUIRE(comparison.lines.size() == 2);
    CHECK(change_of(comparison, "cache") == "gone");
    CHECK(change_of(comparison, "log") == "new");
}

TEST_CASE("too few marks make the comparison inconclusive, not passed") {
    const auto before = report_of({{"f()", "x();", 10, 100, 1}});
    auto after = report_of({{"f()", "x();", 10, 200, 1, false}});
    after.lines[0].bytes_per_request.reset();
    const Comparison comparison = compare_lines(before, after);
    CHECK(comparison.lines[0].change == LineChange::unclear);
    CHECK(comparison.outcome == GateOutcome::inconclusive);
    CHECK(comparison.reasons[0] ==
          "1 line may leak more than before, but a recording has too few measurements to decide: record more rounds, or record for longer");
}

TEST_CASE("a budget per request needs requests") {
    auto before = report_of({{"f()", "x();", 10, 100, 1}});
    before.mark_requests = {std::nullopt, std::nullopt};
    CompareOptions options;
    CHECK(compare_lines(before, before, options).per == Growth::Per::hour);
    options.max_growth = Growth{10, Growth::Per::request};
    CHECK_THROWS_WITH_AS(compare_lines(before, before, options),
                         "--max-growth: is per request, but the recordings contain no request counts\n"
                         "  hint: state it per hour, as in --max-growth 1MiB/h, or compare diagnoses",
                         Error);
    LineReport by_file = before;
    by_file.by = GroupBy::file;
    CHECK_THROWS_AS(compare_lines(before, by_file), Error);
}

TEST_CASE("a line of a function that was renamed is the same line, where the text stands once in the file") {
    const auto before = report_of({{"handle(int)", "keep(new X);", 10, 40, 0.1}, {"g()", "v.push_back(1);", 30, 8, 0.1}});
    const auto after = report_of({{"serve(int)", "keep(new X);", 12, 40, 0.1}, {"g()", "v.push_back(1);", 32, 8, 0.1}});
    const Comparison renamed = compare_lines(before, after);
    CHECK(renamed.lines.size() == 2);
    CHECK(change_of(renamed, "new X") == "same");
    CHECK(renamed.outcome == GateOutcome::passed);
    // Twice on one side: nobody can say which is which.
    const auto twice = report_of({{"serve(int)", "keep(new X);", 12, 40, 0.1}, {"h()", "keep(new X);", 50, 40, 0.1}});
    CHECK(compare_lines(before, twice).outcome == GateOutcome::failed);
}

TEST_CASE("a doubling container has changed only where its bounds before and after do not meet") {
    // Half of the capacity and all of it: the same container just before and just after it has doubled.
    auto before = report_of({{"f()", "v.push_back(x);", 10, 15, 5}});
    auto after = report_of({{"f()", "v.push_back(x);", 10, 30.1, 10}});
    for (LineReport* report : {&before, &after}) report->lines[0].growth_class = GrowthClass::container_doubling;
    const Comparison same = compare_lines(before, after);
    CHECK(change_of(same, "push_back") == "same");
    CHECK(same.outcome == GateOutcome::passed);
    CHECK(same.lines[0].difference.low == doctest::Approx(0.1));
    CHECK(same.lines[0].difference.high == doctest::Approx(30.1));

    after = report_of({{"f()", "v.push_back(x);", 10, 60, 20}});
    after.lines[0].growth_class = GrowthClass::container_doubling;
    const Comparison grown = compare_lines(before, after);
    CHECK(change_of(grown, "push_back") == "grown");
    CHECK(grown.outcome == GateOutcome::failed);
    CHECK(change_of(compare_lines({before}, report_of({})), "push_back") == "gone");
}
