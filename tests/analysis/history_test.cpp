#include "analysis/history.hpp"

#include <doctest/doctest.h>

#include "report/report.hpp"

using namespace leakline;
using namespace leakline::analysis;
using namespace leakline::report;

namespace {

// A run that leaks so much a request in one line; 0: it decides, and the line does not leak.
Diagnosis run_of(const std::string& started, double growth, unsigned line_number = 10) {
    Diagnosis diagnosis;
    diagnosis.started = started;
    diagnosis.verdict = growth > 0 ? Verdict::leak : Verdict::no_leak;
    if (growth <= 0) return diagnosis;
    LineGrowth line;
    line.at = {"append", "/src/cache.cpp", line_number};
    line.source = "  cache.push_back(record);";
    line.leaking = true;
    line.bytes_per_request = Interval{growth, growth * 0.99, growth * 1.01};
    diagnosis.lines.lines = {line};
    return diagnosis;
}

History of(const std::vector<double>& growths) {
    std::vector<std::pair<std::string, Diagnosis>> runs;
    for (std::size_t i = 0; i < growths.size(); ++i)
        runs.emplace_back(std::to_string(i), run_of("2026-01-0" + std::to_string(i + 1) + "T00:00:00Z", growths[i]));
    return make_history(std::move(runs));
}

History::Change change_of(const std::vector<double>& growths) {
    const History history = of(growths);
    REQUIRE(history.lines.size() == 1);
    return history.lines[0].change;
}

std::string text_of(const History& history) { return format_named("text").render(history, {}); }

}  // namespace

TEST_CASE("small steps that add up are a slow growth, one large step is a jump") {
    CHECK(change_of({100, 108, 116, 125, 134}) == History::Change::slow_growth);
    CHECK(change_of({100, 101, 99, 100}) == History::Change::steady);
    CHECK(change_of({100, 100, 150}) == History::Change::jumped);
    CHECK(change_of({100, 124}) == History::Change::jumped);
    CHECK(change_of({0, 0, 100}) == History::Change::appeared);
    CHECK(change_of({100, 100, 0}) == History::Change::gone);
    CHECK(change_of({100}) == History::Change::steady);
    CHECK(change_of({100, 0, 100}) == History::Change::appeared);
    CHECK(change_of({100, 0, 60}) == History::Change::appeared);
    CHECK(change_of({100, 150, 160, 171, 183, 196}) == History::Change::slow_growth);
    CHECK(change_of({100, 150, 160, 171}) == History::Change::steady);
    CHECK(of({100, 108, 116, 125, 134}).has_slow_growth());
    CHECK_FALSE(of({100, 150}).has_slow_growth());
}

TEST_CASE("what got worse in the newest run fails the gate, what was and stays does not") {
    CHECK(of({100, 108, 116, 125, 134}).worsened());
    CHECK(of({100, 108, 116, 125, 200}).worsened());
    CHECK(of({100, 150}).worsened());
    CHECK(of({0, 100}).worsened());
    CHECK_FALSE(of({100, 150, 150}).worsened());
    CHECK_FALSE(of({100, 150, 150, 150}).worsened());
    CHECK_FALSE(of({100, 100}).worsened());
    CHECK_FALSE(of({100}).worsened());
    CHECK_FALSE(of({100, 0}).worsened());
    CHECK(text_of(of({100, 150})).starts_with("WORSE: "));
    CHECK(text_of(of({100, 100})).starts_with("OK: "));
}

TEST_CASE("runs stand in the order of time, those without a time last and with a warning") {
    const History history = make_history(
        {{"late", run_of("2026-02-01T00:00:00Z", 100)}, {"undated", run_of("", 100)}, {"early", run_of("2026-01-01T00:00:00Z", 100)}});
    CHECK(history.runs[0].file == "early");
    CHECK(history.runs[1].file == "late");
    CHECK(history.runs[2].file == "undated");
    CHECK(history.warnings == std::vector<std::string>{"undated has no date, so its position in time is not known"});
}

TEST_CASE("code that moved is one line, and a run that does not decide says nothing of it") {
    Diagnosis undecided = run_of("2026-01-02T00:00:00Z", 0);
    undecided.verdict = Verdict::inconclusive;
    const History history =
        make_history({{"a", run_of("2026-01-01T00:00:00Z", 100, 10)}, {"b", undecided}, {"c", run_of("2026-01-03T00:00:00Z", 101, 12)}});
    REQUIRE(history.lines.size() == 1);
    CHECK(history.lines[0].at.line == 12);
    CHECK_FALSE(history.lines[0].growth[1].has_value());
    CHECK(history.lines[0].change == History::Change::steady);
}

TEST_CASE("the headline names the slow growth with what it was and what it is") {
    CHECK(text_of(of({100, 108, 116, 125, 134}))
              .starts_with(
                  "SLOW GROWTH: /src/cache.cpp:10 leaks 134 B per request, up from 100 B, in steps too small to fail a single run\n"));
    CHECK(text_of(of({0, 0})).starts_with("OK: no line leaks in any of 2 runs\n"));
}

TEST_CASE("CSV has a row for each line in each run that tells, and runs no formula") {
    Diagnosis undecided = run_of("2026-01-02T00:00:00Z", 0);
    undecided.verdict = Verdict::inconclusive;
    Diagnosis first = run_of("2026-01-01T00:00:00Z", 100);
    first.lines.lines[0].source = "=cmd(1, 2)";
    Diagnosis last = run_of("2026-01-03T00:00:00Z", 0);
    const History history = make_history({{"a.json", first}, {"b.json", undecided}, {"c.json", last}});
    CHECK(format_named("csv").render(history, {}) ==
          "run,started,verdict,file,line,function,bytes_per_request,low,high,change,source\n"
          "a.json,2026-01-01T00:00:00Z,leak,/src/cache.cpp,10,append,100,99,101,gone,\"'=cmd(1, 2)\"\n"
          "c.json,2026-01-03T00:00:00Z,no_leak,/src/cache.cpp,10,append,0,0,0,gone,\"'=cmd(1, 2)\"\n");
}

TEST_CASE("lines of equal function and text are told apart by their growth") {
    const auto duplicates = [](const std::string& day, double first, double second, const char* source) {
        Diagnosis run = run_of("2026-01-" + day + "T00:00:00Z", first, 10);
        run.lines.lines.push_back(run_of("", second, 11).lines.lines[0]);
        for (LineGrowth& line : run.lines.lines) line.source = source;
        return run;
    };
    for (const char* source : {"items.push_back(make());", ""}) {
        CAPTURE(source);
        const History grown = make_history({{"a", duplicates("01", 100, 50, source)}, {"b", duplicates("02", 1000, 50, source)}});
        REQUIRE(grown.lines.size() == 2);
        CHECK(grown.lines[0].change == History::Change::jumped);
        CHECK(grown.lines[1].change == History::Change::steady);
        CHECK_FALSE(make_history({{"a", duplicates("01", 100, 50, source)}, {"b", duplicates("02", 50, 100, source)}}).worsened());
    }
}

TEST_CASE("memory that grows outside of the lines is held against the runs before, too") {
    const auto lineless = [](const std::string& day, double growth) {
        Diagnosis run = run_of("2026-01-" + day + "T00:00:00Z", 0);
        run.verdict = growth > 0 ? Verdict::leak : Verdict::no_leak;
        run.trend.bytes_per_request = Interval{growth, growth * 0.99, growth * 1.01};
        return run;
    };
    const History history = make_history({{"a", lineless("01", 0)}, {"b", lineless("02", 100)}});
    CHECK(history.worsened());
    REQUIRE(history.lines.size() == 1);
    CHECK(history.lines[0].change == History::Change::appeared);
    CHECK_FALSE(make_history({{"a", lineless("01", 100)}, {"b", lineless("02", 100)}}).worsened());
}

TEST_CASE("a line is not new where no earlier run decides") {
    Diagnosis undecided = run_of("2026-01-01T00:00:00Z", 0);
    undecided.verdict = Verdict::inconclusive;
    CHECK_FALSE(make_history({{"a", undecided}, {"b", run_of("2026-01-02T00:00:00Z", 100)}}).worsened());
    undecided.verdict = Verdict::invalid;
    CHECK_FALSE(make_history({{"a", undecided}, {"b", run_of("2026-01-02T00:00:00Z", 100)}}).worsened());
}
