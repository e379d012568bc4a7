#include "alert/internal/rule.hpp"

#include <doctest/doctest.h>

#include <string>
#include <vector>

namespace leakline::alert {
namespace {

using namespace std::chrono_literals;

// What a rule says to a share of the limit (in %) at a time (in seconds): "30:firing".
std::vector<std::string> say(const RuleOptions& options, const std::vector<std::pair<int, int>>& course) {
    MemoryRule rule(options);
    std::vector<std::string> said;
    for (const auto& [second, percent] : course)
        if (const auto kind = rule.observe(static_cast<Bytes>(percent), 100, std::chrono::seconds(second)))
            said.push_back(std::to_string(second) + ":" + std::string(kind_name(*kind)));
    return said;
}

RuleOptions rule(Nanoseconds hold, Nanoseconds gap) {
    RuleOptions options;
    options.hold = hold;
    options.minimum_gap = gap;
    return options;
}

using Said = std::vector<std::string>;

TEST_CASE("it fires only after the threshold was held, to the moment") {
    CHECK(say(rule(30s, 1h), {{0, 79}, {10, 80}, {39, 90}, {40, 90}, {41, 90}}) == Said{"40:firing"});
    CHECK(say(rule(30s, 1h), {{0, 85}, {29, 79}, {30, 85}, {59, 85}}) == Said{});  // a dip starts it anew
    CHECK(say(rule(0s, 1h), {{5, 80}}) == Said{"5:firing"});
}

TEST_CASE("it resolves only below the lower threshold, held as long") {
    CHECK(say(rule(10s, 1h), {{0, 90}, {10, 90}, {20, 76}, {60, 75}, {61, 74}, {70, 74}, {71, 74}}) == Said{"10:firing", "71:resolved"});
}

TEST_CASE("between the thresholds nothing changes, in both directions") {
    CHECK(say(rule(0s, 1h), {{0, 77}, {100, 79}, {200, 75}}) == Said{});
    CHECK(say(rule(0s, 24h), {{0, 80}, {100, 79}, {200, 75}, {300, 79}}) == Said{"0:firing"});
}

TEST_CASE("it repeats while memory stays high, not more often than the gap allows") {
    CHECK(say(rule(0s, 100s), {{0, 90}, {99, 90}, {100, 90}, {150, 90}, {250, 90}}) == Said{"0:firing", "100:repeated", "250:repeated"});
}

TEST_CASE("a new episode within the gap waits for its end, and one that nobody heard of is not resolved") {
    CHECK(say(rule(0s, 100s), {{0, 90}, {10, 50}, {20, 90}, {30, 50}, {40, 90}, {99, 90}, {100, 90}, {110, 50}}) ==
          Said{"0:firing", "10:resolved", "100:firing", "110:resolved"});
}

TEST_CASE("it knows since when") {
    MemoryRule rule_of(rule(30s, 1h));
    rule_of.observe(85, 100, 100s);
    rule_of.observe(85, 100, 130s);
    CHECK(rule_of.firing());
    CHECK(rule_of.since() == 100s);
}

}  // namespace
}  // namespace leakline::alert
