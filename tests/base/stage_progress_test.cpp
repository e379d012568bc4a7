#include "base/stage_progress.hpp"

#include <doctest/doctest.h>

using namespace leakline;

TEST_CASE("one bar over stages never goes back") {
    StageProgress bar;
    bar.begin(0.5);
    CHECK(bar.at(0.5) == doctest::Approx(0.25));
    CHECK(bar.at(0.49) == doctest::Approx(0.25));
    CHECK(bar.at(1) == doctest::Approx(0.5));
    CHECK(bar.at(0.5) == doctest::Approx(0.5));  // eight rounds more than planned: half of what is left
    CHECK(bar.at(0.75) == doctest::Approx(0.625));
    bar.begin(0.8);  // the stage was over before its share
    CHECK(bar.at(0) == doctest::Approx(0.75));
    CHECK(bar.at(1) == doctest::Approx(0.95));
    bar.begin(1);
    CHECK(bar.at(1) == 1);
}
