// JUnit XML: one case per gate. Valid under the schema of Apache Ant's report (Windy Road's JUnit.xsd) and
// under that of Jenkins, which have no common way to name a test's file: the file is in the failure's text. Only
// <skipped>, for inconclusive runs that are to be a warning, is not known to the former.
#include <fmt/format.h>

#include <algorithm>

#include "report/internal/renderers.hpp"
#include "report/internal/resources_text.hpp"
#include "report/internal/summary.hpp"
#include "report/internal/traffic_words.hpp"
#include "report/internal/xml.hpp"

namespace leakline::report {

namespace {

struct Case {
    enum class Outcome { passed, failed, error, skipped };
    std::string name;
    Outcome outcome = Outcome::passed;
    std::string type, message, details;
    double seconds = 0;
};

Case::Outcome inconclusive(const RenderOptions& options) {
    switch (options.inconclusive) {
        case RenderOptions::Inconclusive::fail: return Case::Outcome::error;
        case RenderOptions::Inconclusive::warn: return Case::Outcome::skipped;
        case RenderOptions::Inconclusive::pass: return Case::Outcome::passed;
    }
    return Case::Outcome::error;
}

std::string body(const Case& test) {
    const std::string attributes = fmt::format("message=\"{}\" type=\"{}\"", xml_text(test.message), xml_text(test.type));
    switch (test.outcome) {
        case Case::Outcome::passed: return {};
        case Case::Outcome::failed: return fmt::format("<failure {}>{}</failure>", attributes, xml_text(test.details));
        case Case::Outcome::error: return fmt::format("<error {}>{}</error>", attributes, xml_text(test.details));
        case Case::Outcome::skipped: return fmt::format("<skipped>{}</skipped>", xml_text(test.message));
    }
    return {};
}

// The schema wants local time without a zone; ours is UTC.
std::string timestamp(const std::string& iso) {
    const bool usable = iso.size() >= 19 && iso[4] == '-' && iso[10] == 'T';
    return usable ? iso.substr(0, 19) : "1970-01-01T00:00:00";
}

std::string suite(const std::string& name, const std::string& started, const std::vector<Case>& cases,
                  const std::vector<std::pair<std::string, std::string>>& properties, const std::string& output) {
    const auto count = [&](Case::Outcome outcome) {
        return std::count_if(cases.begin(), cases.end(), [&](const Case& test) { return test.outcome == outcome; });
    };
    double seconds = 0;
    for (const Case& test : cases) seconds += test.seconds;
    std::string out = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites>\n";
    out += fmt::format(
        "  <testsuite name=\"{}\" package=\"leakline\" id=\"0\" timestamp=\"{}\" hostname=\"localhost\" "
        "tests=\"{}\" failures=\"{}\" "
        "errors=\"{}\" time=\"{:.3f}\">\n    <properties>\n",
        xml_text(name), timestamp(started), cases.size(), count(Case::Outcome::failed), count(Case::Outcome::error), seconds);
    for (const auto& [key, value] : properties)
        if (!value.empty()) out += fmt::format("      <property name=\"{}\" value=\"{}\"/>\n", key, xml_text(value));
    out += "    </properties>\n";
    for (const Case& test : cases)
        out += fmt::format("    <testcase name=\"{}\" classname=\"leakline.{}\" time=\"{:.3f}\">{}</testcase>\n", xml_text(test.name),
                           xml_text(name), test.seconds, body(test));
    return out + fmt::format(
                     "    <system-out>{}</system-out>\n    <system-err></system-err>\n  "
                     "</testsuite>\n</testsuites>\n",
                     xml_text(output));
}

std::string render(const Diagnosis& diagnosis, const RenderOptions& options) {
    const Summary summary = summarize(diagnosis);
    RenderOptions plain = options;
    plain.color = false;
    const std::string report = render_text(diagnosis, plain);

    std::vector<Case> cases;
    Case verdict{"memory does not leak", Case::Outcome::passed, "", summary.reason, "", diagnosis.series.duration()};
    switch (diagnosis.verdict) {
        case Verdict::no_leak: break;
        case Verdict::leak:
            if (diagnosis.accepted || only_resources_leak(diagnosis)) break;
            verdict.outcome = Case::Outcome::failed;
            verdict.type = "leak";
            if (summary.top != nullptr) verdict.message += " at " + place_text(summary.top->at);
            verdict.details = report;
            break;
        case Verdict::inconclusive:
            verdict.outcome = inconclusive(options);
            verdict.type = "inconclusive";
            verdict.details = report;
            break;
        case Verdict::invalid:
            verdict.outcome = Case::Outcome::error;
            verdict.type = "invalid";
            verdict.details = report;
            break;
    }
    cases.push_back(verdict);
    for (const ResourceGrowth& growth : diagnosis.resources.counts) {
        Case test{
            fmt::format("{} do not leak", resource_words(growth.resource)), Case::Outcome::passed, "leak", resource_line(growth), "", 0};
        if (growth.verdict == Trend::growing && diagnosis.verdict == Verdict::leak && !diagnosis.accepted) {
            test.outcome = Case::Outcome::failed;
            test.details = report;
        }
        cases.push_back(std::move(test));
    }
    for (const Gate& gate : diagnosis.gates) {
        Case test{gate.name, Case::Outcome::passed, "gate", gate.message.empty() ? gate.name : gate.message, "", 0};
        if (gate.outcome == GateOutcome::failed) test.outcome = Case::Outcome::failed;
        if (gate.outcome == GateOutcome::inconclusive) test.outcome = inconclusive(options);
        cases.push_back(test);
    }
    Case traffic{"requests succeed", Case::Outcome::passed, "replay", "", "", diagnosis.replay.duration_s};
    if (!diagnosis.replay.valid) {
        traffic.outcome = Case::Outcome::error;
        traffic.message = diagnosis.replay.reasons.empty() ? "the replay is invalid" : diagnosis.replay.reasons.front();
        traffic.details = fmt::format("{}", fmt::join(diagnosis.replay.reasons, "\n"));
    }
    cases.push_back(traffic);
    std::vector<std::pair<std::string, std::string>> properties = {{"command", diagnosis.command},
                                                                   {"traffic", diagnosis.traffic},
                                                                   {"verdict", summary.verdict},
                                                                   {"detection limit", summary.detection.text()}};
    for (const TrafficRow& row : traffic_rows(diagnosis)) properties.emplace_back(row.name, row.text);
    return suite("memory", diagnosis.started, cases, properties, summary.verdict + ": " + summary.reason);
}

std::string render(const TrendReport& report, const RenderOptions& options) {
    std::vector<Case> cases;
    for (const TrendReport::Item& item : report.items) {
        Case test{
            item.file + " does not grow", Case::Outcome::passed, "", item.verdict.reasons.empty() ? "" : item.verdict.reasons.front(), "",
            item.series.duration()};
        test.details = slope_text(item.verdict) + "\n" + detection_limit(item.verdict).text();
        if (item.verdict.verdict == Trend::growing) {
            test.outcome = Case::Outcome::failed;
            test.type = "growing";
        } else if (item.verdict.verdict == Trend::inconclusive) {
            test.outcome = inconclusive(options);
            test.type = "inconclusive";
        }
        cases.push_back(std::move(test));
    }
    for (const TrendReport::Count& count : report.counts) {
        Case test{fmt::format("{}: {} do not grow", count.file, resource_words(count.growth.resource)),
                  Case::Outcome::passed,
                  "",
                  count_line(count),
                  "",
                  0};
        if (count.growth.verdict == Trend::growing) {
            test.outcome = Case::Outcome::failed;
            test.type = "growing";
        } else if (count.growth.verdict == Trend::inconclusive) {
            test.outcome = inconclusive(options);
            test.type = "inconclusive";
        }
        test.details = test.message;
        cases.push_back(std::move(test));
    }
    return suite("trend", "", cases, {}, "");
}

}  // namespace

std::string render_junit(const Document& document, const RenderOptions& options) {
    return render_form(document, "junit", [&](const auto& value) -> decltype(render(value, options)) { return render(value, options); });
}

}  // namespace leakline::report
