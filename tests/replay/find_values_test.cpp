// Which values of responses the requests of a log send later.
#include "replay/find_values.hpp"

#include <doctest/doctest.h>
#include <fmt/format.h>

#include "base/error.hpp"
#include "model/recorded_response.hpp"
#include "support/loopback_server.hpp"
#include "support/replay_log.hpp"

using namespace leakline;
using namespace leakline::test;
using namespace leakline::replay;

namespace {

struct Exchange {
    std::string connection, method, target;
    decltype(Request::headers) headers;
    std::string body, response;
    decltype(Request::headers) response_headers = {};
};

LogFile log_of(const std::vector<Exchange>& exchanges) {
    std::vector<Request> requests;
    for (const Exchange& exchange : exchanges) {
        Request request;
        request.at = 1'700'000'000s + 1ms * static_cast<int>(requests.size());
        request.method = exchange.method;
        request.target = exchange.target;
        request.headers = exchange.headers;
        request.body = exchange.body;
        request.connection = exchange.connection;
        append_json(request.response, {200, exchange.response_headers, exchange.response, std::nullopt});
        requests.push_back(std::move(request));
    }
    return LogFile(requests);
}

ValueOptions found_in(const LogFile& log) {
    ReplayOptions options;
    options.logs = {log.path()};
    return find_values(options);
}

// Sessions of users who log in, place an order and look at it.
std::vector<Exchange> shop(int sessions) {
    std::vector<Exchange> log;
    for (int i = 0; i < sessions; ++i) {
        const std::string c = fmt::format("c{}", i), token = fmt::format("tok-{:016x}", 7919 * i + 13),
                          order = fmt::format("{}", 500123 + i);
        const decltype(Request::headers) bearer = {{"Authorization", "Bearer " + token}, {"X-Client", "shop-client-version-17"}};
        log.push_back({c,
                       "POST",
                       "/login",
                       {},
                       fmt::format(R"({{"user":"user-{:08}"}})", i),
                       fmt::format(R"({{"status":"success","auth":{{"tokens":["{}"]}},"user":"user-{:08}"}})", token, i),
                       {{"Set-Cookie", "sid=s" + token + "; Path=/"}}});
        log.push_back({c, "POST", "/orders", bearer, fmt::format(R"({{"user":"user-{:08}","items":[17]}})", i),
                       fmt::format(R"({{"id":{}}})", order)});
        log.push_back({c, "GET", "/orders/" + order + "/items?order=" + order, bearer, "", "{}"});
        log.push_back({c, "POST", "/pay", bearer, fmt::format(R"({{"order":{{"id":{}}}}})", order), "{}"});
    }
    return log;
}

}  // namespace

TEST_CASE("tokens and identifiers that go out after they came are found, and what the client chose itself is not") {
    const ValueOptions found = found_in(log_of(shop(5)));
    CHECK(found.notes ==
          std::vector<std::string>{
              "found in the log: --extract 'value1=POST /orders .body.id' --substitute 'POST /pay .body.order.id={value1}'",
              "found in the log: --extract 'value2=POST /login .body.auth.tokens[0]' --substitute 'header:Authorization=Bearer {value2}'",
              "found in the log: --extract 'value1=POST /orders .body.id' --substitute 'path:/orders/*/**={value1}'",
              "found in the log: --extract 'value1=POST /orders .body.id' --substitute 'query:order={value1}'"});
    CHECK_FALSE(found.cookies);  // the client does not send them
    check(found);
}

TEST_CASE("the rules that are found replay the log against a service that gives other values") {
    std::atomic<int> number = 0, refused = 0;
    LoopbackServer server([&](Wire& wire) {
        std::string token, order;
        for (std::string request = wire.read_request(); !request.empty(); request = wire.read_request()) {
            std::string body = "{}";
            const bool allowed = !token.empty() && request.find("Authorization: Bearer " + token + "\r\n") != request.npos;
            const bool right_order = order.empty() || request.find(order) != request.npos;
            if (request.starts_with("POST /login")) {
                token = fmt::format("new-token-{:08}", ++number);
                body = fmt::format(R"({{"auth":{{"tokens":["{}"]}}}})", token);
            } else if (!allowed || !right_order) {
                ++refused;
            } else if (request.starts_with("POST /orders")) {
                order = fmt::format("{}", 9'000'000 + ++number);
                body = fmt::format(R"({{"id":{}}})", order);
            }
            wire.write(fmt::format("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{}", body.size(), body));
        }
    });
    const LogFile log = log_of(shop(8));
    ReplayOptions options = options_for(log, server.url());
    options.connections = 8;
    options.values = find_values(options);
    const ReplayStats stats = run(options);
    check_books(stats);
    CHECK(stats.completed == 32);
    CHECK(refused == 0);
    REQUIRE(stats.values);
    CHECK(stats.values->substituted == 24);
    CHECK(stats.warnings == options.values.notes);
}

TEST_CASE("cookies that come back are found; words, small numbers and other sessions' values are not") {
    const ValueOptions cookies = found_in(log_of(
        {{"a", "GET", "/", {}, "", "", {{"Set-Cookie", "sid=1; Path=/"}}}, {"a", "GET", "/x", {{"Cookie", "theme=dark; sid=1"}}, "", ""}}));
    CHECK(cookies.cookies);
    CHECK(cookies.notes == std::vector<std::string>{"found in the log: --cookies"});
    const ValueOptions none = found_in(log_of({{"a", "GET", "/", {}, "", R"({"status":"success","n":17,"token":"0123456789abcdef"})"},
                                               {"a", "GET", "/success", {{"X-N", "17"}}, "", ""},
                                               {"b", "GET", "/x", {{"X-Token", "0123456789abcdef"}}, "", ""}}));
    CHECK_FALSE(none.any());
    CHECK(none.notes == std::vector<std::string>{"no value of a response was found in a later request of its session"});
    const LogFile without(posts(2));
    CHECK_THROWS_AS(found_in(without), Error);
}
