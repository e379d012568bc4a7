#include "diagnose/series_log.hpp"

#include <doctest/doctest.h>

using namespace leakline;
using namespace std::chrono_literals;

namespace {

class SteppingClock : public Clock {
  public:
    Nanoseconds monotonic() const override { return now; }
    Nanoseconds wall() const override { return now + wall_offset; }
    void sleep_until(Nanoseconds until) override { now = until; }
    Nanoseconds now = 100s, wall_offset = 1'700'000'000s;
};

}  // namespace

TEST_CASE("samples keep their place among the rounds when the wall clock is set back") {
    SteppingClock clock;
    replay::Progress progress;
    diagnose::SeriesLog log("service", clock, clock.now, progress);
    for (int second = 1; second <= 4; ++second) {
        clock.now += 1s;
        if (second == 3) clock.wall_offset -= 3600s;
        MemorySample sample;
        sample.at = clock.wall();
        sample[Metric::rss] = static_cast<Bytes>(second) * 1000;
        log.add(sample);
    }
    const Series series = log.copy();
    CHECK(series.seconds == std::vector<double>{1, 2, 3, 4});
    CHECK(series.value == std::vector<double>{1000, 2000, 3000, 4000});
    CHECK(log.highest() == 4000);
}
