#include "analysis/soak.hpp"

#include "analysis/verdict/verdict.hpp"

#include <doctest/doctest.h>

using namespace leakline;
using analysis::judge_soak;

namespace {

constexpr double kRate = 10;  // requests per second of the log

SoakRun run(double scale, double hours, Trend trend, Interval growth, double level) {
    SoakRun result;
    result.time_scale = scale;
    result.hours = hours;
    result.trend.verdict = trend;
    result.trend.bytes_per_request = growth;
    result.trend.detectable_bytes_per_request = 5;
    result.trend.level_bytes = level;
    if (trend == Trend::stable) result.trend.plateau_bytes = level;
    return result;
}

Soak judged(std::vector<SoakRun> runs) {
    Soak soak;
    soak.runs = std::move(runs);
    judge_soak(soak, kRate, Bytes{512} << 20, 2.0 * kMiB);
    return soak;
}

}  // namespace

TEST_CASE("as many bytes a request at both speeds are extrapolated to the hours asked about and to the limit") {
    const Soak soak =
        judged({run(600, 12, Trend::growing, {1000, 990, 1010}, 434e6), run(200, 4, Trend::growing, {1005, 995, 1020}, 146e6)});
    CHECK(soak.growth == Soak::Growth::with_requests);
    REQUIRE(soak.bytes_per_request);
    CHECK(soak.bytes_per_request->low == 990);
    CHECK(soak.bytes_per_request->high == 1020);
    REQUIRE(soak.level_bytes);  // 60 more hours of 36,000 requests
    CHECK(soak.level_bytes->estimate == doctest::Approx(434e6 + 60 * 36e3 * 1002.5));
    CHECK(soak.level_bytes->low == doctest::Approx(434e6 + 60 * 36e3 * 990));
    CHECK(soak.level_bytes->high == doctest::Approx(434e6 + 60 * 36e3 * 1020));
    REQUIRE(soak.time_to_limit_h);
    CHECK(soak.time_to_limit_h->estimate == doctest::Approx(510 * kMiB / (36e3 * 1002.5)));
    CHECK(soak.time_to_limit_h->low < soak.time_to_limit_h->estimate);
    CHECK(soak.time_to_limit_h->high > soak.time_to_limit_h->estimate);
}

TEST_CASE("more bytes a request at the lower speed follow time, and nothing is extrapolated") {
    for (const SoakRun& fast : {run(600, 12, Trend::growing, {67, 66, 68}, 50e6), run(600, 12, Trend::stable, {0, -3, 3}, 5e6)}) {
        const Soak soak = judged({fast, run(200, 4, Trend::growing, {201, 200, 202}, 50e6)});
        CHECK(soak.growth == Soak::Growth::with_time);
        CHECK(soak.reason.starts_with("growth depends on time, not on requests: 201 B (200 B to 202 B) per request at 200x, "));
        CHECK_FALSE(soak.level_bytes);
        CHECK_FALSE(soak.time_to_limit_h);
    }
}

TEST_CASE("memory that is flat at both speeds keeps its level") {
    const Soak soak = judged({run(600, 72, Trend::stable, {0, -1, 1}, 40e6), run(200, 24, Trend::stable, {0, -1, 1}, 39e6)});
    CHECK(soak.growth == Soak::Growth::none);
    REQUIRE(soak.level_bytes);
    CHECK(soak.level_bytes->estimate == 40e6);
    CHECK(soak.level_bytes->low == 39e6);
    CHECK_FALSE(soak.time_to_limit_h);
}

TEST_CASE("flat says what was covered, and what of the hours was not replayed may hold what a run cannot see") {
    SoakRun fast = run(600, 12, Trend::stable, {0, -1, 1}, 40e6), slow = run(200, 4, Trend::stable, {0, -1, 1}, 39e6);
    fast.trend.reasons = slow.trend.reasons = {"held its level"};
    fast.trend.detectable_bytes_per_hour = 4 * kMiB;
    const Soak soak = judged({fast, slow});
    CHECK(soak.growth == Soak::Growth::none);
    CHECK(
        soak.reason ==
        "memory does not grow: at 600x, over 12 h of traffic, it held its level; at 200x, over 4 h, it held its level. The run cannot detect what "
        "takes more than 4 h of traffic to fill or to be freed, or growth over time (not per request) below 4 MiB per hour");
    REQUIRE(soak.level_bytes);
    CHECK(soak.level_bytes->estimate == 40e6);
    CHECK(soak.level_bytes->high == doctest::Approx(40e6 + 60 * 36e3 * 5));  // 5 B per request could have hidden for 60 h
}

TEST_CASE("a run that held its level for no longer than it took to reach it is not flat yet") {
    const auto settling = [](double fast_hours, double slow_hours, double settled_h) {
        SoakRun fast = run(600, fast_hours, Trend::stable, {0, -1, 1}, 40e6), slow = run(200, slow_hours, Trend::stable, {0, -1, 1}, 39e6);
        fast.settled_h = settled_h;
        return judged({fast, slow});
    };
    CHECK(settling(12, 6, 2.9).growth == Soak::Growth::none);
    const Soak soak = settling(12, 4, 2.9);  // the slower one may only have begun to hold it
    CHECK(soak.growth == Soak::Growth::unclear);
    CHECK(soak.reason ==
          "memory leveled off after 2.9 h of traffic, but only 12 h were replayed at 600x and 4 h at 200x: too little to show that it "
          "stays level; rerun with a longer --soak-time");
    CHECK(settling(5, 6, 2.9).growth == Soak::Growth::unclear);
}

TEST_CASE("memory has settled where it first is near the level that it ends at") {
    Series series;
    series.value = {5 * kMiB, 30 * kMiB, 98.5 * kMiB, 60 * kMiB, 100 * kMiB};
    TrendVerdict trend;
    CHECK(analysis::settled_at(series, trend) == 0);
    trend.plateau_bytes = 100 * kMiB;
    CHECK(analysis::settled_at(series, trend) == 0);
    trend.verdict = Trend::stable;
    CHECK(analysis::settled_at(series, trend) == 2);
    trend.plateau_bytes = 5.5 * kMiB;
    CHECK(analysis::settled_at(series, trend) == 0);
    CHECK(analysis::settled_at(Series{}, trend) == 0);
}

TEST_CASE("a run that did not keep up says nothing of time") {
    SoakRun fast = run(600, 72, Trend::stable, {0, -1, 1}, 90e6);
    const SoakRun slow = run(200, 24, Trend::growing, {200, 190, 210}, 120e6);
    CHECK(judged({fast, slow}).growth == Soak::Growth::with_time);
    fast.kept_up = 0.86;
    const Soak soak = judged({fast, slow});
    CHECK(soak.growth == Soak::Growth::unclear);
    CHECK(soak.reason ==
          "memory is stable at 600x and growing at 200x, but at 600x only 86 % of the traffic was served on time: use a lower "
          "--time-scale or a less busy machine");
}

TEST_CASE("filling at the lower speed is not put down to time") {
    SoakRun fast = run(600, 72, Trend::stable, {0, -1, 1}, 300e6);
    fast.settled_h = 20;
    CHECK(judged({fast, run(200, 24, Trend::growing, {1000, 990, 1010}, 250e6)}).growth == Soak::Growth::unclear);
    CHECK(judged({fast, run(200, 60, Trend::growing, {1000, 990, 1010}, 250e6)}).growth == Soak::Growth::with_time);
    CHECK(analysis::least_hours_of_slower(fast, 72) == doctest::Approx(40));
    fast.settled_h = 1;
    CHECK(analysis::least_hours_of_slower(fast, 72) == doctest::Approx(24));
    CHECK(analysis::least_hours_of_slower(fast, 20) == doctest::Approx(20));
}

TEST_CASE("speeds that neither agree nor point to time are not told apart, and nothing is extrapolated") {
    const SoakRun growing = run(600, 12, Trend::growing, {1000, 990, 1010}, 434e6);
    const std::vector<std::vector<SoakRun>> cases = {
        {},
        {growing},
        {growing, run(200, 4, Trend::stable, {0, -3, 3}, 5e6)},
        {growing, run(200, 4, Trend::inconclusive, {900, -100, 2000}, 5e6)},
        {growing, run(200, 4, Trend::growing, {500, 490, 510}, 5e6)},
    };
    for (const auto& runs : cases) {
        const Soak soak = judged(runs);
        CHECK(soak.growth == Soak::Growth::unclear);
        CHECK_FALSE(soak.reason.empty());
        CHECK_FALSE(soak.level_bytes);
        CHECK_FALSE(soak.time_to_limit_h);
    }
}

TEST_CASE("a diagnosis by a soak projects nothing that follows time") {
    Diagnosis diagnosis;
    diagnosis.replay.read = diagnosis.replay.sent = diagnosis.replay.completed = 1000;
    diagnosis.replay.statuses[200] = 1000;
    diagnosis.requests_per_second = kRate;
    diagnosis.memory_limit = Bytes{512} << 20;
    diagnosis.soak = judged({run(600, 12, Trend::growing, {67, 66, 68}, 50e6), run(200, 4, Trend::growing, {201, 200, 202}, 50e6)});
    diagnosis.trend = diagnosis.soak->runs[1].trend;
    diagnosis.trend.reasons = {"seen so"};
    diagnosis.series.seconds = {0, 60};
    diagnosis.series.value = {12.0 * kMiB, 72.0 * kMiB};
    analysis::judge(diagnosis);
    CHECK(diagnosis.verdict == Verdict::leak);
    CHECK(diagnosis.reasons[0] == diagnosis.soak->reason);
    CHECK_FALSE(diagnosis.projected_bytes_per_hour);
    CHECK_FALSE(diagnosis.trend.time_to_limit_h);

    // A line at fault has its place, but its bytes per request are not what to read first.
    LineGrowth line;
    line.at = {"f", "a.cpp", 7};
    line.leaking = true;
    line.growth_class = GrowthClass::linear;
    line.growth_bytes = 50'000'000;
    line.bytes_per_request = Interval{13, 12, 14};
    diagnosis.lines.lines = {line};
    diagnosis.reasons.clear();
    analysis::judge(diagnosis);
    REQUIRE(diagnosis.reasons.size() > 1);
    CHECK(diagnosis.reasons[0] == diagnosis.soak->reason);
    CHECK(diagnosis.reasons[1].starts_with("live heap allocated at a.cpp:7 grew in every round"));
}

TEST_CASE("a leak of descriptors is a leak under a soak, whatever its two speeds say of memory") {
    Diagnosis diagnosis;
    diagnosis.replay.read = diagnosis.replay.sent = diagnosis.replay.completed = 1000;
    diagnosis.replay.statuses[200] = 1000;
    diagnosis.trend = run(600, 12, Trend::stable, {0, -1, 1}, 40e6).trend;
    diagnosis.trend.reasons = {"seen so"};
    ResourceGrowth descriptors;
    descriptors.verdict = Trend::growing;
    descriptors.reasons = {"file descriptors leak, 50 per 1,000 requests"};
    const std::vector<std::vector<SoakRun>> cases = {
        {run(600, 72, Trend::stable, {0, -1, 1}, 40e6), run(200, 24, Trend::stable, {0, -1, 1}, 39e6)},         // flat
        {run(600, 12, Trend::growing, {1000, 990, 1010}, 434e6), run(200, 4, Trend::stable, {0, -3, 3}, 5e6)},  // unclear
        {run(600, 1, Trend::inconclusive, {0, -50, 50}, 40e6)},  // stopped because the descriptors were used up
    };
    for (const auto& runs : cases) {
        Diagnosis healthy = diagnosis, leak = diagnosis;
        healthy.soak = leak.soak = judged(runs);
        leak.resources.counts = {descriptors};
        analysis::judge(leak);
        CHECK(leak.verdict == Verdict::leak);
        CHECK(leak.reasons[0] == descriptors.reasons[0]);
        analysis::judge(healthy);
        CHECK(healthy.verdict == (healthy.soak->growth == Soak::Growth::none ? Verdict::no_leak : Verdict::inconclusive));
        // Workers that the recorder did not see did the work.
        Diagnosis workers = diagnosis;
        workers.soak = healthy.soak;
        workers.resources.tree.seen = 3;
        workers.resources.tree.unrecorded_cpu_s = 3;
        analysis::judge(workers);
        CHECK(workers.verdict == Verdict::inconclusive);
    }
}
