#include "analysis/trend/trend.hpp"

#include <doctest/doctest.h>

#include <cmath>
#include <functional>
#include <string>

#include "analysis/trend/internal/traces.hpp"

using namespace leakline;
using namespace leakline::analysis;

namespace {

// count samples, a second apart, of a function of the position 0..1 in MiB, with white noise of `deviation` MiB.
Series series_of(std::size_t count, const std::function<double(double)>& mib, double deviation = .05) {
    TraceRandom random(12, 7, count);
    Series series;
    for (std::size_t i = 0; i < count; ++i) {
        const double x = static_cast<double>(i) / static_cast<double>(count - 1);
        series.seconds.push_back(static_cast<double>(i));
        series.value.push_back((mib(x) + deviation * random.normal()) * kMiB);
    }
    return series;
}

// Rounds of traffic with quiet gaps, as diagnose makes them: 30 s, 6 rounds, samples every 50 ms.
Series rounds(const std::function<double(double)>& mib_of_requests_part) {
    Series series;
    constexpr double kRound = 4, kGap = 1, kRequestsPerSecond = 400;
    constexpr int kRounds = 6;
    TraceRandom random(7, 8, 9);
    for (double t = 0; t < kRounds * (kRound + kGap); t += .05) {
        const double round = std::floor(t / (kRound + kGap)), within = std::min(t - round * (kRound + kGap), kRound);
        const double requests = std::floor((round * kRound + within) * kRequestsPerSecond);
        const double part = requests / (kRounds * kRound * kRequestsPerSecond);
        series.seconds.push_back(t);
        series.requests.push_back(requests);
        const double page = 4096;
        series.value.push_back(std::round((mib_of_requests_part(part) + .01 * random.normal()) * kMiB / page) * page);
    }
    return series;
}

}  // namespace

TEST_CASE("a line is growing, with its slope inside the interval") {
    const TrendVerdict verdict = judge_trend(series_of(1200, [](double x) { return 100 + 20 * x; }));
    CHECK(verdict.verdict == Trend::growing);
    CHECK(verdict.growth_class == "linear");
    const double truth = 20 * kMiB / (1199. / 3600);
    CHECK(verdict.slope_bytes_per_hour.low <= truth);
    CHECK(verdict.slope_bytes_per_hour.high >= truth);
    CHECK(verdict.slope_bytes_per_hour.estimate == doctest::Approx(truth).epsilon(.01));
    REQUIRE(!verdict.reasons.empty());
    CHECK(verdict.reasons.front() == "grew by 60 MiB/h until the end; odds against a curve that flattens: more than 1000:1");
}

TEST_CASE("little growth in less than a minute is inconclusive, more growth, more time or a named minimum are not") {
    const auto growing_by = [](double mib) { return [mib](double x) { return 16 + mib * x; }; };
    const TrendVerdict young = judge_trend(series_of(50, growing_by(.8), .005));
    CHECK(young.verdict == Trend::inconclusive);
    CHECK(young.reasons.front() ==
          "grew less than 1 MiB in less than a minute, as healthy processes do when they start; run for a minute or more");
    CHECK(judge_trend(series_of(50, growing_by(1.5), .005)).verdict == Trend::growing);
    CHECK(judge_trend(series_of(100, growing_by(.8), .005)).verdict == Trend::growing);
    TrendOptions options;
    options.minimum_bytes_per_hour = 10 * kMiB;
    CHECK(judge_trend(series_of(50, growing_by(.8), .005), options).verdict == Trend::growing);
}

TEST_CASE("in less than two minutes only a plain line that has not outgrown its beginning is a leak; the rest may be a warm-up") {
    const auto heap_fills = [](double x) { return 44 + 240 * x; };                                      // a Java service's first minute
    const auto warm_up = [](double x) { return 43 + (x > .03 ? 7 : 0) + (x > .4 ? 1.5 : 0) + 2 * x; };  // a node server's
    const TrendVerdict java = judge_trend(series_of(60, heap_fills, .3));
    CHECK(java.verdict == Trend::inconclusive);
    CHECK(java.reasons.at(0) ==
          "grew by 234 MiB (466 % of the initial level), but in a run of less than two minutes the warm-up of a runtime looks "
          "the same; run longer");
    CHECK(java.reasons.back().starts_with("detection limit: "));
    CHECK(judge_trend(series_of(100, warm_up, .05)).verdict == Trend::inconclusive);
    // Longer than that, with a named minimum, or as a line that grows by less, it is growth.
    CHECK(judge_trend(series_of(150, heap_fills, .3)).verdict == Trend::growing);
    TrendOptions options;
    options.minimum_bytes_per_hour = 10 * kMiB;
    CHECK(judge_trend(series_of(60, heap_fills, .3), options).verdict == Trend::growing);
    CHECK(judge_trend(series_of(
                          60, [](double x) { return 44 + 15 * x; }, .05))
              .verdict == Trend::growing);
    const auto steps = [](double x) { return 44 + 1.5 * std::floor(x * 10) + .5 * x; };
    CHECK(judge_trend(series_of(100, steps, .05)).verdict == Trend::growing);
    // The end of a warm-up is a trifle, and growth after it is not.
    const auto fades = [](double end) { return [end](double x) { return 54 - 12 * std::exp(-x / .03) + end * x; }; };
    const TrendVerdict tail = judge_trend(series_of(150, fades(.6), .01));
    CHECK(tail.verdict == Trend::inconclusive);
    CHECK(tail.reasons.at(0) == "grew less than 1 MiB after the warm-up, which may not have ended yet; run for 5 minutes or more");
    CHECK(judge_trend(series_of(150, fades(3), .01)).verdict == Trend::growing);
    CHECK(judge_trend(series_of(400, fades(.6), .01)).verdict == Trend::growing);
    // A process that dies of its growth every minute, for longer than that, leaks.
    Series killed = series_of(
        240, [](double x) { return 44 + 120 * std::fmod(4 * x, 1); }, .3);
    for (const double s : killed.seconds) killed.process.push_back(static_cast<std::int64_t>(s / 59.76));
    CHECK(judge_trend(killed).verdict == Trend::growing);
}

TEST_CASE("a cache that fills and then holds is stable, and its level is the plateau") {
    const TrendVerdict verdict = judge_trend(series_of(1200, [](double x) { return 100 + 50 * std::min(x / .4, 1.); }));
    CHECK(verdict.verdict == Trend::stable);
    CHECK(verdict.growth_class == "fill-then-flat");
    CHECK(verdict.reasons.front().starts_with("filled for 8m"));
    REQUIRE(verdict.plateau_bytes);
    CHECK(*verdict.plateau_bytes / kMiB == doctest::Approx(150).epsilon(.01));
    CHECK(verdict.warmup_end_s > .35 * 1199);
    CHECK(!verdict.time_to_limit_h);
}

TEST_CASE("a warm-up before a leak is cut and named") {
    const TrendVerdict verdict = judge_trend(series_of(2000, [](double x) { return 200 + 30 * x - 60 * std::exp(-x / .04); }));
    CHECK(verdict.verdict == Trend::growing);
    CHECK(verdict.warmup_end_s > .1 * 1999);
    CHECK(verdict.slope_bytes_per_hour.estimate == doctest::Approx(30 * kMiB / (1999. / 3600)).epsilon(.03));
}

TEST_CASE("memory that does not change is stable within what counts as growth") {
    const TrendVerdict verdict = judge_trend(series_of(
        100, [](double) { return 100; }, 0));
    CHECK(verdict.verdict == Trend::stable);
    CHECK(verdict.growth_class == "flat");
    CHECK(verdict.reasons.front() == "stayed within 512 KiB of 100 MiB, which is below the threshold for growth");
    REQUIRE(verdict.detectable_bytes_per_hour);
    CHECK(*verdict.detectable_bytes_per_hour > 0);
}

TEST_CASE("one step is not growth, and neither is a saw") {
    CHECK(judge_trend(series_of(1000, [](double x) { return x > .5 ? 140 : 100; })).verdict == Trend::stable);
    const auto saw = [](double x) { return 100 + 30 * std::fmod(x * 20, 1); };
    CHECK(judge_trend(series_of(2000, saw)).verdict == Trend::stable);
}

TEST_CASE("a saw whose floor rises is growing") {
    const auto saw = [](double x) { return 100 + 30 * std::fmod(x * 20, 1) + 25 * x; };
    const TrendVerdict verdict = judge_trend(series_of(2000, saw));
    CHECK(verdict.verdict == Trend::growing);
    CHECK(verdict.growth_class.starts_with("sawtooth"));
}

TEST_CASE("a fall that goes on is shrinking; a decay and a step down are stable") {
    const TrendVerdict falling = judge_trend(series_of(1000, [](double x) { return 200 - 60 * x; }));
    CHECK(falling.verdict == Trend::shrinking);
    CHECK(falling.slope_bytes_per_hour.high < 0);
    CHECK(falling.slope_bytes_per_hour.low <= falling.slope_bytes_per_hour.high);
    CHECK(judge_trend(series_of(1000, [](double x) { return 100 + 60 * std::exp(-x / .1); })).verdict == Trend::stable);
    CHECK(judge_trend(series_of(1000, [](double x) { return x < .5 ? 200 : 150; })).verdict == Trend::stable);
}

TEST_CASE("too few samples, one sample and none are inconclusive and say what is needed") {
    for (const std::size_t count : {std::size_t{1}, std::size_t{2}, std::size_t{19}}) {
        Series series = series_of(20, [](double x) { return 100 + 50 * x; });
        series.seconds.resize(count);
        series.value.resize(count);
        const TrendVerdict verdict = judge_trend(series);
        CHECK(verdict.verdict == Trend::inconclusive);
        CHECK(verdict.reasons.front().find("a verdict needs at least 20") != std::string::npos);
    }
    CHECK(judge_trend(Series{}).verdict == Trend::inconclusive);
    CHECK(judge_trend(Series{}).reasons.front() == "0 samples: a verdict needs at least 20; sample longer or more often");
}

TEST_CASE("one lone spike does not change the verdict") {
    Series series = series_of(600, [](double) { return 100; });
    series.value[300] = 5000 * kMiB;
    series.value[599] = 5000 * kMiB;
    CHECK(judge_trend(series).verdict == Trend::stable);
}

TEST_CASE("restarts split the series: a leak that is restarted at its limit is growing") {
    Series series = series_of(1500, [](double x) { return 100 + 150 * std::fmod(x * 3, 1); });
    for (std::size_t i = 0; i < series.size(); ++i) series.process.push_back(static_cast<std::int64_t>(i * 3 / 1500));
    const TrendVerdict verdict = judge_trend(series);
    CHECK(verdict.verdict == Trend::growing);
    REQUIRE(verdict.reasons.size() > 1);
    CHECK(verdict.reasons[1] == "in 3 of 3 processes (restarts split the series)");
}

TEST_CASE("time to limit spans the slope's interval, and is there only where memory grows") {
    const Series growing = series_of(1200, [](double x) { return 100 + 20 * x; });
    const TrendVerdict verdict = judge_trend(growing, {Bytes{180} << 20, 0});
    REQUIRE(verdict.time_to_limit_h);
    // 60 MiB to go at 60.05 MiB/h
    CHECK(verdict.time_to_limit_h->estimate == doctest::Approx(1).epsilon(.02));
    CHECK(verdict.time_to_limit_h->low <= verdict.time_to_limit_h->estimate);
    CHECK(verdict.time_to_limit_h->high >= verdict.time_to_limit_h->estimate);
    CHECK(judge_trend(growing, {Bytes{90} << 20, 0}).time_to_limit_h->estimate == 0);
}

TEST_CASE("growth below the user's minimum is not called growth") {
    const Series series = series_of(1200, [](double x) { return 100 + 5 * x; });  // 15 MiB/h
    CHECK(judge_trend(series).verdict == Trend::growing);
    CHECK(judge_trend(series, {std::nullopt, 30 * kMiB}).verdict == Trend::stable);
}

TEST_CASE("a short run of rounds with quiet gaps tells a leak by requests from a bounded cache") {
    const TrendVerdict leak = judge_trend(rounds([](double part) { return 30 + 12 * part; }));
    CHECK(leak.verdict == Trend::growing);
    REQUIRE(leak.bytes_per_request);
    CHECK(leak.bytes_per_request->estimate == doctest::Approx(12 * kMiB / 9600).epsilon(.03));

    const TrendVerdict cache = judge_trend(rounds([](double part) { return 30 + 12 * std::min(part / .2, 1.); }));
    CHECK(cache.verdict == Trend::stable);
    REQUIRE(cache.detectable_bytes_per_request);
    CHECK(*cache.detectable_bytes_per_request < 12 * kMiB / 9600);
}

TEST_CASE("the verdict does not depend on the origin of time or on the unit of the level") {
    const Series series = series_of(
        800, [](double x) { return 100 + 12 * x; }, .3);
    Series later = series;
    for (double& second : later.seconds) second += 1.7e9;
    const TrendVerdict a = judge_trend(series), b = judge_trend(later);
    CHECK(a.verdict == b.verdict);
    CHECK(a.slope_bytes_per_hour.estimate == doctest::Approx(b.slope_bytes_per_hour.estimate).epsilon(1e-4));
}

TEST_CASE("the smallest detectable growth falls when the run gets longer") {
    const auto detectable = [](std::size_t count) {
        return *judge_trend(series_of(
                                count, [](double) { return 100; }, 1.))
                    .detectable_bytes_per_hour;
    };
    CHECK(detectable(4000) < .3 * detectable(500));
}
