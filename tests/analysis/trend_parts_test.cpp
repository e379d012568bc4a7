// The pieces of the verdict: front end, shapes, fit, vetoes, gate.
#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <numeric>
#include <vector>

#include "analysis/growth_gate.hpp"
#include "analysis/statistics.hpp"
#include "analysis/trend/internal/classes.hpp"
#include "analysis/trend/internal/fit.hpp"
#include "analysis/trend/internal/front_end.hpp"
#include "analysis/trend/internal/points.hpp"
#include "analysis/trend/internal/thresholds.hpp"
#include "analysis/trend/internal/traces.hpp"
#include "analysis/trend/internal/vetoes.hpp"

using namespace leakline;
using namespace leakline::analysis;
using namespace leakline::analysis::trend;

namespace {

std::vector<double> places(std::size_t count) {
    std::vector<double> x;
    for (std::size_t i = 0; i < count; ++i) x.push_back((static_cast<double>(i) + .5) / static_cast<double>(count));
    return x;
}

}  // namespace

TEST_CASE("bins hold medians and quantiles of equal lengths of time, and no lone spike") {
    std::vector<double> seconds, bytes;
    for (int i = 0; i < 24'000; ++i) {
        seconds.push_back(1000 + i * .1);
        bytes.push_back((100 + i % 100) * kMiB);
    }
    bytes[12'050] = 1e12;
    const Bins bins = bin_samples({seconds, bytes, {}});
    REQUIRE(bins.size() == thresholds::front_end::kBins);
    CHECK(bins.duration_s == doctest::Approx(2399.9));
    for (const std::size_t i : {std::size_t{1}, std::size_t{120}, std::size_t{238}}) {
        CHECK(bins.middle[i] == doctest::Approx(149.5).epsilon(.01));
        CHECK(bins.low[i] == doctest::Approx(109).epsilon(.01));
        CHECK(bins.high[i] == doctest::Approx(190).epsilon(.01));
    }
    CHECK(bins.smallest_step == doctest::Approx(1));
}

TEST_CASE("few samples are bins of their own, and gaps leave no empty bins") {
    const std::vector<double> seconds{0, 1, 2, 1000}, bytes{kMiB, 2 * kMiB, 3 * kMiB, 4 * kMiB};
    const Bins few = bin_samples({seconds, bytes, {}});
    CHECK(few.middle == std::vector<double>{1, 2, 3, 4});
    std::vector<double> t, y;
    for (int i = 0; i < 1000; ++i) {
        t.push_back(i < 500 ? i : 5000 + i);
        y.push_back(kMiB);
    }
    CHECK(bin_samples({t, y, {}}).size() < thresholds::front_end::kBins / 2);
}

TEST_CASE("the end slope of every shape is its derivative") {
    const std::vector<double> x = places(48);
    constexpr double kStep = 1e-6;
    for (const Curve& curve : curves_for(x)) {
        const bool jumps = std::string(shape_name(curve.shape)).find("step") != std::string::npos;
        const bool cycles = curve.shape == Shape::sine || curve.shape == Shape::sine_linear;
        if (jumps || cycles) continue;  // the end slope leaves the cycle out
        const Terms weights = end_slope_weights(curve), before = terms_at(curve, 1 - kStep), after = terms_at(curve, 1 + kStep);
        for (int term = 1; term < curve.terms; ++term) {
            // What dies away is no part of the slope of a warm-up with a leak.
            if (curve.shape == Shape::exponential_linear && term == 2) continue;
            CAPTURE(shape_name(curve.shape));
            CHECK((after[term] - before[term]) / (2 * kStep) == doctest::Approx(weights[term]).epsilon(1e-3));
        }
    }
}

TEST_CASE("fewer points get fewer shapes") {
    CHECK(curves_for(places(7)).back().shape == Shape::step);
    CHECK(curves_for(places(10)).back().shape == Shape::late);
    CHECK(curves_for(places(48)).back().shape == Shape::sine_linear);
}

TEST_CASE("weights sum to one, and the true shape wins") {
    const std::vector<double> x = places(48);
    TraceRandom random(1, 2, 3);
    struct Row {
        Shape shape;
        double (*value)(double);
    };
    for (const Row& row :
         {Row{Shape::linear, [](double t) { return 10 * t; }}, Row{Shape::fill_flat, [](double t) { return 40 * std::min(t, .37); }},
          Row{Shape::bent_fill, [](double t) { return 60 * std::min(t, .1) + 12 * std::min(t, .72); }},
          Row{Shape::exponential, [](double t) { return -40 * std::exp(-t / .113); }},
          Row{Shape::step, [](double t) { return t > .5 ? 10. : 0.; }},
          Row{Shape::accelerating, [](double t) { return 5 * t + 20 * t * t; }}}) {
        std::vector<double> values;
        for (const double t : x) values.push_back(100 + row.value(t) + .05 * random.normal());
        const Mixture mixture = fit_curves(x, values, .002);
        CAPTURE(shape_name(row.shape));
        CHECK(shape_name(mixture.best.shape) == shape_name(row.shape));
        const double total = std::accumulate(mixture.curves.begin(), mixture.curves.end(), 0.,
                                             [](double sum, const FittedCurve& curve) { return sum + curve.weight; });
        CHECK(total == doctest::Approx(1));
        if (row.shape == Shape::exponential) CHECK(mixture.best.knee == doctest::Approx(.113).epsilon(.02));
        if (row.shape == Shape::fill_flat) CHECK(mixture.best.knee == doctest::Approx(.37).epsilon(.02));
    }
}

TEST_CASE("correlated noise widens the line's interval") {
    const std::vector<double> x = places(48);
    TraceRandom random(5, 5, 5);
    std::vector<double> white, correlated;
    double state = 0;
    for (std::size_t i = 0; i < x.size(); ++i) {
        const double e = random.normal();
        state = .8 * state + .6 * e;
        white.push_back(e);
        correlated.push_back(state);
    }
    CHECK(fit_line(x, correlated).slope_error > 1.5 * fit_line(x, white).slope_error);
}

TEST_CASE("the quantiles of a mixture lie between those of its parts") {
    const std::vector<SlopeComponent> one{{1, 10, 2, 46}};
    CHECK(slope_quantile(one, .5) == doctest::Approx(10));
    // 10 + 2 * t(.975, 46) = 10 + 2 * 2.0128956
    CHECK(slope_quantile(one, .975) == doctest::Approx(14.0257912).epsilon(1e-5));
    const std::vector<SlopeComponent> two{{.5, 10, .1, 46}, {.5, 20, .1, 46}};
    CHECK(slope_quantile(two, .25) == doctest::Approx(10).epsilon(.01));
    CHECK(slope_quantile(two, .75) == doctest::Approx(20).epsilon(.01));
    CHECK(std::isnan(slope_quantile({}, .5)));
}

TEST_CASE("growth in two jumps is vetoed; steady growth and a day's steep flanks on growth are not") {
    const std::vector<double> x = places(240);
    std::vector<double> jumps, steady, days;
    for (const double t : x) {
        jumps.push_back((t > .45 ? 10 : 0) + (t > .75 ? 10 : 0));
        steady.push_back(10 * t);
        days.push_back(10 * t + (std::fmod(3 * t, 1) < .5 ? 20 : 0));
    }
    CHECK(grows_in_few_jumps(jumps));
    CHECK_FALSE(grows_in_few_jumps(steady));
    CHECK_FALSE(grows_in_few_jumps(days));
}

TEST_CASE("growth that has stopped is unlikely to go on") {
    const std::vector<double> x = places(48);
    TraceRandom random(9, 9, 9);
    std::vector<double> stopped, going;
    for (const double t : x) {
        stopped.push_back(10 * std::min(t, .6) + .1 * random.normal());
        going.push_back(10 * t + .1 * random.normal());
    }
    REQUIRE(probability_goes_on(x, stopped, 10));
    CHECK(*probability_goes_on(x, stopped, 10) < .01);
    CHECK(*probability_goes_on(x, going, 10) > .99);
    CHECK_FALSE(probability_goes_on(places(8), places(8), 1));
}

TEST_CASE("memory that varies with the request rate was subtracted") {
    Bins bins;
    bins.duration_s = 2400;
    double made = 0;
    for (std::size_t i = 0; i < 240; ++i) {
        const double rate = (i / 20) % 2 == 0 ? 100 : 5;
        made += rate * 10;
        bins.x.push_back((static_cast<double>(i) + .5) / 240);
        bins.requests.push_back(made);
        bins.middle.push_back(100 + rate * .2);
    }
    bins.low = bins.high = bins.middle;
    const double before = quantile(bins.middle, .95) - quantile(bins.middle, .05);
    CHECK(remove_load(bins));
    CHECK(quantile(bins.middle, .95) - quantile(bins.middle, .05) < .4 * before);
}

TEST_CASE("the gate passes only where the run could have seen the budget") {
    TrendVerdict verdict;
    verdict.verdict = Trend::stable;
    verdict.detectable_bytes_per_hour = 2 * kMiB;
    verdict.reasons = {"flat"};
    const auto gate = [&](double mib) { return check_growth(verdict, {mib * kMiB, Growth::Per::hour}); };
    CHECK(gate(3).outcome == GateOutcome::passed);
    CHECK(gate(3).message == "no growth above 2 MiB/h, which is below the budget of 3 MiB/h");
    CHECK(gate(1).outcome == GateOutcome::inconclusive);
    CHECK(gate(1).message == "the detection limit of this run, 2 MiB/h, is above the budget of 1 MiB/h; run 2x longer");

    verdict.verdict = Trend::growing;
    verdict.slope_bytes_per_hour = {5 * kMiB, 4 * kMiB, 6 * kMiB};
    CHECK(gate(3).outcome == GateOutcome::failed);
    CHECK(gate(5).outcome == GateOutcome::inconclusive);
    CHECK(gate(7).outcome == GateOutcome::passed);
    CHECK(check_growth(verdict, {64, Growth::Per::request}).outcome == GateOutcome::inconclusive);

    verdict.verdict = Trend::inconclusive;
    CHECK(gate(100).outcome == GateOutcome::inconclusive);
}

TEST_CASE("a flat end is only a pause where the pauses before it were as long, and where rises are few") {
    const std::vector<double> x = places(48);
    const auto risen = [&](const std::vector<double>& rises) {
        std::vector<double> values;
        for (const double t : x) values.push_back(double(std::count_if(rises.begin(), rises.end(), [t](double r) { return r < t; })));
        return values;
    };
    std::vector<double> often, crowded{.01, .03, .05, .07, .09, .11, .13, .15, .17, .19};
    for (int i = 0; i < 20; ++i) often.push_back(.03 + i * .03);
    CHECK(probability_of_pause(x, risen(often), .01) < .001);  // full at .6
    CHECK(probability_of_pause(x, risen({.15, .3, .45, .6}), .01) > .05);
    CHECK(probability_of_pause(x, risen({.2, .4, .6, .8}), .01) == 1);  // the next one is not due
    CHECK(probability_of_pause(x, x, .0001) == 1);
    CHECK(probability_of_pause(x, risen(often), 2) > .05);  // noise could hide what rises
    crowded.insert(crowded.end(), {.45, .72});              // a warm-up, then a step now and then
    CHECK(probability_of_pause(x, risen(crowded), .01) > .05);
    // By requests, of which hardly any came since, it is no pause at all.
    std::vector<double> requests;
    for (const double t : x) requests.push_back(1000 * std::min(t, .62));
    CHECK(probability_of_pause(requests, risen(often), .01) == 1);
}
