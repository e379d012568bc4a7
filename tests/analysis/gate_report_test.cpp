#include <doctest/doctest.h>

#include <limits>

#include "analysis/gate_report.hpp"

using namespace leakline;

namespace {

// A run without a leak at 8 requests/s and a limit of 512 MiB, with memory at 112 MiB.
Diagnosis quiet_run(const std::string& started, double detectable) {
    Diagnosis run;
    run.started = started;
    run.verdict = Verdict::no_leak;
    run.trend.detectable_bytes_per_request = detectable;
    run.trend.level_bytes = 112.0 * 1024 * 1024;
    run.memory_limit = Bytes{512} << 20;
    run.requests_per_second = 8;
    return run;
}

Diagnosis leaking_run(const std::string& started, const std::vector<double>& lines) {
    Diagnosis run = quiet_run(started, 10);
    run.verdict = Verdict::leak;
    for (const double bytes : lines) {
        LineGrowth& line = run.lines.lines.emplace_back();
        line.at = {"f", "a.cpp", static_cast<std::uint32_t>(bytes)};
        line.leaking = true;
        line.bytes_per_request = Interval{bytes, bytes, bytes};
    }
    return run;
}

}  // namespace

TEST_CASE("a gate is explained by its newest run that measured, and its smallest leak is looked for in all") {
    Diagnosis invalid = quiet_run("2024-01-09T00:00:00Z", 1);
    invalid.verdict = Verdict::invalid;
    const GateReport gate = analysis::explain_gate({{"new.json", quiet_run("2024-01-03T00:00:00Z", 20)},
                                                    {"invalid.json", invalid},
                                                    {"old.json", leaking_run("2024-01-01T00:00:00Z", {900, 300})},
                                                    {"older.json", leaking_run("2023-01-01T00:00:00Z", {400})}});
    CHECK(gate.file == "new.json");
    CHECK(gate.runs == 4);
    CHECK(gate.leaks == 2);
    CHECK(gate.invalid == 1);
    REQUIRE(gate.smallest);
    CHECK(gate.smallest->file == "old.json");
    CHECK(gate.smallest->at.line == 300);
    CHECK(*gate.smallest->hours_to_limit == doctest::Approx(400.0 * 1024 * 1024 / (300 * 8 * 3600)));
    REQUIRE(gate.detectable_of_runs);
    CHECK(gate.detectable_of_runs->low == 10);
    CHECK(gate.detectable_of_runs->high == 20);
    CHECK(*gate.detectable_bytes_per_request == 20);
    CHECK(*gate.detectable_bytes_per_hour == doctest::Approx(20.0 * 8 * 3600));
    CHECK(*gate.hours_to_limit == doctest::Approx(400.0 * 1024 * 1024 / (20.0 * 8 * 3600)));
    CHECK(*gate.fails_bytes_per_request == 20);
}

TEST_CASE("with a budget, what fails is the larger of the budget and the detection limit") {
    Diagnosis run = quiet_run("", 20);
    run.max_growth = Growth{64, Growth::Per::request};
    CHECK(*analysis::explain_gate({{"a", run}}).fails_bytes_per_request == 64);
    run.max_growth = Growth{8, Growth::Per::request};
    CHECK(*analysis::explain_gate({{"a", run}}).fails_bytes_per_request == 20);
}

TEST_CASE("what a run has not measured is absent") {
    Diagnosis run = quiet_run("", std::numeric_limits<double>::infinity());
    run.memory_limit.reset();
    run.requests_per_second.reset();
    GateReport gate = analysis::explain_gate({{"a", run}});
    CHECK_FALSE(gate.detectable_bytes_per_request);
    CHECK_FALSE(gate.fails_bytes_per_request);
    CHECK_FALSE(gate.hours_to_limit);
    CHECK_FALSE(gate.smallest);
    run.verdict = Verdict::invalid;
    run.trend.detectable_bytes_per_request = 5;
    gate = analysis::explain_gate({{"a", run}});
    CHECK(gate.file == "a");
    CHECK_FALSE(gate.detectable_bytes_per_request);
    CHECK_FALSE(gate.detectable_of_runs);
}
