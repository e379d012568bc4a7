// The comment on a pull request, and what a gate catches.
#include <doctest/doctest.h>

#include <cmath>
#include <limits>

#include "base/strings.hpp"
#include "report/comment.hpp"
#include "report/report.hpp"
#include "sample.hpp"

using namespace leakline;
using namespace leakline::report;

namespace {

// The lines of the nth Mermaid diagram in text.
std::vector<std::string> diagram(const std::string& text, int number) {
    std::size_t at = 0;
    for (int i = 0; i <= number; ++i) {
        at = text.find("```mermaid\n", at);
        if (at == std::string::npos) return {};
        at += 11;
    }
    std::vector<std::string> lines;
    for (const std::string_view line : split(std::string_view(text).substr(at, text.find("```", at) - at), '\n')) lines.emplace_back(line);
    return lines;
}

std::string line_with(const std::vector<std::string>& lines, std::string_view begin) {
    for (const std::string& line : lines)
        if (trim(line).starts_with(begin)) return std::string(trim(line));
    return "";
}

History history_of(std::vector<double> growth) {
    History history;
    for (const double bytes : growth) history.runs.push_back({"run.json", "", Verdict::no_leak, Interval{bytes, bytes, bytes}});
    return history;
}

}  // namespace

TEST_CASE("a comment has the verdict and the facts first, then the chart, the comparison, the history, and the details last") {
    const Diagnosis diagnosis = test::sample_diagnosis();
    Comparison comparison;
    comparison.reasons = {"1 leak fixed"};
    const History history = history_of({0, 512, 2048});
    const std::string text = comment_markdown({diagnosis, &comparison, &history, "0123456789ab", "https://ci.example/run/1"}, {});
    std::size_t last = 0;
    for (const char* part :
         {"### leakline: LEAK", "| detection limit |", "```mermaid", "#### Before and after, passed: 1 leak fixed", "History", "```mermaid",
          "Measured at <code>0123456789ab</code>. [Reports of this run](https://ci.example/run/1)", "<details>"}) {
        const std::size_t at = text.find(part, last);
        CAPTURE(part);
        REQUIRE(at != std::string::npos);
        last = at + 1;
    }
    const std::vector<std::string> memory = diagram(text, 0), growth = diagram(text, 1);
    const bool from_zero = line_with(memory, "y-axis").find("\" 0 -->") != std::string::npos;
    CHECK(line_with(memory, "title") ==
          (from_zero ? "title \"rss over time\"" : "title \"rss over time (the axis does not begin at zero)\""));
    CHECK(line_with(growth, "title") == "title \"Growth of memory per request in the last 3 runs\"");
    CHECK(line_with(growth, "x-axis") == "x-axis \"runs, oldest first\" [1, 2, 3]");
    CHECK(line_with(growth, "y-axis") == "y-axis \"KiB\" 0 --> 2.2");
    CHECK(line_with(growth, "line") == "line [0, 0.5, 2]");
}

TEST_CASE("a comment without anything to compare with, and without samples, has no charts and no empty parts") {
    Diagnosis diagnosis = test::sample_diagnosis();
    diagnosis.series = {};
    const std::string text = comment_markdown({diagnosis, nullptr, nullptr, "", ""}, {});
    CHECK(text.find("mermaid") == std::string::npos);
    CHECK(text.find("Measured") == std::string::npos);
    const History one = history_of({5}), unknown = history_of({std::nan(""), std::numeric_limits<double>::infinity()});
    CHECK(comment_markdown({diagnosis, nullptr, &one, "", ""}, {}).find("mermaid") == std::string::npos);
    CHECK(comment_markdown({diagnosis, nullptr, &unknown, "", ""}, {}).find("mermaid") == std::string::npos);
}

TEST_CASE("names in charts cannot end their strings, and a comment stays under what GitHub takes") {
    Diagnosis diagnosis = test::sample_diagnosis();
    diagnosis.metric = "rss\"\n```\n<b>@someone #1";
    for (int i = 0; i < 3000; ++i)
        diagnosis.warnings.push_back("a long warning of one hundred characters or so that is cut off, number " + std::to_string(i));
    History history = history_of(std::vector<double>(500, 10));
    history.lines.resize(2000);
    const std::string text = comment_markdown({diagnosis, nullptr, &history, "", ""}, {});
    CHECK(text.size() < 60'000);
    CHECK(line_with(diagram(text, 0), "title").find("\"rss       b  someone  1 over time") != std::string::npos);
    CHECK(line_with(diagram(text, 1), "x-axis").ends_with(", 29, 30]"));
}

TEST_CASE("what a gate catches is said on one screen, with what follows from a budget that no run can pass") {
    GateReport gate;
    gate.file = "run.json";
    gate.run = test::sample_diagnosis();
    gate.run.series = {};
    gate.run.max_growth = Growth{8, Growth::Per::request};
    gate.runs = 3;
    gate.leaks = 1;
    gate.invalid = 1;
    gate.detectable_bytes_per_request = gate.fails_bytes_per_request = 12;
    gate.detectable_bytes_per_hour = 12.0 * 104 * 3600;
    gate.level_bytes = 30.0 * 1024 * 1024;
    gate.hours_to_limit = 112.5;
    gate.detectable_of_runs = Interval{12, 10, 20};
    gate.smallest = GateReport::Smallest{"old.json", {"f", "a.cpp", 7}, "", 300, 2.5};
    RenderOptions wide;
    wide.width = 400;  // so that no part is broken
    const std::string text = format_named("text").render(gate, wide);
    std::size_t last = 0;
    for (const char* part : {"GATE: growth of more than 12 B per request fails it\n", "newest run", "run.json, leak", "detection limit",
                             "12 B per request: 4.28 MiB per hour, 103 MiB per day at the log's rate of 104",
                             "from 30 MiB, they reach 512 MiB after", "it is below the detection limit, so that no run can pass",
                             "300 B per request at a.cpp:7 in f: the memory limit is", "reached in 2h30m, in old.json",
                             "3: 1 leaking, 0 inconclusive, 1 invalid; detection limit 10 B to 20 B per request", "Not exercised"}) {
        const std::size_t at = text.find(part, last);
        INFO(part << " in " << text);
        REQUIRE(at != std::string::npos);
        last = at;
    }
    CHECK(split(text, '\n').size() <= 30);
    gate.run.verdict = Verdict::invalid;
    CHECK(format_named("text").render(gate, {}).starts_with("GATE: nothing is known: the runs are invalid\n"));
}
