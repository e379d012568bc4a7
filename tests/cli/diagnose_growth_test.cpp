// What growth follows, and whether it may end: the built leakline on a service whose growth is known.
#include <doctest/doctest.h>
#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "support/binary.hpp"
#include "system/output_file.hpp"
#include "system/temporary_directory.hpp"

using namespace leakline;
using namespace leakline::test;
using nlohmann::json;

namespace {

struct Diagnosed {
    Outcome outcome;
    json report;
};

// One GET, eight times a second, as a log.
Diagnosed diagnose(const std::string& mode, const std::string& bound, std::vector<std::string> options, bool through_shell = false) {
    const TemporaryDirectory directory;
    const std::string log = directory.path() + "/log.jsonl", report = directory.path() + "/report.json";
    OutputFile file(log);
    for (int i = 0; i < 200; ++i)
        file.write(fmt::format("{{\"ts_ns\":{},\"method\":\"GET\",\"url\":\"/item\"}}\n", 1'700'000'000'000'000'000 + i * 125'000'000L));
    file.commit();
    std::vector<std::string> words = {"diagnose", "--traffic", log, "--rounds", "5", "--min-round", "300ms", "-o", report};
    words.insert(words.end(), options.begin(), options.end());
    words.emplace_back("--");
    if (through_shell) words.insert(words.end(), {"sh", "-c", "ls / >/dev/null; \"$@\"; true", "start"});
    words.insert(words.end(), {GROWTH_MODES, "{port}", mode, bound});
    Diagnosed result;
    result.outcome = run_binary("leakline", words);
    INFO(result.outcome.out << result.outcome.err);
    REQUIRE(std::filesystem::exists(report));
    result.report = json::parse(read_file(report));
    return result;
}

}  // namespace

TEST_CASE("a leak by a timer follows time, has no price per request, and is not restated at the log's rate") {
    const auto [outcome, report] = diagnose("timer", "0", {"--memory-limit", "512MiB", "--max-growth", "100MiB/h"});
    INFO(outcome.out << outcome.err);
    CHECK(outcome.code == 1);
    CHECK(report["verdict"] == "leak");
    CHECK(report["follows"] == "time");
    CHECK(report["trend"]["bytes_per_request"].is_null());
    CHECK(report["lines"][0]["follows"] == "time");
    CHECK(report["lines"][0]["bytes_per_request"].is_null());
    // 8 KiB every 20 ms are 1.37 GiB/h; a busy machine's timer is late.
    const double hourly = report["bytes_per_hour_by_time"]["estimate"];
    CHECK(hourly < 1.6e9);
    CHECK(hourly > 0.7e9);
    CHECK(report["projected_bytes_per_hour"]["estimate"] == hourly);
    CHECK(report["trend"]["time_to_limit_h"]["estimate"].get<double>() < 1);
}

TEST_CASE("a short run of growth per request is a leak or a cache that is still filling; a shell that starts the service hides no line") {
    const auto [outcome, report] = diagnose("lru", "10000000", {"--retries", "0", "--pace", "500/s"}, true);
    INFO(outcome.out << outcome.err);
    CHECK(outcome.code == 3);
    CHECK(report["still_filling"] == true);
    CHECK(outcome.out.starts_with("LEAK OR A CACHE THAT IS STILL FILLING: live heap of growth_modes.cpp:"));
}

TEST_CASE("a service that dies of its leak under the recorder is judged by what it did until then") {
    const auto [outcome, report] = diagnose("dies", "5000", {"--still-filling", "leak"});
    INFO(outcome.out << outcome.err);
    CHECK(outcome.code != 4);
    CHECK(report["trend"]["verdict"] == "growing");
    CHECK(report["warnings"].dump().find("the service died in the recorded run, in round ") != std::string::npos);
}

TEST_CASE("a run that stays undecided uses the time for longer runs") {
    const auto [outcome, report] = diagnose("swings", "30000000", {"--pace", "2000/s", "--max-time", "6s"});
    INFO(outcome.out << outcome.err);
    CHECK(outcome.code == 3);
    CHECK(report["rounds"].size() > 5);
    CHECK(report["warnings"].dump().find("more rounds would take about ") != std::string::npos);
}
