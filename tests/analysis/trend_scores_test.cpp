// The verdict against simulated traces whose truth is known. Other seeds and more traces: leakline trend --self-test.
#include <doctest/doctest.h>

#include "analysis/trend/self_test.hpp"

using namespace leakline::analysis;

TEST_CASE("on simulated traces leaks are found, nothing else is called a leak, and intervals hold the truth") {
    const SelfTest result = run_self_test(20240607, 8);
    CAPTURE(self_test_text(result));
    CHECK(result.precision.value() >= .98);
    CHECK(result.recall.value() >= .98);
    CHECK(result.false_alarms.value() == 0);
    CHECK(result.missed.value() == 0);
    CHECK(result.inconclusive.value() <= .04);
    CHECK(result.interval_coverage.value() >= .9);
    CHECK(result.request_error <= .01);

    REQUIRE(result.curve.size() == 8);
    CHECK(result.curve.front().counts.growing == 0);                             // no growth, no alarm
    CHECK(result.curve.back().counts.growing >= 6);                              // five deviations are seen
    CHECK(result.curve.back().counts.growing > result.curve[3].counts.growing);  // and more is easier
}

TEST_CASE("a goal is met or missed where the sampling error allows no other answer") {
    // Wilson's interval of 9 in 10, as R's prop.test(9, 10, correct = FALSE) gives it.
    const leakline::Interval range = Proportion{9, 10}.interval();
    CHECK(range.low == doctest::Approx(.5958).epsilon(1e-3));
    CHECK(range.high == doctest::Approx(.9821).epsilon(1e-3));
    CHECK(Proportion{0, 0}.interval().low == 0);

    SelfTest result;
    result.precision = result.recall = {9990, 10000};
    result.interval_coverage = {9700, 10000};
    result.false_alarms = {10, 10000};
    CHECK(judge_self_test(result) == Goal::passed);
    result.false_alarms = {1, 500};
    CHECK(judge_self_test(result) == Goal::undecided);
    result.recall = {9800, 10000};
    CHECK(judge_self_test(result) == Goal::failed);
}

TEST_CASE("the same seed gives the same trace, another seed another one") {
    const TraceFamily& family = trace_families().front();
    CHECK(make_trace(family, 1, 0).series.value == make_trace(family, 1, 0).series.value);
    CHECK(make_trace(family, 1, 0).series.value != make_trace(family, 2, 0).series.value);
    CHECK(make_trace(family, 1, 0).series.value != make_trace(family, 1, 1).series.value);
}

TEST_CASE("a self-test that is stopped keeps what it has") {
    int asked = 0;
    double last = -1;
    const SelfTest result = run_self_test(1, 4, [&](std::string_view what, double done) {
        if (asked < 4) CHECK(what == trace_families().front().name);
        CHECK(done > last);
        last = done;
        return ++asked <= 3;
    });
    CHECK(last < 1);
    CHECK(result.families.front().plain.total() + result.families.front().hard.total() == 3);
    CHECK(result.curve.empty());
}
