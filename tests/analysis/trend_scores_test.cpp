// The verdict against simulated traces whose truth is known. Other seeds and more traces: leakline trend --self-test.
#include <doctest/doctest.h>

#include "analysis/trend_self_test.hpp"

using namespace leakline::analysis;

TEST_CASE("on simulated traces leaks are found, nothing else is called a leak, and intervals hold the truth") {
    const SelfTest result = run_self_test(20240607, 8);
    CAPTURE(self_test_text(result));
    CHECK(result.precision >= .98);
    CHECK(result.recall >= .98);
    CHECK(result.false_alarms == 0);
    CHECK(result.missed == 0);
    CHECK(result.inconclusive <= .04);
    CHECK(result.interval_coverage >= .9);
    CHECK(result.request_error <= .01);

    REQUIRE(result.curve.size() == 8);
    CHECK(result.curve.front().counts.growing == 0);                        // no growth, no alarm
    CHECK(result.curve.back().counts.growing >= 6);                         // five deviations are seen
    CHECK(result.curve.back().counts.growing > result.curve[3].counts.growing);  // and more is easier
}

TEST_CASE("the same seed gives the same trace, another seed another one") {
    const TraceFamily& family = trace_families().front();
    CHECK(make_trace(family, 1, 0).series.value == make_trace(family, 1, 0).series.value);
    CHECK(make_trace(family, 1, 0).series.value != make_trace(family, 2, 0).series.value);
    CHECK(make_trace(family, 1, 0).series.value != make_trace(family, 1, 1).series.value);
}

TEST_CASE("a self-test that is stopped keeps what it has") {
    int asked = 0;
    const SelfTest result = run_self_test(1, 4, [&] { return ++asked <= 3; });
    CHECK(result.families.front().plain.total() + result.families.front().hard.total() == 3);
    CHECK(result.curve.empty());
}
