#include "analysis/soak_passes.hpp"
#include "base/quantities.hpp"

#include <doctest/doctest.h>

#include <cmath>
#include <numbers>

using namespace leakline;
using namespace leakline::analysis;

namespace {

constexpr double kPass = 100'000;  // requests of a day's log

// Memory of days with a curve: base + swing x (1 - cos) / 2, what each request keeps, what each second keeps.
Series days(double count, double seconds_a_day, double kept_a_request, double kept_a_second) {
    Series series;
    const int samples = static_cast<int>(count * 400);
    for (int i = 0; i <= samples; ++i) {
        const double day = count * i / samples;
        series.seconds.push_back(day * seconds_a_day);
        series.requests.push_back(day * kPass);
        series.value.push_back((60 + 30 * (1 - std::cos(2 * std::numbers::pi * day))) * kMiB + kept_a_request * day * kPass +
                               kept_a_second * day * seconds_a_day);
    }
    return series;
}

TrendVerdict seen(Trend verdict, double bytes_per_request) {
    TrendVerdict trend;
    trend.verdict = verdict;
    trend.bytes_per_request = Interval{bytes_per_request, bytes_per_request - 100, bytes_per_request + 100};
    trend.reasons = {"by its curve"};
    return trend;
}

}  // namespace

TEST_CASE("memory that comes back to its level with each pass over the log is stable, whatever its curve looks like") {
    for (const Trend curve : {Trend::inconclusive, Trend::growing}) {
        const TrendVerdict trend = settled_by_passes(seen(curve, 300), days(3, 200, 0, 0), kPass);
        CHECK(trend.verdict == Trend::stable);
        CHECK(trend.reasons ==
              std::vector<std::string>{"returned to the same level in each of 3 repetitions of the log: peaks of 120 MiB, 120 MiB, "
                                       "120 MiB"});
        REQUIRE(trend.detectable_bytes_per_request);  // 2 % of 120 MiB in the one pass between the second and the last
        CHECK(*trend.detectable_bytes_per_request == doctest::Approx(0.02 * 119.6 * kMiB / kPass).epsilon(0.01));
        CHECK(trend.plateau_bytes);
    }
}

TEST_CASE("passes of which each is above the one before settle nothing") {
    for (const double kept : {30.0, 60.0, 300.0}) {  // 25 B a request is what they could have told
        const TrendVerdict trend = settled_by_passes(seen(Trend::inconclusive, kept), days(3, 200, kept, 0), kPass);
        CHECK(trend.verdict == Trend::inconclusive);
        CHECK(trend.reasons[0] == "by its curve");
    }
    CHECK(settled_by_passes(seen(Trend::inconclusive, 8), days(6, 200, 8, 0), kPass).verdict == Trend::inconclusive);
}

TEST_CASE("a leak that is too small for passes to refute stays one") {
    CHECK(settled_by_passes(seen(Trend::growing, 10), days(3, 200, 10, 0), kPass).verdict == Trend::growing);
}

TEST_CASE("two passes are too few, and what is stable already is left alone") {
    CHECK(settled_by_passes(seen(Trend::growing, 300), days(2.9, 200, 0, 0), kPass).verdict == Trend::growing);
    CHECK(settled_by_passes(seen(Trend::stable, 0), days(3, 200, 300, 0), kPass).reasons[0] == "by its curve");
    CHECK(settled_by_passes(seen(Trend::growing, 300), Series{}, kPass).verdict == Trend::growing);
    CHECK(settled_by_passes(seen(Trend::growing, 300), days(3, 200, 0, 0), 0).verdict == Trend::growing);
}

TEST_CASE("a slower run that holds no more than the faster one over the same requests grows no more than that") {
    const Series faster = days(3, 200, 0, 0);
    const TrendVerdict trend = settled_by_faster(seen(Trend::growing, 400), days(0.95, 600, 0, 0), faster);
    CHECK(trend.verdict == Trend::stable);
    CHECK(trend.reasons[0].starts_with("used no more than the faster run for the same requests: peaks of "));
    // What comes with time has three times as much of it.
    CHECK(settled_by_faster(seen(Trend::growing, 400), days(0.95, 600, 0, 20'000), days(3, 200, 0, 20'000)).verdict == Trend::growing);
    // Of requests that the faster run never had it says nothing.
    CHECK(settled_by_faster(seen(Trend::growing, 400), days(1, 600, 0, 0), days(0.9, 200, 0, 0)).verdict == Trend::growing);
}
