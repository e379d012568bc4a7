#include "analysis/baseline.hpp"

#include <doctest/doctest.h>

#include "base/error.hpp"
#include "report/baseline_file.hpp"
#include "report/sample.hpp"

using namespace leakline;
using namespace leakline::analysis;
using namespace leakline::report;

namespace {

BaselineCheck check(const Diagnosis& diagnosis, const Baseline& baseline) {
    return check_baseline(diagnosis, baseline, "b.json", "2025-06-01");
}

Diagnosis growing(double bytes_per_request) {
    Diagnosis diagnosis = test::sample_diagnosis();
    diagnosis.lines.lines[0].bytes_per_request = Interval{bytes_per_request, bytes_per_request - 1, bytes_per_request + 1};
    return diagnosis;
}

std::string error_of(const std::string& text) {
    try {
        (void)read_baseline(text, "b.json");
    } catch (const Error& error) {
        return error.message();
    }
    return "no error";
}

}  // namespace

TEST_CASE("without a baseline's entry a leaking line is new") {
    const BaselineCheck result = check(growing(1200), {});
    CHECK(result.gate.name == "no new leaks compared with b.json");
    CHECK(result.gate.outcome == GateOutcome::failed);
    CHECK(result.gate.message == "new: apps/trackd/track_user_behavior.cpp:42 in track_user_behavior, 1.17 KiB per request");
}

TEST_CASE("a known leak passes, also from another line of another file, until it grows by a tenth") {
    const Baseline baseline = next_baseline(growing(1000), {});
    Diagnosis moved = growing(1090);
    moved.lines.lines[0].at.line = 99;
    moved.lines.lines[0].at.file = "elsewhere.cpp";
    moved.lines.lines[0].source = "cache.append(user_id, events);";  // re-indented
    CHECK(check(moved, baseline).gate.outcome == GateOutcome::passed);
    CHECK(check(growing(1200), baseline).gate.message ==
          "grew: apps/trackd/track_user_behavior.cpp:42 in track_user_behavior, 1.17 KiB per request (accepted: 1000 B)");
    moved.lines.lines[0].source = "other(text);";
    CHECK(check(moved, baseline).gate.message.starts_with("new: "));
}

TEST_CASE("small steps that each pass fail together") {
    Baseline baseline = next_baseline(growing(1000), {});
    for (double bytes : {1090.0, 1180.0}) {
        CHECK(check(growing(bytes), baseline).gate.outcome == GateOutcome::passed);
        baseline = next_baseline(growing(bytes), baseline);
    }
    const BaselineCheck result = check(growing(1280), baseline);
    CHECK(result.gate.outcome == GateOutcome::failed);
    CHECK(result.gate.message ==
          "grew slowly: apps/trackd/track_user_behavior.cpp:42 in track_user_behavior, 1.25 KiB per request (smallest so far: 1000 B)");
}

TEST_CASE("a suppression holds to its maximum and its last day, and is reported when unused") {
    Baseline baseline;
    baseline.suppressions = {{"track_user_behavior", "", "known, see issue 12", {2000, Growth::Per::request}, "2025-06-01"},
                             {"gone", "", "old", {1, Growth::Per::request}, ""}};
    BaselineCheck result = check(growing(1200), baseline);
    CHECK(result.gate.outcome == GateOutcome::passed);
    CHECK(result.warnings == std::vector<std::string>{"b.json: the suppression of gone is not used: remove it (old)"});
    CHECK(check(growing(2500), baseline).gate.message ==
          "apps/trackd/track_user_behavior.cpp:42 in track_user_behavior grows by more than its suppression "
          "allows (1.95 KiB/request)");
    baseline.suppressions[0].expires = "2025-05-31";
    result = check(growing(1200), baseline);
    CHECK(result.gate.outcome == GateOutcome::failed);
    CHECK(result.warnings[0] == "b.json: the suppression of track_user_behavior expired on 2025-05-31 (known, see issue 12)");
}

TEST_CASE("a suppression names a function as people do, and counts an hour at the log's own rate") {
    Diagnosis diagnosis = growing(1000);
    diagnosis.lines.lines[0].at.function = "app::load_plugins(app::Config const&, std::vector<int>) const";
    diagnosis.requests_per_second = 10;  // 34.3 MiB an hour; the run itself went many times as fast
    const auto passes = [&](const char* function, double max, Growth::Per per) {
        Baseline baseline;
        baseline.suppressions = {{function, "", "why", {max, per}, ""}};
        return check(diagnosis, baseline).gate.outcome == GateOutcome::passed;
    };
    for (const char* name : {"load_plugins", "app::load_plugins", "app::load_plugins(app::Config const&, std::vector<int>) const"})
        CHECK(passes(name, 1100, Growth::Per::request));
    for (const char* name : {"plugins", "ad_plugins", "app", "load_plugins("}) CHECK_FALSE(passes(name, 1100, Growth::Per::request));
    CHECK(passes("load_plugins", 37e6, Growth::Per::hour));
    CHECK_FALSE(passes("load_plugins", 35e6, Growth::Per::hour));
}

TEST_CASE("growth without a line cannot be accepted, and a run that does not decide is inconclusive") {
    Diagnosis diagnosis = growing(1);
    diagnosis.lines.lines.clear();
    CHECK(check(diagnosis, {}).gate.outcome == GateOutcome::failed);
    diagnosis.verdict = Verdict::inconclusive;
    CHECK(check(diagnosis, {}).gate.outcome == GateOutcome::inconclusive);
    diagnosis.verdict = Verdict::no_leak;
    CHECK(check(diagnosis, {}).gate.outcome == GateOutcome::passed);
    CHECK(check(diagnosis, next_baseline(growing(5), {})).warnings ==
          std::vector<std::string>{"b.json: track_user_behavior no longer leaks: run leakline baseline to remove it"});
}

TEST_CASE("a baseline is read as it was written, and a bad one is refused with the place") {
    Baseline baseline = next_baseline(growing(1000), {});
    baseline.suppressions = {{"f", "x();", "why", {64, Growth::Per::request}, "2025-12-31"}};
    CHECK(write_baseline(read_baseline(write_baseline(baseline), "b.json")) == write_baseline(baseline));
    CHECK(error_of("[") == "not a baseline: not a JSON object");
    CHECK(error_of("{}") == "not a baseline of schema 1");
    CHECK(error_of(R"({"schema":1,"lines":[{"function":1}]})") == "lines[0].function: expected a string");
    CHECK(error_of(R"({"schema":1,"lines":[{}]})") == "lines[0].bytes_per_request: expected a number");
    CHECK(error_of(R"({"schema":1,"suppressions":[{"function":"f","max":"1B/request"}]})") == "suppressions[0]: no reason");
    CHECK(error_of(R"({"schema":1,"suppressions":[{"function":"f","reason":"r","max":"1"}]})") ==
          "suppressions[0].max: '1' is not a growth rate such as 64B/request or 1MiB/h");
    CHECK(error_of(R"({"schema":1,"suppressions":[{"function":"f","reason":"r","max":"1B/h","expires":"soon"}]})") ==
          "suppressions[0].expires: 'soon' is not a date such as 2025-12-31");
    CHECK(error_of(R"({"schema":1,"suppressions":[{"function":"f","reason":"r","max":"1B/h","expires":"2025-02-30"}]})") ==
          "suppressions[0].expires: '2025-02-30' is not a date such as 2025-12-31");
}

TEST_CASE("a leak does not hide behind a duplicate of the same function and text") {
    const auto duplicates = [](double first, double second) {
        Diagnosis diagnosis = growing(first);
        LineGrowth other = diagnosis.lines.lines[0];
        other.at.line += 1;
        other.bytes_per_request = Interval{second, second - 1, second + 1};
        diagnosis.lines.lines.push_back(other);
        return diagnosis;
    };
    const Baseline baseline = next_baseline(duplicates(1000, 100), {});
    CHECK(check(duplicates(1000, 100), baseline).gate.outcome == GateOutcome::passed);
    CHECK(check(duplicates(100, 1000), baseline).gate.outcome == GateOutcome::passed);
    CHECK(check(duplicates(1000, 900), baseline).gate.message.starts_with("grew: "));
    CHECK(check(duplicates(1000, 100), next_baseline(growing(1000), {})).gate.message.starts_with("new: "));
}
