#include "replay/traffic_generator.hpp"

#include <doctest/doctest.h>

#include <nlohmann/json.hpp>
#include <set>
#include <vector>

namespace leakline::replay {
namespace {

using namespace std::chrono_literals;

std::vector<Request> all(const TrafficOptions& options) {
    std::vector<Request> requests;
    TrafficGenerator generator(options);
    while (const Request* request = generator.next()) requests.push_back(*request);
    return requests;
}

TEST_CASE("the same seed gives the same traffic, another seed another") {
    TrafficOptions options;
    options.requests = 200;
    const auto first = all(options), second = all(options);
    options.seed = 2;
    const auto other = all(options);
    REQUIRE(first.size() == 200);
    std::size_t same = 0, like_other = 0;
    for (std::size_t i = 0; i < 200; ++i) {
        same += first[i].at == second[i].at && first[i].body == second[i].body;
        like_other += first[i].body == other[i].body;
    }
    CHECK(same == 200);
    CHECK(like_other == 0);
}

TEST_CASE("every request is one that trackd accepts, of 0.2 to 2 KB") {
    TrafficOptions options;
    options.requests = 2000;
    std::set<std::string> users;
    std::set<std::string> types;
    for (const Request& request : all(options)) {
        CHECK(request.method == "POST");
        CHECK(request.target == "/api/track");
        CHECK(request.body.size() >= 200);
        CHECK(request.body.size() <= 2048);
        const auto body = nlohmann::json::parse(request.body);
        users.insert(body["user_id"].get<std::string>());
        CHECK_FALSE(body["events"].empty());
        for (const auto& event : body["events"]) types.insert(event["type"].get<std::string>());
    }
    CHECK(users.size() > 1000);
    CHECK(types == std::set<std::string>{"page_view", "click", "search", "add_to_cart", "purchase"});
}

TEST_CASE("times rise, fill the duration, and follow the hour of the day") {
    TrafficOptions options;
    options.requests = 24'000;
    options.duration = 24h;
    const auto requests = all(options);
    std::vector<int> of_hour(24);
    Nanoseconds last = options.start;
    std::size_t falls = 0;
    for (const Request& request : requests) {
        falls += request.at < last;
        last = request.at;
        ++of_hour[static_cast<std::size_t>((request.at - options.start) / 1h)];
    }
    CHECK(falls == 0);
    CHECK(last < options.start + options.duration);
    // 1000 x (1 - 0.7 cos) in the mean over the hour, with five standard deviations of a Poisson count.
    CHECK(of_hour[4] > 220);
    CHECK(of_hour[4] < 400);
    CHECK(of_hour[16] > 1480);
    CHECK(of_hour[16] < 1900);
}

TEST_CASE("there are no more users than asked for") {
    TrafficOptions options;
    options.requests = 500;
    options.users = 3;
    std::set<std::string> users;
    for (const Request& request : all(options)) users.insert(nlohmann::json::parse(request.body)["user_id"]);
    CHECK(users == std::set<std::string>{"user_00000", "user_00001", "user_00002"});
}

}  // namespace
}  // namespace leakline::replay
