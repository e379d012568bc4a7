#include "analysis/follows.hpp"

#include <doctest/doctest.h>

#include <random>

#include "analysis/lines/lines.hpp"
#include "analysis/verdict/verdict.hpp"
#include "profile_builder.hpp"

using namespace leakline;
using namespace leakline::analysis;

namespace {

constexpr double kHour = 3600;

// Eight rounds as a run makes them: a second of traffic, a quiet tenth, and an idle second at the end. noise: of each level, in bytes.
std::vector<Increment> run_of(double bytes_per_request, double bytes_per_second, double noise = 0, unsigned seed = 1) {
    std::mt19937 random(seed);
    std::normal_distribution<double> level(0, noise > 0 ? noise : 1);
    const auto at = [&] { return noise > 0 ? level(random) : 0.0; };
    std::vector<Increment> increments;
    double before = at();
    const auto add = [&](double seconds, double requests) {
        const double now = at();
        increments.push_back({seconds, requests, bytes_per_request * requests + bytes_per_second * seconds + now - before});
        before = now;
    };
    for (int round = 0; round < 8; ++round) {
        add(1, 5000);
        add(0.1, 0);
    }
    add(1, 0);
    return increments;
}

}  // namespace

TEST_CASE("growth is put down to requests, to time, or to both") {
    const GrowthSplit requests = split_growth(run_of(150, 0));
    CHECK(requests.follows == Follows::requests);
    CHECK(requests.bytes_per_request->estimate == doctest::Approx(150));
    CHECK_FALSE(requests.bytes_per_hour_by_time);

    const GrowthSplit time = split_growth(run_of(0, 409'600, 8192));
    CHECK(time.follows == Follows::time);
    CHECK_FALSE(time.bytes_per_request);
    CHECK(time.bytes_per_hour_by_time->low < 409'600 * kHour);
    CHECK(time.bytes_per_hour_by_time->high > 409'600 * kHour);

    const GrowthSplit both = split_growth(run_of(100, 400'000, 8192));
    CHECK(both.follows == Follows::both);
    CHECK(both.bytes_per_request->estimate == doctest::Approx(100).epsilon(0.05));
    CHECK(both.bytes_per_hour_by_time->estimate == doctest::Approx(400'000 * kHour).epsilon(0.05));
}

TEST_CASE("what does not grow while nothing is requested follows requests, however slow they were in some rounds") {
    std::vector<Increment> increments;
    double bytes = 0, requests = 0;
    for (int round = 0; round < 8; ++round) {
        const double seconds = 1 + 0.5 * round, each = 100 + 20 * round;  // later rounds are slower, and their requests keep more
        increments.push_back({seconds, 3000, 3000 * each});
        increments.push_back({0.1, 0, 0});
        bytes += 3000 * each;
        requests += 3000;
    }
    increments.push_back({1, 0, 0});
    const GrowthSplit split = split_growth(increments);
    CHECK(split.follows == Follows::requests);
    CHECK(split.bytes_per_request->estimate == doctest::Approx(bytes / requests));
    CHECK_FALSE(split.bytes_per_hour_by_time);
}

TEST_CASE("noise is never put down to the wrong axis") {
    int wrong = 0, is_set = 0;
    for (unsigned seed = 1; seed <= 200; ++seed) {
        const GrowthSplit requests = split_growth(run_of(20, 0, 8'000, seed)), time = split_growth(run_of(0, 100'000, 8'000, seed));
        wrong += requests.follows == Follows::time || requests.follows == Follows::both;
        wrong += time.follows == Follows::requests || time.follows == Follows::both;
        is_set += requests.follows == Follows::requests;
        is_set += time.follows == Follows::time;
    }
    CHECK(wrong <= 20);  // each interval misses in one case out of twenty
    CHECK(is_set >= 300);
}

TEST_CASE("a run without quiet times, a shrinking one and a short one cannot tell") {
    std::vector<Increment> without;
    for (int round = 0; round < 10; ++round) without.push_back({1, 1000, 5000});
    CHECK(split_growth(without).follows == Follows::unknown);
    CHECK(split_growth(run_of(-10, 0)).follows == Follows::unknown);
    CHECK(split_growth(std::vector<Increment>{{1, 100, 1000}, {1, 0, 0}, {1, 100, 1000}}).follows == Follows::unknown);
}

TEST_CASE("memory is read at each round's begin, in its quiet time and at its end") {
    Series series;
    std::vector<Round> rounds;
    for (int i = 0; i <= 400; ++i) {
        series.seconds.push_back(i * 0.02);
        series.value.push_back(1e6 + 1000.0 * i);  // 50,000 bytes per second
        series.requests.push_back(0);
    }
    for (int round = 0; round < 4; ++round) rounds.push_back({round * 2.0, round * 2.0 + 1.9, 100, 0, round * 2.0 + 1.7});
    const auto increments = increments_of(series, rounds, IdleTime{1, 50'000}, 0);
    REQUIRE(increments.size() == 7);  // the first round is warm-up
    CHECK(increments[0].requests == 100);
    CHECK(increments[0].seconds == doctest::Approx(1.8));
    CHECK(increments[0].bytes == doctest::Approx(90'000).epsilon(0.02));
    CHECK(increments[1].requests == 0);
    CHECK(increments[1].seconds == doctest::Approx(0.1));
    CHECK(increments[6].bytes == 50'000);
    CHECK(increments_of(series, rounds, std::nullopt, 3.5).size() == 4);
}

TEST_CASE("a line that grows by a timer has no price per request") {
    test::ProfileBuilder builder;
    const TraceId timer = builder.trace({{"tick()", "/src/timer.cpp", 7}}), request = builder.trace({{"handle()", "/src/app.cpp", 9}});
    std::uint64_t requests = 0;
    double seconds = 0;
    const auto pass = [&](HeapMark::Kind kind, double length, std::uint64_t count) {
        builder.allocate(timer, 1000, static_cast<std::uint64_t>(length * 100 + 0.5));
        if (count > 0) builder.allocate(request, 64, count);
        requests += count;
        seconds += length;
        builder.mark(kind, std::chrono::milliseconds(static_cast<int>(seconds * 1000 + 0.5)), requests);
    };
    for (int round = 0; round < 8; ++round) {
        pass(HeapMark::Kind::interval, 1, 500 + static_cast<std::uint64_t>(round % 3));
        pass(HeapMark::Kind::round_end, 0.1, 0);
    }
    pass(HeapMark::Kind::interval, 0.1, 0);  // connections are closed
    pass(HeapMark::Kind::interval, 1, 0);
    const LineReport report = grow_lines(builder.profile());
    for (const LineGrowth& line : report.lines) {
        INFO(line.at.file);
        CHECK(line.leaking);
        if (line.at.line == 7) {
            CHECK(line.follows == Follows::time);
            CHECK_FALSE(line.bytes_per_request);
            CHECK(line.bytes_per_hour_by_time->estimate == doctest::Approx(100'000 * kHour).epsilon(0.01));
        } else {
            CHECK(line.follows == Follows::requests);
            CHECK(line.bytes_per_request->estimate == doctest::Approx(64));
        }
    }
}

TEST_CASE("a few kilobytes by a timer are no odds and ends, and odds and ends make no leak of what an allocator holds") {
    Diagnosis diagnosis;
    diagnosis.replay.sent = diagnosis.replay.completed = diagnosis.replay.statuses[200] = 100'000;
    diagnosis.series.seconds = {0, 10};
    diagnosis.series.value = {20e6, 28e6};
    diagnosis.trend.verdict = Trend::stable;
    diagnosis.trend.detectable_bytes_per_request = 50;
    LineGrowth line;
    line.at = {"tick", "/src/clock.cpp", 7};
    line.growth_bytes = 40 * 1024;  // in ten seconds
    line.growth_class = GrowthClass::linear;
    line.leaking = true;
    line.follows = Follows::time;
    line.bytes_per_hour_by_time = Interval{14e6, 13e6, 15e6};
    diagnosis.lines.lines = {line};
    Diagnosis by_time = diagnosis;
    judge(by_time);
    CHECK(by_time.verdict == Verdict::inconclusive);
    CHECK(by_time.reasons[0].starts_with("live heap allocated at clock.cpp:7 grew in every round, by 13.4 MiB/h over time"));
    CHECK(longer_recording(diagnosis).has_value());

    LineGrowth& crumbs = diagnosis.lines.lines[0];
    crumbs.follows = Follows::requests;
    crumbs.bytes_per_hour_by_time.reset();
    crumbs.bytes_per_request = Interval{0.4, 0.3, 0.5};
    diagnosis.trend.verdict = Trend::growing;
    diagnosis.trend.bytes_per_request = Interval{80, 70, 90};
    judge(diagnosis);
    CHECK(diagnosis.verdict == Verdict::inconclusive);
    CHECK(diagnosis.reasons[0].starts_with(
        "memory grew by 7.63 MiB after the first round, but lines explain little of it: an allocator may retain"));
}
