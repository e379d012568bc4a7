// Every verdict through every format of the table: they must say the same.
#include <doctest/doctest.h>
#include <fmt/format.h>

#include <nlohmann/json.hpp>
#include <regex>

#include "report/internal/findings.hpp"
#include "report/internal/summary.hpp"
#include "report/json_read.hpp"
#include "report/report.hpp"
#include "sample.hpp"

using namespace leakline;
using namespace leakline::report;
using nlohmann::json;

namespace {

struct Case {
    std::string name;
    Diagnosis diagnosis;
};

std::vector<Case> every_verdict() {
    std::vector<Case> cases;
    Diagnosis leak = test::sample_diagnosis();
    leak.gates.clear();
    leak.max_growth.reset();
    leak.growth.split.bytes_per_request = leak.trend.bytes_per_request;
    cases.push_back({"leak", leak});

    Diagnosis held = leak;
    Holder& holder = held.held_by.emplace().holder.emplace();
    holder.path = "cache";
    holder.type = "std::list";
    holder.elements = 1000;
    holder.bytes = 2048;
    holder.file = "cache.cpp";
    holder.line = 12;
    cases.push_back({"leak that a variable holds", held});

    Diagnosis by_python = held;
    by_python.held_by->holder->runtime = Runtime::python;
    by_python.held_by->holder->element_type = "dict";
    cases.push_back({"leak that a Python variable holds", by_python});

    Diagnosis lost = leak;
    lost.held_by.emplace().lost_blocks = 6000;
    lost.held_by->lost_bytes = 6'000'000;
    cases.push_back({"leak that nothing holds", lost});

    Diagnosis by_lines = leak;  // memory as a whole does not show it
    by_lines.trend.verdict = Trend::inconclusive;
    by_lines.trend.bytes_per_request = Interval{0, -410, 410};
    by_lines.growth = {StatedGrowth::Source::lines, {Follows::unknown, Interval{1200, 1199.5, 1200.5}, {}}};
    cases.push_back({"leak by lines", by_lines});

    Diagnosis objects = by_lines;
    objects.growth.source = StatedGrowth::Source::objects;
    objects.growth.split.follows = Follows::requests;
    objects.lines.lines.clear();
    objects.lines.headline.reset();
    objects.reasons = {"java's live objects grow by 1.17 KiB per request"};
    cases.push_back({"leak by live objects", objects});

    Diagnosis killed_at_once = by_lines;
    killed_at_once.trend.verdict = Trend::inconclusive;
    killed_at_once.trend.bytes_per_request.reset();
    killed_at_once.trend.slope_bytes_per_hour = {};
    cases.push_back({"leak by lines, killed before memory had a slope", killed_at_once});

    Diagnosis timer = leak;
    timer.trend.bytes_per_request.reset();
    timer.trend.detectable_bytes_per_request.reset();
    timer.split = {Follows::time, {}, Interval{1.4e9, 1.3e9, 1.5e9}};
    timer.growth = {StatedGrowth::Source::memory, timer.split};
    timer.projected_bytes_per_hour = timer.split.bytes_per_hour_by_time;
    for (LineGrowth& line : timer.lines.lines) line.bytes_per_request.reset();
    cases.push_back({"leak by time", timer});

    Diagnosis killed = by_lines;
    killed.oom_kill = OomKill{3.2, 900, {}, {}, "OOM-killed at its limit of 64 MiB (peak 64 MiB)"};
    cases.push_back({"leak, killed", killed});

    Diagnosis none = leak;
    none.verdict = Verdict::no_leak;
    none.trend.verdict = Trend::stable;
    none.trend.time_to_limit_h.reset();
    none.trend.bytes_per_request = Interval{0, -3, 3};
    none.growth.split.bytes_per_request = none.trend.bytes_per_request;
    none.reasons = {"memory is stable"};
    for (LineGrowth& line : none.lines.lines) line.leaking = false;
    cases.push_back({"no leak", none});

    Diagnosis undecided = none;
    undecided.verdict = Verdict::inconclusive;
    undecided.trend.verdict = Trend::inconclusive;
    undecided.reasons = {"memory over time is inconclusive"};
    cases.push_back({"inconclusive", undecided});

    Diagnosis filling = leak;
    filling.verdict = Verdict::inconclusive;
    filling.still_filling = true;
    filling.reasons = {"a cache bounded above 20,000 entries would look the same"};
    cases.push_back({"still filling", filling});

    Diagnosis invalid = leak;
    invalid.verdict = Verdict::invalid;
    invalid.growth = {StatedGrowth::Source::none, {}};
    invalid.reasons = {"the service exited during the run without the recorder, in round 3: exit code 1"};
    cases.push_back({"invalid", invalid});
    return cases;
}

std::string rendered(const Diagnosis& diagnosis, std::string_view format) {
    RenderOptions options;
    options.color = false;
    options.width = 400;  // one line a fact
    options.inconclusive = RenderOptions::Inconclusive::fail;
    std::string text = format_named(format).render(diagnosis, options);
    for (std::size_t at; format == "html" && (at = text.find("&#39;")) != std::string::npos;) text.replace(at, 5, "'");
    return text;
}

// A number of the exposition, where it is there.
std::optional<double> metric(const std::string& text, const std::string& name) {
    const std::size_t at = text.find("\n" + name + " ");
    if (at == std::string::npos) return std::nullopt;
    return std::stod(text.substr(at + name.size() + 2));
}

}  // namespace

TEST_CASE("every format says the same verdict, growth and limit") {
    for (const Case& example : every_verdict()) {
        INFO(example.name);
        const Diagnosis& d = example.diagnosis;
        const Summary summary = summarize(d);
        CHECK(rendered(d, "text").starts_with(summary.verdict + ": " + summary.reason));
        const json parsed = json::parse(rendered(d, "json"));
        CHECK(parsed["verdict"] == verdict_name(d.verdict));
        CHECK(parsed["growth"]["source"] == source_name(d.growth.source));
        CHECK(parsed.value("still_filling", false) == d.still_filling);
        for (const std::string_view format : {"text", "md", "html"}) {
            INFO(format);
            const std::string page = rendered(d, format);
            CHECK(page.find(summary.verdict) != std::string::npos);
            CHECK(page.find(summary.growth) != std::string::npos);
            CHECK(page.find(summary.detection.text()) != std::string::npos);
            if (!summary.held_by.empty()) CHECK(page.find(summary.held_by) != std::string::npos);
            if (!summary.limit.empty()) CHECK(page.find(summary.limit) != std::string::npos);
        }
        CHECK(rendered(d, "svg").find(summary.verdict) != std::string::npos);

        const std::string junit = rendered(d, "junit");
        CHECK(junit.find(summary.verdict) != std::string::npos);
        CHECK((junit.find("<failure") != std::string::npos) == (d.verdict == Verdict::leak));
        CHECK((junit.find("type=\"inconclusive\"") != std::string::npos) == (d.verdict == Verdict::inconclusive));
        CHECK((junit.find("type=\"invalid\"") != std::string::npos) == (d.verdict == Verdict::invalid));

        const std::string github = rendered(d, "github");
        CHECK(github.starts_with(d.verdict == Verdict::no_leak ? "::notice " : "::error "));
        CHECK(github.find(summary.verdict) != std::string::npos);

        for (const std::string_view format : {"sarif", "gitlab"}) {
            const std::string findings = rendered(d, format);
            INFO(format);
            CHECK(json::accept(findings));
            const bool names_line = findings.find("grows without limit: ") != std::string::npos;
            CHECK(names_line == (d.verdict == Verdict::leak && d.growth.source != StatedGrowth::Source::objects));
        }

        const std::string metrics = rendered(d, "openmetrics");
        CHECK(metric(metrics, fmt::format("leakline_verdict{{verdict=\"{}\"}}", verdict_name(d.verdict))) == 1.0);
        const auto per_request = metric(metrics, "leakline_growth_bytes_per_request{bound=\"estimate\"}");
        const auto stated = stated_per_request(d);
        CHECK(per_request.has_value() == stated.has_value());
        if (per_request && stated) CHECK(*per_request == doctest::Approx(stated->estimate));

        // What is written is read back the same.
        CHECK(summarize(read_diagnosis(rendered(d, "json"), "x.json")).growth == summary.growth);
        CHECK(summarize(read_diagnosis(rendered(d, "json"), "x.json")).held_by == summary.held_by);
    }
}

TEST_CASE("no figure contradicts the verdict") {
    for (const Case& example : every_verdict()) {
        INFO(example.name);
        const Diagnosis& d = example.diagnosis;
        const Summary summary = summarize(d);
        if (d.verdict == Verdict::leak) {
            CHECK_FALSE(summary.growth.starts_with("0 B"));
            CHECK(summary.growth != "not measured");
        }
        if (d.verdict == Verdict::invalid) {
            CHECK(summary.growth == "not measured");
            CHECK(summary.detection.text() == "not measured");
            CHECK(summary.limit.empty());
            CHECK(summary.top == nullptr);
        }
        if (d.growth.split.follows == Follows::time) {
            CHECK(summary.growth.find("per request") == std::string::npos);
            CHECK(summary.limit.find("requests/s") == std::string::npos);
        }
        const bool by_objects = d.growth.source == StatedGrowth::Source::objects;
        if (d.growth.source == StatedGrowth::Source::lines || by_objects) {
            CHECK(summary.growth ==
                  fmt::format("1.17 KiB per request {}: 431 MiB (427 MiB to 434 MiB) per hour at the log's rate of 104 requests/s; total "
                              "memory: {}",
                              by_objects ? "in live objects" : "through the leaking lines",
                              d.trend.bytes_per_request ? "0 B (-410 B to 410 B) per request" : "not measured"));
        }
    }
}
