// What the end of a run says: growth that ended before it is no leak, and a pause is no end.
#include <doctest/doctest.h>

#include <cmath>
#include <cstdint>
#include <vector>

#include "analysis/trend/internal/traces.hpp"
#include "analysis/trend/trend.hpp"

using namespace leakline;
using namespace leakline::analysis;

namespace {

enum class Rise { line, saturating, steps };
enum class Load { unknown, steady, fading };

struct Plan {
    double full_at = 1;  // part of the run after which nothing rises any more
    double ends_at = 1;  // of requests
    Rise rise = Rise::line;
    int steps = 12;
    bool even_steps = false;
    double warm_up = 0;  // part of the whole rise that is over after some hundredths of the run
    double noise = 0;    // of the level
    Load load = Load::unknown;
};

double requests_by(Load load, double x) { return load == Load::fading ? (1 - std::exp(-x)) / (1 - std::exp(-1)) : x; }

// Two to twenty minutes of a service of 10 to 200 MiB that grows by a tenth to all of that, in pages.
Series service(const Plan& plan, std::uint64_t number) {
    constexpr double kPage = 4096, kRequestsPerSecond = 500, kDecay = .02;
    TraceRandom random(20, 3, number);
    const double duration = random.log_uniform(120, 1200), interval = random.uniform(.1, 1);
    const double level = random.log_uniform(10, 200), growth = std::max(3., level * random.uniform(.1, 1));
    const double tau = plan.full_at * random.uniform(.15, .5);
    std::vector<double> steps;
    double until = random.uniform();
    for (int i = 0; i < plan.steps; ++i) {
        steps.push_back(until);
        until += plan.even_steps ? 1 : random.exponential(1);
    }
    for (double& step : steps) step *= plan.full_at / until;
    const auto risen = [&](double x) {
        switch (plan.rise) {
            case Rise::line: return std::min(x / plan.full_at, 1.);
            case Rise::saturating: return (1 - std::exp(-std::min(x, plan.full_at) / tau)) / (1 - std::exp(-plan.full_at / tau));
            case Rise::steps: break;
        }
        double taken = 0;
        for (const double step : steps) taken += step <= x ? 1 : 0;
        return taken / plan.steps;
    };
    Series series;
    for (double t = 0; t < duration; t += interval) {
        const double x = std::min(t / duration, plan.ends_at);
        const double part = plan.warm_up * (1 - std::exp(-x / kDecay)) + (1 - plan.warm_up) * risen(x);
        const double mib = level * (1 + plan.noise * random.normal()) + growth * part;
        series.seconds.push_back(t);
        series.value.push_back(std::round(mib * kMiB / kPage) * kPage);
        if (plan.load != Load::unknown) {
            series.requests.push_back(std::floor(requests_by(plan.load, x) * duration * kRequestsPerSecond));
        }
    }
    return series;
}

struct Counts {
    int growing = 0, stable = 0, undecided = 0;
};

Counts judge(const Plan& plan, std::uint64_t first, int count) {
    Counts counts;
    for (int i = 0; i < count; ++i) {
        const Trend verdict = judge_trend(service(plan, first + static_cast<std::uint64_t>(i))).verdict;
        ++(verdict == Trend::growing ? counts.growing : verdict == Trend::stable ? counts.stable : counts.undecided);
    }
    return counts;
}

}  // namespace

TEST_CASE("a cache that is full before the run ends is no leak, however it rose and however the load went") {
    constexpr int kEach = 2;
    std::uint64_t number = 0;
    int stable = 0, all = 0;
    for (const Rise rise : {Rise::line, Rise::saturating, Rise::steps}) {
        for (const Load load : {Load::unknown, Load::steady, Load::fading}) {
            for (const double full_at : {.4, .55, .7}) {
                for (const double warm_up : {0., .7}) {
                    for (const double noise : {0., .0005, .01}) {
                        const Plan plan{.full_at = full_at,
                                        .rise = rise,
                                        .steps = 40,
                                        .even_steps = true,
                                        .warm_up = warm_up,
                                        .noise = noise,
                                        .load = load};
                        CAPTURE(static_cast<int>(rise));
                        CAPTURE(static_cast<int>(load));
                        CAPTURE(full_at);
                        CAPTURE(warm_up);
                        CAPTURE(noise);
                        const Counts counts = judge(plan, number, kEach);
                        CHECK(counts.growing == 0);
                        stable += counts.stable;
                        all += kEach;
                        number += kEach;
                    }
                }
            }
        }
    }
    CHECK(stable >= .9 * all);
}

TEST_CASE("a warm-up, then a cache that fills in uneven steps, is no leak") {
    for (const Load load : {Load::unknown, Load::steady, Load::fading}) {
        CAPTURE(static_cast<int>(load));
        const Counts counts = judge({.full_at = .5, .rise = Rise::steps, .steps = 80, .warm_up = .5, .load = load}, 5000, 24);
        CHECK(counts.growing == 0);
        CHECK(counts.stable >= 22);
    }
}

TEST_CASE("forty uneven steps in three quarters of a run and none in the last are hardly ever a leak") {
    constexpr int kTraces = 40;
    const Plan full{.full_at = .75, .rise = Rise::steps, .steps = 40, .warm_up = .7};
    int growing = 0;
    for (const Load load : {Load::unknown, Load::steady, Load::fading}) {
        Plan plan = full;
        plan.load = load;
        growing += judge(plan, 5000, kTraces).growing;
    }
    CHECK(growing <= 4);
    // The same steps over the whole run are.
    Plan leak = full;
    leak.full_at = 1;
    leak.warm_up = 0;
    leak.load = Load::steady;
    const Counts counts = judge(leak, 5000, kTraces);
    CHECK(counts.growing >= 34);
    CHECK(counts.stable == 0);
}

TEST_CASE("a leak in steps is found, and is never stable while it waits for its next step") {
    int growing = 0, all = 0;
    for (const int steps : {5, 8, 14, 25}) {
        for (const Load load : {Load::unknown, Load::steady}) {
            const Plan plan{.rise = Rise::steps, .steps = steps, .even_steps = true, .noise = .0003, .load = load};
            const Counts counts = judge(plan, 1000 + static_cast<std::uint64_t>(all), 6);
            CAPTURE(steps);
            CHECK(counts.stable == 0);
            growing += counts.growing;
            all += 6;
        }
    }
    CHECK(growing >= .85 * all);
}

TEST_CASE("a leak that is flat because the traffic stopped is not stable") {
    for (const double ends_at : {.5, .65, .8}) {
        CAPTURE(ends_at);
        CHECK(judge({.ends_at = ends_at, .load = Load::steady}, 2000, 8).stable == 0);
        // The same memory under a load that goes on is a full cache.
        CHECK(judge({.full_at = ends_at, .load = Load::steady}, 2000, 8).stable == 8);
    }
    int said = 0;
    for (std::uint64_t number = 2000; number < 2008; ++number) {
        const TrendVerdict verdict = judge_trend(service({.ends_at = .5, .load = Load::steady}, number));
        said += verdict.reasons.front() == "memory grew until the requests stopped and was flat after that; run with load until the end";
    }
    CHECK(said >= 1);
}
