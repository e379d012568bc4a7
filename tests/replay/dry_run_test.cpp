// What a replay would send, without sending it.
#include "replay/dry_run.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <numeric>

#include "base/error.hpp"
#include "report/report.hpp"
#include "support/replay_log.hpp"

using namespace leakline;
using namespace leakline::replay;
using namespace leakline::test;

namespace {

std::string text_of(const DryRun& result) { return report::format_named("text").render(result, {}); }

}  // namespace

TEST_CASE("a dry run says what would be sent") {
    std::vector<Request> requests = posts(100, 100ms);
    requests[3].target = "/api/users/7/events";
    requests[3].method = "GET";
    requests[3].body.clear();
    const LogFile log(requests);
    ReplayOptions options = options_for(log, "http://127.0.0.1:9");
    options.shape.not_methods = {"DELETE"};
    const DryRun result = dry_run(options);
    CHECK(result.requests == 100);
    CHECK(result.paths == std::map<std::string, std::uint64_t>{{"GET /api/users/*/events", 1}, {"POST /api/track", 99}});
    CHECK(*result.last - *result.first == 9900ms);
    CHECK(std::accumulate(result.rate.begin(), result.rate.end(), std::uint64_t{0}) == 100);
    CHECK(result.rate.size() <= 60);
    CHECK(text_of(result).starts_with("would send 100 requests ("));
    const std::string text = text_of(result);
    CHECK(text.find("  span 9.9s, 10/s on average\n") != std::string::npos);
    CHECK(text.find("at this pace") == std::string::npos);
    CHECK(std::count(text.begin(), text.end(), '#') > 0);
}

TEST_CASE("a dry run says how long the replay would take, and charts nothing that a few requests cannot fill") {
    const LogFile log(posts(5, 10s));
    ReplayOptions options = options_for(log, "");
    const auto text_at = [&](const Pace& pace) {
        options.pace = pace;
        return text_of(dry_run(options));
    };
    const auto contains = [](const std::string& text, const char* words) { return text.find(words) != std::string::npos; };
    CHECK(contains(text_at({Pace::Kind::recorded, 10, 0}), "  span 40s, 0.1/s on average\n  4s at this pace, 1/s on average\n"));
    CHECK(contains(text_at({Pace::Kind::rate, 1, 100}), "  40ms at this pace, 100/s on average\n"));
    CHECK(!contains(text_at({Pace::Kind::max, 1, 0}), "at this pace"));
    CHECK(!contains(text_at({Pace::Kind::recorded, 1, 0}), "rate over"));
    options.rounds = 3;
    options.max_gap = 1s;
    options.duration = 5s;
    CHECK(contains(text_at({Pace::Kind::recorded, 1, 0}), "  4s at this pace, 1/s on average, 3 rounds, for at most 5s\n"));
    options.connections = 0;
    CHECK_THROWS_WITH_AS(dry_run(options), doctest::Contains("--connections"), Error);
}
