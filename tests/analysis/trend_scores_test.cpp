// The verdict against simulated traces whose truth is known. Other seeds and more traces: leakline trend --self-test.
#include <doctest/doctest.h>

#include "analysis/trend/self_test.hpp"
#include "report/report.hpp"

using namespace leakline;
using namespace leakline::analysis;

TEST_CASE("on simulated traces leaks are found, nothing else is called a leak, and intervals hold the truth") {
    const SelfTest result = run_self_test(20240607, 8);
    const auto value = [&](SelfTestFigure figure) { return result.scores.at(static_cast<std::size_t>(figure)).measured.value(); };
    CAPTURE(report::format_named("text").render(result, {}));
    CHECK(value(SelfTestFigure::precision) >= .98);
    CHECK(value(SelfTestFigure::recall) >= .98);
    CHECK(value(SelfTestFigure::false_alarm_rate) == 0);
    CHECK(value(SelfTestFigure::missed) == 0);
    CHECK(value(SelfTestFigure::inconclusive) <= .04);
    CHECK(value(SelfTestFigure::interval_coverage) >= .9);
    CHECK(result.request_error <= .01);

    REQUIRE(result.curve.size() == 8);
    CHECK(result.curve.front().counts.growing == 0);                             // no growth, no alarm
    CHECK(result.curve.back().counts.growing >= 6);                              // five deviations are seen
    CHECK(result.curve.back().counts.growing > result.curve[3].counts.growing);  // and more is easier
}

TEST_CASE("a goal is met or missed where the sampling error allows no other answer") {
    // Wilson's interval of 9 in 10, as R's prop.test(9, 10, correct = FALSE) gives it.
    const Interval range = Proportion{9, 10}.interval();
    CHECK(range.low == doctest::Approx(.5958).epsilon(1e-3));
    CHECK(range.high == doctest::Approx(.9821).epsilon(1e-3));
    CHECK(Proportion{0, 0}.interval().low == 0);

    using enum SelfTestFigure;
    CHECK(score_of(recall, {9990, 10000}).goal->outcome == GateOutcome::passed);
    CHECK(score_of(false_alarm_rate, {10, 10000}).goal->outcome == GateOutcome::passed);
    CHECK(score_of(false_alarm_rate, {1, 500}).goal->outcome == GateOutcome::inconclusive);
    CHECK(score_of(recall, {9800, 10000}).goal->outcome == GateOutcome::failed);
    CHECK(!score_of(missed, {5000, 10000}).goal);

    std::vector<SelfTest::Score> scores = {score_of(recall, {9990, 10000}), score_of(missed, {5000, 10000})};
    CHECK(outcome_of(scores) == GateOutcome::passed);
    scores.push_back(score_of(false_alarm_rate, {1, 500}));
    CHECK(outcome_of(scores) == GateOutcome::inconclusive);
    scores.push_back(score_of(precision, {9800, 10000}));
    CHECK(outcome_of(scores) == GateOutcome::failed);
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
    std::stop_source stop;
    const auto on_trace = [&](std::string_view what, double done) {
        if (asked < 4) CHECK(what == trace_families().front().name);
        CHECK(done > last);
        last = done;
        if (++asked == 4) stop.request_stop();
    };
    const SelfTest result = run_self_test(1, 4, on_trace, stop.get_token());
    CHECK(last < 1);
    CHECK(result.families.front().plain.total() + result.families.front().hard.total() == 3);
    CHECK(result.curve.empty());
}
