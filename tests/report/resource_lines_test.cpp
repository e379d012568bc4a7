// The lines that opened leaking descriptors, in every form of a report.
#include <doctest/doctest.h>

#include <nlohmann/json.hpp>

#include "report/report.hpp"
#include "sample.hpp"

using namespace leakline;
using namespace leakline::report;

namespace {

Diagnosis leaking_descriptors() {
    Diagnosis diagnosis = test::sample_diagnosis();
    ResourceGrowth growth;
    growth.resource = Resource::descriptors;
    growth.verdict = Trend::growing;
    growth.growth = 200;
    growth.reasons = {"file descriptors leak, 50 per 1,000 requests (+200 after warm-up): file /var/log/app"};
    diagnosis.resources.counts = {growth};
    ResourceLine line;
    line.at = {"reopen", "src/log.c", 23};
    line.source = "    int file = open(path, O_APPEND);";
    line.caller = CodeLine{"handle", "src/server.c", 80};
    line.growth = 190;
    line.per_request = Interval{0.0475, 0.047, 0.048};
    line.grows = true;
    ResourceLine small = line, smallest = line;
    small.at = {"", "/usr/lib/libplugin.so", 0};
    small.caller.reset();
    small.growth = 30;
    smallest.growth = 1;
    diagnosis.lines.resource_lines = {line, small, smallest};
    return diagnosis;
}

std::string render(const char* format, const Document& document) { return format_named(format).render(document, {}); }
bool contains(const std::string& text, std::string_view part) { return text.find(part) != std::string::npos; }

}  // namespace

TEST_CASE("the lines that opened leaking descriptors are named in texts, largest first, without what is below a tenth") {
    const Diagnosis diagnosis = leaking_descriptors();
    const std::string row = "src/log.c:23 (reopen), called from src/server.c:80 (handle): +190, 47.5 per 1,000 requests";
    RenderOptions wide;
    wide.width = 200;
    const std::string text = format_named("text").render(diagnosis, wide);
    CHECK(contains(text, "opened at        " + row + "\n"));
    CHECK(contains(text, "libplugin.so: +30"));
    CHECK_FALSE(contains(text, ": +1,"));
    CHECK(contains(render("md", diagnosis), "| opened at | " + row + " |"));
    CHECK(contains(render("html", diagnosis), "<dt>Opened at</dt><dd>" + row));
    CHECK(contains(format_named("text").render(diagnosis.lines, wide), "opened at        " + row));
}

TEST_CASE("tools get the place of the largest one, and the figures of each") {
    const Diagnosis diagnosis = leaking_descriptors();
    const auto json = nlohmann::json::parse(render("json", diagnosis));
    REQUIRE(json["resource_lines"].size() == 3);
    CHECK(json["resource_lines"][0]["file"] == "src/log.c");
    CHECK(json["resource_lines"][0]["caller"]["line"] == 80);
    CHECK(json["resource_lines"][0]["growth"] == 190);
    const auto sarif = nlohmann::json::parse(render("sarif", diagnosis));
    const auto& result = sarif["runs"][0]["results"][0];
    CHECK(result["ruleId"] == "leaking-resource");
    CHECK(result["locations"][0]["physicalLocation"]["region"]["startLine"] == 23);
    CHECK(contains(render("github", diagnosis), "file=src/log.c,line=23,"));
    CHECK(contains(render("gitlab", diagnosis), "\"path\": \"src/log.c\""));
    CHECK(contains(render("csv", diagnosis), "\nsrc/log.c,23,file descriptors,"));
    CHECK(contains(render("openmetrics", diagnosis),
                   "resource_line_growth{resource=\"descriptors\",file=\"src/log.c\",line=\"23\",function=\"reopen\"} 190"));
}

TEST_CASE("without a leak of descriptors no line is named as its origin") {
    Diagnosis diagnosis = leaking_descriptors();
    diagnosis.resources.counts[0].verdict = Trend::stable;
    for (const char* format : {"text", "md"}) CHECK_FALSE(contains(render(format, diagnosis), "opened at"));
    CHECK_FALSE(contains(render("html", diagnosis), "Opened at"));
    CHECK_FALSE(contains(render("github", diagnosis), "file=src/log.c"));
}
