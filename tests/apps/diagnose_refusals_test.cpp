// What diagnose refuses before it starts anything.
#include <doctest/doctest.h>

#include <string>
#include <vector>

#include "apps/run_here.hpp"
#include "system/output_file.hpp"
#include "system/temporary_directory.hpp"

using namespace leakline;
using namespace leakline::test;

namespace {

const std::string kTraffic = std::string(LEAKLINE_TESTDATA) + "/logs/track_small.jsonl";

void write(const std::string& path, const std::string& text) {
    OutputFile file(path);
    file.write(text);
    file.commit();
}

Outcome diagnose(std::vector<std::string> arguments) {
    arguments.insert(arguments.begin(), "diagnose");
    return run_here(arguments);
}

}  // namespace

TEST_CASE("an unwritable output is refused before anything starts") {
    const Outcome outcome = diagnose({"--traffic", kTraffic, "-o", "/nonexistent/report.json"});
    CHECK(outcome.code == 2);
    CHECK(outcome.err ==
          "leakline: /nonexistent/report.json: cannot write: no such file or directory\n  hint: create the "
          "directory first\n");
}

TEST_CASE("an unknown report format is refused before anything starts, with what was meant") {
    const Outcome outcome = diagnose({"--traffic", kTraffic, "--format", "htlm"});
    CHECK(outcome.code == 2);
    CHECK(outcome.err.find("did you mean 'html'?") != std::string::npos);
}

TEST_CASE("a log with broken lines is refused, with the place of the first") {
    const TemporaryDirectory directory;
    const std::string log = directory.path() + "/broken.jsonl";
    std::string text = "{\"ts_ns\":1,\"method\":\"GET\",\"url\":\"/\",\"headers\":{}}\n";
    for (int i = 0; i < 20; ++i) text += "{\"ts_ns\":2,\"method\":\n";
    write(log, text);
    const Outcome outcome = diagnose({"--traffic", log, "--", binary("trackd"), "--port-file", "{port_file}"});
    INFO(outcome.err);
    CHECK(outcome.code == 2);
    CHECK(outcome.err.find(log + ":2: ") != std::string::npos);
    CHECK(outcome.err.find("--max-bad-lines") != std::string::npos);
}

TEST_CASE("a log that is not there or empty is refused") {
    CHECK(diagnose({"--traffic", "/nonexistent.jsonl"}).code == 2);
    const TemporaryDirectory directory;
    write(directory.path() + "/empty.jsonl", "");
    const Outcome outcome = diagnose({"--traffic", directory.path() + "/empty.jsonl"});
    INFO(outcome.err);
    CHECK(outcome.code == 2);
}

TEST_CASE("a program that is not there is refused") {
    const Outcome outcome = diagnose({"--traffic", kTraffic, "--target", "http://127.0.0.1:1", "--", "./no-such-service"});
    CHECK(outcome.code == 2);
    CHECK(outcome.err.find("./no-such-service: no such program") != std::string::npos);
}

TEST_CASE("what belongs to a soak is refused without one, and a soak has no other pace") {
    const auto complaint = [](std::vector<std::string> more) {
        more.insert(more.begin(), "diagnose");
        const Outcome outcome = run_here(more);
        CHECK(outcome.code == 2);
        return outcome.err;
    };
    CHECK(complaint({"--soak-time", "1m"}) == "leakline: --soak-time: requires --soak\n  hint: for example --soak 72h\n");
    CHECK(complaint({"--soak", "72"}) ==
          "leakline diagnose: --soak: '72' is not a duration with a unit; for example 72h, 30m or 90s\n  hint: leakline diagnose --help\n");
    CHECK(complaint({"--soak", "72h", "--pace", "100/s"}) ==
          "leakline: --soak: cannot be combined with --pace and --speed\n  hint: --time-scale sets the speed of a soak\n");
    CHECK(complaint({"--soak", "72h", "--time-scale", "fast"}) ==
          "leakline: --time-scale: must be auto or between 1 and 1000000, not 'fast'\n");
    CHECK(complaint({"--time-scale", "0.5"}) == "leakline: --time-scale: must be auto or between 1 and 1000000, not '0.5'\n");
}

TEST_CASE("a clock that cannot be set is refused before anything starts") {
    const TemporaryDirectory directory;
    write(directory.path() + "/undated.jsonl",
          "{\"ts_ns\":0,\"method\":\"GET\",\"url\":\"/\"}\n{\"ts_ns\":1,\"method\":\"GET\",\"url\":\"/\"}\n");
    const auto complaint = [&](std::vector<std::string> more) {
        more.insert(more.begin(), {"diagnose", "--traffic", directory.path() + "/undated.jsonl"});
        more.insert(more.end(), {"--", "sleep", "60"});
        const Outcome outcome = run_here(more);
        CHECK(outcome.code == 2);
        return outcome.err;
    };
    CHECK(complaint({"--clock", "recorded"}) ==
          "leakline: " + directory.path() +
              "/undated.jsonl: its requests have no dates at which a clock could start\n  hint: give the "
              "time: --clock 2026-11-29T08:00:00Z\n");
    CHECK(
        complaint({"--clock", "real", "--time-scale", "600"}) ==
        "leakline: --time-scale: has no effect with --clock real\n  hint: write {time_scale} where the command takes a speed for its clock, "
        "or leave out --clock real\n");
    CHECK(complaint({"--clock", "soon"}).find("must be now, recorded, real or a time such as 2026-11-29T08:00:00Z, not 'soon'") !=
          std::string::npos);
    CHECK(complaint({"--clock-threshold", "0s"}).find("--clock-threshold") != std::string::npos);
}
