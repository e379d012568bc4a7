// Identifiers that are made fresh from round to round.
#include "replay/replay.hpp"

#include <doctest/doctest.h>

#include <fmt/format.h>

#include <functional>
#include <mutex>
#include <set>

#include "base/error.hpp"
#include "support/loopback_server.hpp"
#include "support/replay_log.hpp"

using namespace leakline;
using namespace leakline::test;

namespace {

std::string hex_of(std::uint64_t number, std::size_t digits) {
    std::string text;
    for (std::uint64_t state = number * 0x9e3779b97f4a7c15u + 12345; text.size() < digits;
         state = state * 6364136223846793005u + 1442695040888963407u)
        text += "0123456789abcdef"[state >> 60];
    return text;
}
std::string uuid_of(std::uint64_t number) {
    const std::string hex = hex_of(number, 32);
    return hex.substr(0, 8) + "-" + hex.substr(8, 4) + "-4" + hex.substr(13, 3) + "-a" + hex.substr(17, 3) + "-" + hex.substr(20);
}

replay::FreshPlan plan_of(const std::vector<Request>& requests, std::vector<replay::FreshName> names = {}) {
    const LogFile log(requests);
    replay::ReplayOptions options;
    options.logs = {log.path()};
    options.fresh.detect = names.empty();
    options.fresh.names = std::move(names);
    return replay::plan_fresh(options);
}

// The value that replaces text in the only field of the plan.
std::string fresh(const replay::FreshPlan& plan, const std::string& text, std::uint64_t generation) {
    std::string out;
    REQUIRE(plan.fields.size() == 1);
    REQUIRE(plan.fields[0].identity.replace(text, generation, plan.seed, out));
    return out;
}

std::vector<Request> with_ids(int count, const std::function<std::string(int)>& json_id) {
    std::vector<Request> requests = posts(count);
    for (int i = 0; i < count; ++i)
        requests[static_cast<std::size_t>(i)].body = "{\"order\":{\"id\":" + json_id(i) + "},\"user_id\":" + std::to_string(i % 7) + "}";
    return requests;
}

}  // namespace

TEST_CASE("identifiers of every look are found, and keep their length and alphabet") {
    struct Look {
        const char* name;
        std::function<std::string(int)> value;
        const char* alphabet;
    };
    const std::vector<Look> looks = {
        {"uuid", [](int i) { return uuid_of(static_cast<std::uint64_t>(i)); }, "0123456789abcdef-"},
        {"hex", [](int i) { return hex_of(static_cast<std::uint64_t>(i), 16); }, "0123456789abcdef"},
        {"short hex", [](int i) { return hex_of(static_cast<std::uint64_t>(i), 8); }, "0123456789abcdef"},
        {"ulid",
         [](int i) { return "01HZX3" + fmt::format("{:0>20}", fmt::format("{:X}Z7K", 0x123456789abull * static_cast<unsigned>(i + 1))); },
         "0123456789ABCDEFHKXZ"},
        {"trace",
         [](int i) {
             return "00-" + hex_of(static_cast<std::uint64_t>(i), 32) + "-" + hex_of(static_cast<std::uint64_t>(i) + 7777, 16) + "-01";
         },
         "0123456789abcdef-"},
        {"number with a prefix", [](int i) { return fmt::format("req-{:06}", 100 + i); }, "req-0123456789"},
        {"time", [](int i) { return fmt::format("2024-05-01T10:{:02}:{:02}.{:03}Z", i / 60, i % 60, i * 7 % 1000); }, "0123456789-T:.Z"},
    };
    for (const Look& look : looks) {
        CAPTURE(look.name);
        const replay::FreshPlan plan = plan_of(with_ids(200, [&](int i) { return '"' + look.value(i) + '"'; }));
        CHECK(plan.texts() == std::vector<std::string>{"field order.id"});
        std::set<std::string> seen;
        for (int i = 0; i < 200; ++i) seen.insert(look.value(i));
        REQUIRE(seen.size() == 200);
        for (std::uint64_t generation = 1; generation <= 20; ++generation)
            for (int i = 0; i < 200; ++i) {
                const std::string old = look.value(i), now = fresh(plan, old, generation);
                if (now.size() != old.size() || now.find_first_not_of(look.alphabet) != now.npos) FAIL(old << " -> " << now);
                if (!seen.insert(now).second) FAIL(now << " was used before");
                if (generation == 1 && fresh(plan, old, 1) != now) FAIL(old << " has two values");
            }
    }
}

TEST_CASE("numbers keep their digits while there are unused ones, and no number comes twice") {
    for (const auto& numbers : std::vector<std::pair<std::int64_t, std::int64_t>>{
             {100'000, 1}, {1, 1}, {1'714'557'600'123, 37}, {271'828'182'845'904'523, 1'000'000'007}}) {
        CAPTURE(numbers.first);
        const auto value = [&](int i) { return std::to_string(numbers.first + numbers.second * i); };
        const replay::FreshPlan plan = plan_of(with_ids(300, value));
        std::set<std::string> seen;
        for (int i = 0; i < 300; ++i) seen.insert(value(i));
        for (std::uint64_t generation = 1; generation <= 50; ++generation)
            for (int i = 0; i < 300; ++i) {
                const std::string now = fresh(plan, value(i), generation);
                if (!seen.insert(now).second) FAIL(now << " was used before");
                if (numbers.first > 1) CHECK(now.size() == value(i).size());
                CHECK(now.front() != '0');
            }
    }
}

TEST_CASE("all numbers of a length are used before one gets another digit") {
    const auto padded = [](int i) { return fmt::format("\"req-{:03}\"", 50 + i); };
    const auto plain = [](int i) { return std::to_string(99'700 + i); };
    struct Range {
        std::function<std::string(int)> value;
        int count;
        std::uint64_t generations;  // that have room, beside the log: of 100 in 000..999, of 300 in 10000..99999
        const char* first;          // of those that have none
    };
    for (const Range& range : {Range{padded, 100, 9, "req-1000"}, Range{plain, 300, 299, "100000"}}) {
        const replay::FreshPlan plan = plan_of(with_ids(range.count, range.value));
        const auto old = [&](int i) {
            std::string text = range.value(i);
            std::erase(text, '"');
            return text;
        };
        std::set<std::string> seen;
        for (int i = 0; i < range.count; ++i) seen.insert(old(i));
        for (std::uint64_t generation = 1; generation <= range.generations + 2; ++generation)
            for (int i = 0; i < range.count; ++i) {
                const std::string now = fresh(plan, old(i), generation);
                if (!seen.insert(now).second) FAIL(now << " was used before");
                if ((now.size() == old(i).size()) != (generation <= range.generations)) FAIL(now << " in generation " << generation);
                if (generation == range.generations + 1 && i == 0) CHECK(now == range.first);
            }
    }
}

TEST_CASE("a number of two fields is the same in both, and none in JSON begins with a zero because it does so elsewhere") {
    std::vector<Request> requests;
    for (int i = 0; i < 200; ++i) {
        const int id = i < 100 ? 500'000 + i * 1999 : 7 + i;
        Request post = posts(1)[0];
        post.target = fmt::format("/orders?order_id={:06}", id);
        post.body = fmt::format(R"({{"order_id":{}}})", id);
        requests.push_back(post);
    }
    const replay::FreshPlan plan = plan_of(requests);
    REQUIRE(plan.fields.size() == 2);
    for (std::uint64_t generation : {1u, 2u, 3u, 50u, 1000u})
        for (const Request& request : requests) {
            std::string in_query, in_body;
            const std::string number = request.body.substr(12, request.body.size() - 13);
            for (const replay::FreshField& field : plan.fields)
                REQUIRE(field.identity.replace(number, generation, plan.seed, field.kind == replay::ValueKind::query ? in_query : in_body));
            CHECK(in_query == in_body);
            CHECK(in_body.front() != '0');
        }
}

TEST_CASE("fresh numbers are behind those of the whole log, and not of its beginning alone") {
    constexpr int kRequests = static_cast<int>(replay::kFreshSample) + 5000;
    const replay::FreshPlan plan = plan_of(with_ids(kRequests, [](int i) { return std::to_string(100'000 + i); }));
    CHECK(fresh(plan, "100000", 1) == std::to_string(100'000 + kRequests));
}

TEST_CASE("an identifier is found beside thousands of names that are data") {
    std::vector<Request> requests = posts(13'000);
    for (int i = 0; i < 13'000; ++i)
        requests[static_cast<std::size_t>(i)].body =
            fmt::format(R"({{"request_id":"{}","user_{}":1,"from_{}":2}})", uuid_of(static_cast<std::uint64_t>(i)), i, i);
    CHECK(plan_of(requests).texts() == std::vector<std::string>{"field request_id"});
    // It repeats, if late.
    requests.back().body = requests.front().body;
    CHECK(plan_of(requests).fields.empty());
}

TEST_CASE("a number of more digits than 64 bits take stays a number") {
    const auto snowflake = [](int i) {
        return fmt::format("{}{}", 1 + i % 9,
                           fmt::format("{:018}", (static_cast<std::uint64_t>(i) * 7'919'123'456'789) % 1'000'000'000'000'000'000));
    };
    const replay::FreshPlan plan = plan_of(with_ids(300, snowflake));
    for (int i = 0; i < 300; ++i) {
        const std::string old = snowflake(i), now = fresh(plan, old, 3);
        CHECK(now.size() == old.size());
        CHECK(now != old);
        CHECK(now.find_first_not_of("0123456789") == std::string::npos);
        CHECK(now.front() != '0');
    }
}

TEST_CASE("values that repeat, belong to users or are data stay") {
    std::vector<Request> requests = posts(300);
    for (int i = 0; i < 300; ++i) {
        Request& request = requests[static_cast<std::size_t>(i)];
        const auto number = static_cast<std::uint64_t>(i);
        request.target = "/users/" + std::to_string(90'000 + i) + "/orders?page=" + std::to_string(i % 5) +
                         "&limit=" + std::to_string(1000 + i * 13 % 997);
        request.headers = {{"Authorization", "Bearer " + hex_of(number, 40)},
                           {"Cookie", "sid=" + hex_of(number, 20)},
                           {"X-Session-Id", uuid_of(number)},
                           {"User-Agent", "agent-" + std::to_string(i)},
                           {"If-None-Match", hex_of(number, 16)}};
        request.body = fmt::format(
            R"({{"user_id":"{}","amount":{},"price":{}.5,"name":"item {}","sku":"{}","password":"{}","client_ip":"10.0.{}.{}","comment":"x"}})",
            uuid_of(number), 5000 + i * 7919 % 10007, i, i, hex_of(number % 290, 12), hex_of(number, 12), i / 200, i % 200);
    }
    CHECK(plan_of(requests).texts() == std::vector<std::string>{});
    // A name given by the caller is taken, unless its values cannot be identifiers.
    CHECK(plan_of(requests, {replay::parse_fresh_name("header:x-session-id"), replay::parse_fresh_name("field:user_id")}).texts() ==
          std::vector<std::string>{"header X-Session-Id", "field user_id"});
    const replay::FreshPlan unknown = plan_of(requests, {replay::parse_fresh_name("field:nothing")});
    CHECK(unknown.fields.empty());
    CHECK(unknown.warnings ==
          std::vector<std::string>{"--fresh field:nothing: no request has such a value, or it does not look like an identifier"});
}

TEST_CASE("a few requests do not show what identifies them") {
    CHECK(plan_of(with_ids(19, [](int i) { return '"' + uuid_of(static_cast<std::uint64_t>(i)) + '"'; })).fields.empty());
    CHECK(plan_of(with_ids(20, [](int i) { return '"' + uuid_of(static_cast<std::uint64_t>(i)) + '"'; })).fields.size() == 1);
}

TEST_CASE("one value in several places of a request, and of several requests, becomes one value") {
    std::vector<Request> requests;
    for (int i = 0; i < 150; ++i) {
        const std::string id = std::to_string(500'100 + i);
        Request put = posts(1)[0];
        put.method = "PUT";
        put.target = "/orders/" + id + "?order=" + id;
        put.headers.emplace_back("X-Request-Id", uuid_of(static_cast<std::uint64_t>(i)));
        put.body = R"({"data":[{"order_id":)" + id + R"(,"copy":")" + id + R"("}],"qty":1})";
        requests.push_back(put);
    }
    const replay::FreshPlan plan = plan_of(requests);
    CHECK(plan.texts().size() == 5);
    replay::FreshValues values(plan);
    Request changed = requests[3];
    REQUIRE(values.apply(changed, 2));
    const std::string id = changed.target.substr(8, 6);
    CHECK(id != "500103");
    CHECK(changed.target == "/orders/" + id + "?order=" + id);
    CHECK(changed.body == R"({"data":[{"order_id":)" + id + R"(,"copy":")" + id + R"("}],"qty":1})");
    CHECK(changed.headers[1].second != requests[3].headers[1].second);
    CHECK(changed.headers[1].second.size() == 36);
    CHECK(changed.headers[0] == requests[3].headers[0]);
    Request untouched = requests[3];
    CHECK_FALSE(values.apply(untouched, 0));
    CHECK(untouched.body == requests[3].body);
}

TEST_CASE("fields of forms are found too, and what is no field stays") {
    std::vector<Request> requests = posts(60);
    for (int i = 0; i < 60; ++i) {
        requests[static_cast<std::size_t>(i)].headers = {{"Content-Type", "application/x-www-form-urlencoded"}};
        requests[static_cast<std::size_t>(i)].body =
            "event_id=" + uuid_of(static_cast<std::uint64_t>(i)) + "&text=a%20b&user=" + std::to_string(i % 3);
    }
    const replay::FreshPlan plan = plan_of(requests);
    CHECK(plan.texts() == std::vector<std::string>{"field event_id"});
    replay::FreshValues values(plan);
    REQUIRE(values.apply(requests[0], 1));
    CHECK(requests[0].body.starts_with("event_id="));
    CHECK(requests[0].body.size() == 9 + 36 + 18);
    CHECK(requests[0].body.find(uuid_of(0)) == std::string::npos);
    CHECK(requests[0].body.ends_with("&text=a%20b&user=0"));
}

TEST_CASE("persons and sessions stay, unless each of many requests has another") {
    const auto fields = [](int count, int persons, int apart = 1000, const std::string& path = "/users/") {
        std::vector<Request> requests = posts(count);
        for (int i = 0; i < count; ++i) {
            const int person = i % persons;
            const std::string device = hex_of(static_cast<std::uint64_t>(person), 12);
            Request& request = requests[static_cast<std::size_t>(i)];
            request.target = path + (path == "/users/" ? std::to_string(person) : device) +
                             "?customer_id=" + hex_of(static_cast<std::uint64_t>(person), 20);
            request.headers = {{"X-User", device}, {"X-Session-Token", hex_of(static_cast<std::uint64_t>(person) + 10'000, 16)}};
            request.body = "{\"account\":\"user-" + std::to_string(person * apart) + "\"}";
        }
        return plan_of(requests).texts();
    };
    CHECK(fields(599, 599).empty());
    CHECK(fields(600, 599).empty());
    CHECK(fields(600, 600) == std::vector<std::string>{"header X-User", "field account"});
    CHECK(fields(600, 600, 1) == std::vector<std::string>{"header X-User"});                  // all that there are
    CHECK(fields(600, 600, 1000, "/devices/") == std::vector<std::string>{"field account"});  // also named by the path
}

TEST_CASE("the first round sends the log as it is, each other one identifiers of its own, users as they are") {
    RecordingServer server;
    const LogFile log(with_ids(40, [](int i) { return '"' + uuid_of(static_cast<std::uint64_t>(i)) + '"'; }));
    replay::ReplayOptions options = options_for(log, server.url());
    options.connections = 1;
    options.rounds = 3;
    options.fresh.detect = true;
    const ReplayStats stats = replay::run(options);
    check_books(stats);
    CHECK(stats.fresh == std::vector<std::string>{"field order.id"});
    CHECK(stats.not_fresh.empty());
    const std::vector<std::string> received = server.requests();
    REQUIRE(received.size() == 120);
    std::set<std::string> ids;
    for (std::size_t i = 0; i < received.size(); ++i) {
        const std::string body = received[i].substr(received[i].find("\r\n\r\n") + 4);
        ids.insert(body.substr(body.find("id\":\"") + 5, 36));
        CHECK(body.ends_with("\"user_id\":" + std::to_string(i % 40 % 7) + "}"));
        if (i < 40) CHECK(body.find(uuid_of(i)) != body.npos);
    }
    CHECK(ids.size() == 120);
    // Without being asked, a replay changes nothing.
    options.fresh = {};
    RecordingServer plain;
    options.target = plain.url();
    CHECK(replay::run(options).fresh.empty());
    for (std::size_t i = 0; i < 120; ++i) CHECK(plain.requests()[i].find(uuid_of(i % 40)) != std::string::npos);
}

TEST_CASE("a kind of request that is refused with fresh identifiers goes back to the log's") {
    // Looks items up, which are those of the log, and takes orders with any id.
    std::set<std::string> known;
    std::vector<Request> requests;
    for (int i = 0; i < 150; ++i) {
        Request get;
        get.target = "/items/" + std::to_string(7000 + i);
        known.insert(get.target);
        requests.push_back(get);
        Request post = posts(1)[0];
        post.body = "{\"request_id\":\"" + uuid_of(static_cast<std::uint64_t>(i)) + "\"}";
        requests.push_back(post);
    }
    std::mutex mutex;
    std::set<std::string> bodies;
    LoopbackServer server([&](Wire& wire) {
        for (std::string request; !(request = wire.read_request()).empty();) {
            const std::string target = request.substr(request.find(' ') + 1, request.find(" HTTP") - request.find(' ') - 1);
            const bool found = !request.starts_with("GET") || known.contains(target);
            if (request.starts_with("POST")) {
                const std::lock_guard lock(mutex);
                bodies.insert(request.substr(request.find("\r\n\r\n")));
            }
            wire.write(found ? kOk : "HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n");
        }
    });
    const LogFile log(requests);
    replay::ReplayOptions options = options_for(log, server.url());
    options.rounds = 20;
    options.fresh.detect = true;
    options.after_round = [](int) { return true; };
    const ReplayStats stats = replay::run(options);
    check_books(stats);
    CHECK(stats.fresh == std::vector<std::string>{"path segment 2 (/items/*)", "field request_id"});
    CHECK(stats.not_fresh == std::vector<std::string>{"GET /items/*"});
    CHECK(stats.statuses.at(404) == 150);  // of the one round that shows it
    CHECK(stats.paths.at("GET /items/*").refused_fresh == 150);
    CHECK(bodies.size() == 20 * 150);
}
