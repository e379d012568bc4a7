#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>

#include "leakline/sample_view.hpp"

using namespace leakline;
using namespace leakline::cli;

namespace {

MemorySample sample_at(double seconds, double bytes) {
    MemorySample sample;
    sample.at = std::chrono::duration_cast<Nanoseconds>(std::chrono::duration<double>(1'700'000'000 + seconds));
    sample[Metric::rss] = static_cast<Bytes>(bytes);
    return sample;
}

}  // namespace

TEST_CASE("a sparkline spans its least and greatest value, and averages what does not fit") {
    CHECK(sparkline({0, 1, 2, 3, 4, 5, 6, 7}, 8, true) == "▁▂▃▄▅▆▇█");
    CHECK(sparkline({0, 1, 2, 3, 4, 5, 6, 7}, 8, false) == "_.:-=+*#");
    CHECK(sparkline({0, 0, 10, 10, 5, 5}, 3, false) == "_#-");
    CHECK(sparkline({5, 5, 5}, 10, false) == "___");
    CHECK(sparkline({}, 10, true).empty());
    CHECK(sparkline({1, 2}, 0, true).empty());
}

TEST_CASE("a view of growth shows the slope and the time to the limit") {
    SampleView view("api (pid 7)", Metric::rss);
    CHECK(view.line() == "api (pid 7) rss 0 B, slope unknown yet");
    // 1 MiB a minute from 100 MiB on, for an hour, with a little noise.
    for (int i = 0; i <= 720; ++i) view.add(sample_at(i * 5, (100 + i / 12.0 + 0.2 * std::sin(i * 1.7)) * kMiB), Bytes{512} << 20);
    view.judge();
    const std::string line = view.line();
    CAPTURE(line);
    CHECK(line.starts_with("api (pid 7) rss 160 MiB, growing, +60"));
    CHECK(line.find(", 512 MiB in 5h5") != std::string::npos);  // (512 - 160) / 60 h = 5h52m
    const auto block = view.block(100, false);
    REQUIRE(block.size() == 3);
    CHECK(block[0] == "api (pid 7)  rss 160 MiB of 512 MiB  1h, 721 samples");
    CHECK(block[1].starts_with("_"));
    CHECK(block[1].ends_with("  100 MiB to 160 MiB"));
    CHECK(block[1].size() <= 100);

    // No line wraps on a narrow terminal, and the time to the limit stays to be seen.
    for (const std::size_t width : {12, 30, 45}) {
        const auto narrow = view.block(width, true);
        REQUIRE(narrow.size() == 4);
        for (const std::string& text : narrow) {
            CHECK(std::count_if(text.begin(), text.end(), [](char c) { return (c & 0xC0) != 0x80; }) <= static_cast<std::ptrdiff_t>(width));
        }
        CHECK(narrow[3].starts_with("512 MiB in 5"));
    }
}

TEST_CASE("a view of a million samples is as quick to judge, and knows them all") {
    SampleView view("api", Metric::rss);
    for (int i = 0; i < 1'000'000; ++i) view.add(sample_at(i, 50 * kMiB), std::nullopt);
    view.judge();
    CHECK(view.line().starts_with("api rss 50 MiB, stable"));
    CHECK(view.block(80, false)[0].ends_with("1,000,000 samples"));
}

TEST_CASE("a clock that is set back does not bring a view out of order") {
    SampleView view("api", Metric::rss);
    for (int i = 0; i < 100; ++i) view.add(sample_at(i, 50 * kMiB), std::nullopt);
    view.add(sample_at(-5000, 51 * kMiB), std::nullopt);
    view.judge();
    CHECK(view.line().starts_with("api rss 50 MiB"));
}
