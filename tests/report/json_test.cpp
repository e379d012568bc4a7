#include <doctest/doctest.h>

#include <cstdlib>
#include <limits>
#include <nlohmann/json.hpp>

#include "base/error.hpp"
#include "base/quantities.hpp"
#include "report/internal/renderers.hpp"
#include "report/json_read.hpp"
#include "report/report.hpp"
#include "sample.hpp"
#include "system/byte_source.hpp"
#include "system/output_file.hpp"

using namespace leakline;
using namespace leakline::report;

namespace {

std::string json_of(const Document& document) { return format_named("json").render(document, {}); }

std::string error_of(const std::string& text) {
    try {
        (void)read_diagnosis(text, "d.json");
    } catch (const Error& error) {
        return error.what();
    }
    return "no error";
}

const std::string kHint = "\n  hint: expected a file written by leakline diagnose -o NAME.json";

}  // namespace

TEST_CASE("a diagnosis has the names that other programs read, the schema first") {
    const std::string text = json_of(test::sample_diagnosis());
    CHECK(text.starts_with("{\n  \"schema\": 1,\n  \"verdict\": \"leak\",\n"));
    const auto json = nlohmann::json::parse(text);
    CHECK(json["reasons"].size() == 2);
    CHECK(json["trend"]["verdict"] == "growing");
    CHECK(json["trend"]["class"] == "linear");
    CHECK(json["trend"]["slope_bytes_per_hour"]["low"] == 430e6);
    CHECK(json["trend"]["bytes_per_request"]["estimate"] == 1200);
    CHECK(json["trend"]["detectable_bytes_per_request"] == 12);
    CHECK(json["trend"]["warmup_end_s"] == 5);
    CHECK(json["trend"]["time_to_limit_h"]["high"] == 1.5);
    const auto& line = json["lines"][0];
    CHECK(line["file"] == "apps/trackd/track_user_behavior.cpp");
    CHECK(line["line"] == 42);
    CHECK(line["function"] == "track_user_behavior");
    CHECK(line["source"] == "    cache.append(user_id, events);");
    CHECK(line["growth_bytes"] == 6'000'000);
    CHECK(line["live_first_bytes"] == 1'000'000);
    CHECK(line["live_last_bytes"] == 7'000'000);
    CHECK(line["allocations"] == 6000);
    CHECK(line["bytes_per_request"] == 1200);
    CHECK(line["class"] == "linear");
    CHECK(json["books"]["live_delta_bytes"] == 6'020'000);
    CHECK(json["books"]["attributed_bytes"] == 6'016'384);
    CHECK(json["books"]["unattributed_bytes"] == 3'616);
    CHECK(json["books"]["rss_delta_bytes"] == 6'500'000);
    CHECK(json["replay"]["statuses"]["200"] == 5990);
    CHECK(json["replay"]["failures"] == nlohmann::json{{"timeout", 1}});
    CHECK(json["replay"]["latency_us"]["p999"] == 9100);
    CHECK(json["warnings"].size() == 1);
}

TEST_CASE("what schema 1 wrote stays readable and is written again, byte for byte") {
    const std::string golden = LEAKLINE_TESTDATA "/golden/diagnosis_v1.json";
    if (std::getenv("LEAKLINE_UPDATE_GOLDEN") != nullptr) {  // scripts/update_goldens.sh
        OutputFile file(golden);
        file.write(json_of(test::sample_diagnosis()));
        file.commit();
    }
    CHECK(json_of(read_diagnosis(read_file(golden), golden)) == read_file(golden));
    CHECK(json_of(test::sample_diagnosis()) == read_file(golden));
}

TEST_CASE("what is read back makes every report again, byte for byte") {
    Diagnosis diagnosis = test::sample_diagnosis();
    SUBCASE("full") {}
    SUBCASE("unbounded intervals") {
        const double infinity = std::numeric_limits<double>::infinity();
        diagnosis.trend.time_to_limit_h = Interval{infinity, 3, infinity};
        diagnosis.trend.slope_bytes_per_hour.low = -infinity;
    }
    SUBCASE("empty") {
        diagnosis = Diagnosis();
        diagnosis.reasons = {"nothing was measured"};
    }
    const Diagnosis again = read_diagnosis(json_of(diagnosis), "d.json");
    for (const Format& format : formats()) {
        if ((format.forms & kDiagnosisForm) == 0) continue;
        CAPTURE(format.name);
        CHECK(format.render(again, {}) == format.render(diagnosis, {}));
    }
}

TEST_CASE("a soak is read back as it was, and says in words what it can and cannot extrapolate") {
    Diagnosis diagnosis = test::sample_diagnosis();
    Soak& soak = diagnosis.soak.emplace();
    soak.growth = Soak::Growth::with_requests;
    soak.reason = "growth follows requests";
    soak.service_scaled = true;
    soak.capacity = 20'000;
    soak.bytes_per_request = Interval{1000, 990, 1010};
    soak.level_bytes = Interval{3e9, 2.9e9, 3.1e9};
    soak.time_to_limit_h = Interval{12, 11, 13};
    SoakRun run;
    run.time_scale = 600;
    run.hours = 12.5;
    run.duration_s = 75;
    run.requests = 495'000;
    run.limit_reached_h = 11.75;
    run.end = SoakRun::End::limit;
    run.trend = diagnosis.trend;
    soak.runs = {run};
    const std::string json = json_of(diagnosis);
    const Diagnosis back = read_diagnosis(json, "soak.json");
    REQUIRE(back.soak);
    CHECK(back.soak->runs.size() == 1);
    CHECK(json_of(back) == json);

    RenderOptions wide;
    wide.width = 400;  // one line a fact
    const std::string text = render_text(Document{diagnosis}, wide);
    CHECK(text.find("after 72 h of this traffic: 2.79 GiB (2.7 GiB to 2.89 GiB)") != std::string::npos);
    CHECK(text.find("600x: 12.5 h of traffic (until memory was at its limit) in 75 s, ") != std::string::npos);
    diagnosis.soak->growth = Soak::Growth::with_time;
    CHECK(render_text(Document{diagnosis}, {}).find("after 72 h of this traffic: not extrapolated") != std::string::npos);
}

TEST_CASE("bytes that are not UTF-8 do not lose the report") {
    Diagnosis diagnosis = test::sample_diagnosis();
    diagnosis.lines.lines[0].at.function = "f\xff\xfe";
    CHECK(read_diagnosis(json_of(diagnosis), "d.json").lines.lines[0].at.function == "f\xef\xbf\xbd\xef\xbf\xbd");
}

TEST_CASE("the trend of one series is the document; several are listed") {
    TrendReport report = test::sample_trends();
    auto json = nlohmann::json::parse(json_of(report));
    CHECK(json["trends"].size() == 2);
    CHECK(json["trends"][1]["verdict"] == "stable");
    CHECK(json["trends"][1]["time_to_limit_h"].is_null());
    report.items.resize(1);
    json = nlohmann::json::parse(json_of(report));
    CHECK(json["series"] == "trackd");
    CHECK(json["verdict"] == "growing");
    CHECK(json["slope_bytes_per_hour"]["estimate"] == 432e6);
}

TEST_CASE("lines and replay have their names") {
    const auto lines = nlohmann::json::parse(json_of(test::sample_diagnosis().lines));
    CHECK(lines["schema"] == 1);
    CHECK(lines["lines"].size() == 3);
    CHECK(lines["books"]["live_delta_bytes"] == 6'020'000);
    CHECK(lines["window"] == nlohmann::json{{"begin_s", 9.5}, {"end_s", 59.5}});
    CHECK(lines["completeness"] == "complete");
    const auto replay = nlohmann::json::parse(json_of(test::sample_diagnosis().replay));
    for (const char* name : {"read", "bad", "filtered", "sent", "unsent", "completed", "statuses", "failures", "latency_us", "send_lag_us",
                             "duration_s", "rate", "valid"})
        CHECK_MESSAGE(replay.contains(name), name);
}

TEST_CASE("a file that is no diagnosis is refused with the place and a hint") {
    CHECK(error_of("") ==
          "d.json: not JSON: parse error at line 1, column 1: syntax error while parsing value - unexpected "
          "end of input; expected "
          "'[', '{', or a literal" +
              kHint);
    CHECK(error_of("[1e999]") == "d.json: not JSON: number overflow parsing '1e999'" + kHint);
    CHECK(error_of("{\"a\": 1}") == "d.json: not a diagnosis: it has no 'schema', 'verdict' and 'trend'" + kHint);
    CHECK(error_of("[]") == "d.json: the document: expected an object, found array" + kHint);
    CHECK(error_of(R"({"schema":2,"verdict":"leak","trend":{}})") ==
          "d.json: diagnosis schema 2; this build reads 1 to 1\n  hint: written by a newer leakline: use that version to render it");
    CHECK(error_of(R"({"schema":1,"verdict":"maybe","trend":{}})") ==
          "d.json: verdict: expected one of 'leak', 'no_leak', 'inconclusive', 'invalid', found string" + kHint);
    CHECK(error_of(R"({"schema":1,"verdict":"leak","trend":{},"lines":[{"file":3}]})") ==
          "d.json: lines[0].file: expected a string, found number" + kHint);
    CHECK(error_of(R"({"schema":1,"verdict":"leak","trend":{},"lines":[{"line":-3}]})") ==
          "d.json: lines[0].line: expected a count, found number" + kHint);
    CHECK(error_of(R"({"schema":1,"verdict":"leak","trend":{},"series":{"seconds":[1],"value_bytes":[]}})") ==
          "d.json: series: expected columns of equal length, found object" + kHint);
    CHECK(error_of(R"({"schema":1,"verdict":"leak","trend":{}})") == "no error");  // the rest has defaults
}
