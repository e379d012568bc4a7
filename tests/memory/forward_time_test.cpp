#include "memory/forward_time.hpp"

#include <doctest/doctest.h>

using namespace leakline;
using namespace std::chrono_literals;

TEST_CASE("samples' times never go back: a clock set back is left behind, one set forward is followed") {
    memory::ForwardTime time;
    CHECK(time.at(1000s, 5s) == 1000s);
    CHECK(time.at(1001s, 6s) == 1001s);
    CHECK(time.at(400s, 7s) == 1002s);  // set back by 10 minutes
    CHECK(time.at(401s, 8s) == 1003s);
    CHECK(time.at(5000s, 9s) == 5000s);  // set forward
    CHECK(time.at(5000s, 10s) == 5001s);
    CHECK(time.at(5000s, 10s) == 5001s);  // no time has passed on either
}
