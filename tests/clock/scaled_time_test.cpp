// The arithmetic of a scaled clock, and the text that its settings travel in.
#include <doctest/doctest.h>

#include "clock/internal/scaled_time.hpp"

using namespace leakline::clock;

namespace {

Settings scaled(double scale, std::int64_t origin = 0) {
    Settings settings;
    settings.scale = static_cast<std::uint64_t>(scale * static_cast<double>(Settings::kOne));
    settings.origin_ns = origin;
    return settings;
}

}  // namespace

TEST_CASE("settings are four numbers, and nothing else is taken for them") {
    const auto settings = parse_settings("30198988800:1000000000:123456789012345:1764400000123456789");
    REQUIRE(settings.has_value());
    CHECK(settings->scale == 1800 * Settings::kOne);
    CHECK(settings->shortest_wait_ns == kSecond);
    CHECK(settings->origin_ns == 123456789012345);
    CHECK(settings->wall_ns == 1764400000123456789);
    for (const char* text :
         {"", ":", "1", "16777216:1:2", "16777216:1:2:", "16777216:1:2:3 ", " 16777216:1:2:3", "16777216:1:2:3:4", "16777216:-1:2:3",
          "16777216:1:2:99999999999999999999", "0:1:2:3", "16776:1:2:3", "0x10:1:2:3", "16777216000001000:1:2:3", "16777216::2:3"})
        CHECK_FALSE(parse_settings(text).has_value());
    CHECK(parse_settings("16777:1:2:3").has_value());           // a thousandth
    CHECK(parse_settings("16777216000000:1:2:3").has_value());  // a million
}

TEST_CASE("a clock shows the machine's time at its origin, and passes it from there") {
    const Settings settings = scaled(1800, 5 * kSecond);
    CHECK(service_time(settings, 5 * kSecond) == 5 * kSecond);
    CHECK(service_time(settings, 6 * kSecond) == 1805 * kSecond);
    CHECK(service_time(settings, 4 * kSecond) == -1795 * kSecond);
    CHECK(service_duration(scaled(1), 12345) == 12345);
    CHECK(service_duration(scaled(0.5), 1000) == 500);
    CHECK(service_duration(scaled(1e6), kForever) == kForever);
    CHECK(service_duration(scaled(1e6), -kForever) == -kForever);
}

TEST_CASE("when a scaled wait is over, the clock shows its end") {
    for (const double scale : {1.0, 1.5, 3.0, 600.0, 1799.99, 1800.0, 20'000.0, 1e6}) {
        const Settings settings = scaled(scale);
        for (const std::int64_t wait : {kSecond, kSecond + 1, 7 * kSecond / 3, 3600 * kSecond, 86'400 * 400 * kSecond}) {
            const std::int64_t real = real_wait(settings, wait);
            CAPTURE(scale);
            CAPTURE(wait);
            CHECK(service_duration(settings, real) >= wait);
            CHECK(real <= wait);
            CHECK(real >= kShortestScaledWait);
            // No longer than it must be: a nanosecond less would be too short.
            if (real > kShortestScaledWait) CHECK(service_duration(settings, real - 1) < wait);
        }
    }
}

TEST_CASE("short and endless waits keep their length") {
    Settings settings = scaled(1800);
    for (const std::int64_t wait : {std::int64_t{-1}, std::int64_t{0}, std::int64_t{1}, kSecond - 1, kEndless, kForever})
        CHECK(real_wait(settings, wait) == wait);
    settings.shortest_wait_ns = 30 * kSecond;
    CHECK(real_wait(settings, 29 * kSecond) == 29 * kSecond);
    CHECK(real_wait(settings, 30 * kSecond) == 16'666'667);
    // A threshold below the shortest scaled wait lengthens nothing.
    settings.shortest_wait_ns = 0;
    CHECK(real_wait(settings, 1000) == 1000);
    CHECK(real_wait(settings, kSecond) == kShortestScaledWait);
}

TEST_CASE("what is left of a wait is scaled as the wait was, and never more than was asked for") {
    const Settings settings = scaled(1800);
    CHECK(remaining_service_time(settings, kSecond, 3600 * kSecond) == 1800 * kSecond);
    CHECK(remaining_service_time(settings, 3 * kSecond, 3600 * kSecond) == 3600 * kSecond);
    CHECK(remaining_service_time(settings, kSecond / 4, kSecond / 2) == kSecond / 4);
}

TEST_CASE("times that do not fit are the largest that do, and parts of seconds are in range") {
    CHECK(to_ns(timespec{std::numeric_limits<time_t>::max(), 999'999'999}) == kForever);
    CHECK(to_ns(timeval{std::numeric_limits<time_t>::min(), 0}) == -kForever);
    CHECK(added(kForever, 1) == kForever);
    CHECK(added(-kForever, -kForever) == -kForever);
    for (const std::int64_t ns : {std::int64_t{0}, std::int64_t{1}, std::int64_t{-1}, kSecond, -kSecond, kForever, -kForever}) {
        const timespec time = to_timespec(ns);
        CHECK(is_valid(time));
        CHECK(to_ns(time) == ns);
    }
    CHECK(to_timeval(1).tv_usec == 1);
    CHECK(to_timeval(kSecond).tv_usec == 0);
    CHECK(milliseconds_rounded_up(1) == 1);
    CHECK(milliseconds_rounded_up(2'000'000) == 2);
    CHECK_FALSE(is_valid(timespec{0, kSecond}));
    CHECK_FALSE(is_valid(timespec{0, -1}));
    CHECK_FALSE(is_valid(timeval{0, 1'000'000}));
}
