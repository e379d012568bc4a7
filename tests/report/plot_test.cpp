#include "report/internal/plot.hpp"

#include <doctest/doctest.h>

#include <cmath>
#include <limits>

#include "sample.hpp"

using namespace leakline;
using namespace leakline::report;

TEST_CASE("thinning keeps the ends and the spikes, and leaves short series alone") {
    std::vector<double> xs, ys;
    for (int i = 0; i < 100'000; ++i) {
        xs.push_back(i);
        ys.push_back(i == 54'321 ? 1000 : std::sin(i / 5000.0));
    }
    const std::vector<Point> thinned = thin(xs, ys, 500);
    REQUIRE(thinned.size() == 500);
    CHECK(thinned.front().x == 0);
    CHECK(thinned.back().x == 99'999);
    bool spike = false;
    for (std::size_t i = 0; i < thinned.size(); ++i) {
        if (i > 0) CHECK(thinned[i].x > thinned[i - 1].x);
        spike = spike || thinned[i].y == 1000;
    }
    CHECK(spike);
    CHECK(thin({1, 2}, {3, 4}, 500).size() == 2);
    CHECK(thin({}, {}, 500).empty());
    CHECK(thin({1, 2, 3}, {1, std::nan(""), 3}, 500).size() == 2);
    CHECK(thin(xs, ys, 0).size() == 3);
}

TEST_CASE("ticks are round in the unit people read them in") {
    CHECK(ticks(0, 10 * kMiB, 5, Scale::bytes) == std::vector<double>{0, 2 * kMiB, 4 * kMiB, 6 * kMiB, 8 * kMiB, 10 * kMiB});
    CHECK(ticks(0, 600 * kMiB, 6, Scale::bytes) == std::vector<double>{0, 128 * kMiB, 256 * kMiB, 384 * kMiB, 512 * kMiB});
    CHECK(ticks(1000, 1010, 4, Scale::bytes) == std::vector<double>{1000, 1004, 1008});
    CHECK(ticks(0, 3600, 4, Scale::seconds) == std::vector<double>{0, 900, 1800, 2700, 3600});
    CHECK(ticks(0, 200, 8, Scale::seconds) == std::vector<double>{0, 30, 60, 90, 120, 150, 180});
    CHECK(ticks(0, 10 * 86400, 5, Scale::seconds) == std::vector<double>{0, 2 * 86400, 4 * 86400, 6 * 86400, 8 * 86400, 10 * 86400});
    CHECK(ticks(5, 5, 4, Scale::bytes) == std::vector<double>{5});
    CHECK(ticks(0, std::numeric_limits<double>::infinity(), 4, Scale::bytes).size() == 1);
    CHECK(tick_text(90, Scale::seconds) == "1.5 min");
}

TEST_CASE("the fitted line has the fitted slope and runs through the later half of the curve") {
    const Diagnosis diagnosis = test::sample_diagnosis();
    const MemoryPlot plot = memory_plot(diagnosis.series, diagnosis.trend, 1000, diagnosis.memory_limit, diagnosis.rounds);
    REQUIRE(plot.fit);
    CHECK(plot.fit->from.x == 5);
    CHECK(plot.fit->to.x == 60);
    CHECK(plot.fit->to.y == doctest::Approx(29.6e6).epsilon(0.001));
    CHECK(plot.fit->to.y - plot.fit->from.y == doctest::Approx(432e6 / 3600 * 55));
    CHECK(plot.fit->low_to.y < plot.fit->to.y);
    CHECK(plot.fit->high_from.y < plot.fit->from.y);
    CHECK_FALSE(plot.limit_shown);  // 512 MiB would flatten the curve
    CHECK(memory_plot(diagnosis.series, diagnosis.trend, 1000, Bytes{32} << 20).limit_shown);
    CHECK(memory_plot(Series(), diagnosis.trend, 1000).points.empty());
}

TEST_CASE("a fitted line does not leave a curve whose requests came faster at first") {
    Series series;
    for (int i = 0; i <= 100; ++i) {
        series.seconds.push_back(i);
        series.value.push_back(1e6 * i * (2 - i / 100.0));  // bends down; 1e6 a second on the whole
    }
    TrendVerdict trend;
    trend.slope_bytes_per_hour = {3.6e9, 3.5e9, 3.7e9};
    trend.level_bytes = 1e8;
    const MemoryPlot plot = memory_plot(series, trend, 1000);
    REQUIRE(plot.fit);
    const double slope = (plot.fit->to.y - plot.fit->from.y) / 100;
    int above = 0, below = 0;
    for (int i = 50; i <= 100; ++i) {
        const double fitted = plot.fit->from.y + slope * i;
        ++(series.value[static_cast<std::size_t>(i)] > fitted ? above : below);
    }
    CHECK(above >= 20);
    CHECK(below >= 20);
}

TEST_CASE("the line of growth that accelerates begins at zero, not below it") {
    Series series;
    for (int i = 0; i <= 100; ++i) {
        series.seconds.push_back(i);
        series.value.push_back(1e6 + 1e5 * i * i);
    }
    TrendVerdict trend;
    trend.slope_bytes_per_hour = {2e7 * 3600, 1.9e7 * 3600, 2.1e7 * 3600};  // as at the end
    const MemoryPlot plot = memory_plot(series, trend, 1000);
    REQUIRE(plot.fit);
    CHECK(plot.low == 0);
    CHECK(plot.fit->from.y == doctest::Approx(0).scale(1e9));
    CHECK(plot.fit->from.x > 0);
    CHECK(plot.fit->to.x == 100);
}

TEST_CASE("dots are where the values are") {
    constexpr auto kUnicode = Characters::unicode, kAscii = Characters::ascii;
    // A rising line over 2 x 4 dots in one character, and a falling one.
    CHECK(dots({{0, 0}, {1, 3}}, 0, 3, 1, 1, kUnicode) == std::vector<std::string>{"⡜"});
    CHECK(dots({{0, 3}, {1, 0}}, 0, 3, 1, 1, kUnicode) == std::vector<std::string>{"⢣"});
    CHECK(dots({}, 0, 1, 2, 1, kUnicode) == std::vector<std::string>{"⠀⠀"});
    CHECK(dots({{0, 5}, {1, 5}}, 5, 5, 1, 1, kUnicode).size() == 1);  // a flat series is no division by zero
    CHECK(dots({{0, 0}, {3, 3}}, 0, 3, 4, 2, kAscii) == std::vector<std::string>{"  .'", ".'  "});
    CHECK(dots({{0, 3}, {1, 0}}, 0, 3, 1, 1, kAscii) == std::vector<std::string>{":"});
}

TEST_CASE("a few pages on top of megabytes are drawn as a ripple in the middle, a leak over the whole height") {
    Series series;
    for (int i = 0; i < 50; ++i) {
        series.seconds.push_back(i);
        series.value.push_back(7.0 * kMiB + (i < 25 ? 0 : 12 * 1024));
    }
    const MemoryPlot flat = memory_plot(series, {}, 100);
    CHECK(flat.high - flat.low >= 0.02 * 7 * kMiB);
    CHECK((flat.high + flat.low) / 2 == doctest::Approx(7.0 * kMiB + 6 * 1024));
    for (std::size_t i = 0; i < series.size(); ++i) series.value[i] += static_cast<double>(i) * kMiB;
    const MemoryPlot leak = memory_plot(series, {}, 100);
    CHECK(leak.high < 60 * kMiB);
    CHECK(leak.low == 0);  // with zero at its foot, where that leaves the curve enough of the height
    CHECK_FALSE(leak.cropped);
    CHECK(flat.cropped);
}
