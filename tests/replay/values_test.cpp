// Values of responses in later requests, and cookies, against servers that accept nothing else.
#include <doctest/doctest.h>
#include <fmt/format.h>

#include <map>
#include <mutex>
#include <set>

#include "base/error.hpp"
#include "base/strings.hpp"
#include "replay/internal/cookie_jar.hpp"
#include "replay/internal/session_values.hpp"
#include "replay/wire.hpp"
#include "support/loopback_server.hpp"
#include "support/replay_log.hpp"

using namespace leakline;
using namespace leakline::test;
using namespace leakline::replay;

namespace {

std::string answer(const std::string& body, const std::string& fields = "", int status = 200) {
    return fmt::format("HTTP/1.1 {} X\r\n{}Content-Length: {}\r\n\r\n{}", status, fields, body.size(), body);
}

// Each POST /login/USER gives a new token, in an object behind other members; everything else must carry a token that was given to
// its user and not yet replaced by a newer one.
class TokenServer {
  public:
    TokenServer() : server_([this](Wire& wire) { serve(wire); }) {}
    std::string url() const { return server_.url(); }
    std::vector<std::string> requests() const {
        const std::lock_guard lock(mutex_);
        return requests_;
    }

  private:
    void serve(Wire& wire) {
        for (std::string request = wire.read_request(); !request.empty(); request = wire.read_request()) wire.write(respond(request));
    }
    std::string respond(const std::string& request) {
        const std::lock_guard lock(mutex_);
        requests_.push_back(request);
        const std::string target = request.substr(request.find('/'), request.find(" HTTP") - request.find('/'));
        const std::string user = target.substr(target.rfind('/') + 1);
        if (target.starts_with("/login/")) {
            tokens_[user] = fmt::format("t/{} {}", user, ++given_);
            return answer(fmt::format(R"({{"scopes":[{{"x":1}}],"auth":{{"token":"t\/{} {}"}}}})", user, given_));
        }
        return request.find("Authorization: Bearer " + tokens_[user] + "\r\n") != request.npos ? answer("ok") : answer("no", "", 401);
    }

    mutable std::mutex mutex_;  // guards the members below
    std::map<std::string, std::string> tokens_;
    std::vector<std::string> requests_;
    int given_ = 0;
    LoopbackServer server_;
};

Request request_of(const std::string& connection, const std::string& method, const std::string& target) {
    Request request;
    request.at = 1'700'000'000s;
    request.method = method;
    request.target = target;
    request.connection = connection;
    return request;
}

Request with_token(const std::string& connection, const std::string& user) {
    Request request = request_of(connection, "GET", "/orders/" + user);
    request.headers = {{"Authorization", "Bearer recorded"}};
    return request;
}

// Sessions that are interleaved: each logs in and makes ten requests, then logs in again and makes ten more.
std::vector<Request> sessions(int count) {
    std::vector<Request> log;
    for (int login = 0; login < 2; ++login) {
        for (int i = 0; i < count; ++i) log.push_back(request_of(fmt::format("c{}", i), "POST", fmt::format("/login/u{}", i)));
        for (int n = 0; n < 10; ++n)
            for (int i = 0; i < count; ++i) log.push_back(with_token(fmt::format("c{}", i), fmt::format("u{}", i)));
    }
    return log;
}

ReplayOptions with_values(const LogFile& log, const std::string& url, std::vector<std::string> extract,
                          std::vector<std::string> substitute) {
    ReplayOptions options = options_for(log, url);
    for (const std::string& text : extract) options.values.extractions.push_back(parse_extraction(text));
    for (const std::string& text : substitute) options.values.substitutions.push_back(parse_substitution(text, options.values.extractions));
    return options;
}

const char* const kToken = "token=POST /login/* .body.auth.token";
const char* const kBearer = "header:Authorization=Bearer {token}";

// A request as it is sent after a response, with one session.
std::string rendered(const Request& request, const ValueOptions& options, const http::KeptResponse& response) {
    Record record;
    record.method = request.method;
    record.target = request.target;
    for (const auto& [name, value] : request.headers) record.headers.emplace_back(name, value);
    record.body = request.body;
    std::string wire, out = "-";
    REQUIRE(append_wire(wire, record, "h"));
    std::vector<Patch> patches;
    PatchFinder(options).find(wire, patches);
    SessionValues values(options);
    values.learn(1, extractions_of(options, "GET", "/"), "/", response);
    if (!values.render(1, wire, patches, out)) return "missing";
    return out;
}

std::string rendered(const Request& request, const std::string& substitution, const std::string& value) {
    ValueOptions options;
    options.extractions = {parse_extraction("v=header:V")};
    options.substitutions = {parse_substitution(substitution, options.extractions)};
    http::KeptResponse response;
    response.headers = {{"v", value}};
    return rendered(request, options, response);
}

std::string cookie_line(const CookieJar& jar, const std::string& target, const std::string& recorded) {
    std::string out;
    jar.append_line(out, target, recorded);
    return out;
}

}  // namespace

TEST_CASE("each session sends the token that its own login has given, in every round and with any number of connections") {
    const LogFile log(sessions(7));
    for (const int connections : {1, 3, 16}) {
        TokenServer server;
        ReplayOptions options = with_values(log, server.url(), {kToken}, {kBearer});
        options.connections = connections;
        options.rounds = 3;
        const ReplayStats stats = run(options);
        check_books(stats);
        CHECK(stats.read == 3 * 7 * 22);
        CHECK(stats.statuses == std::map<int, std::uint64_t>{{200, 3 * 7 * 22}});
        CHECK(stats.valid);
        REQUIRE(stats.values);
        CHECK(stats.values->substituted == 3 * 7 * 20);
        CHECK(stats.values->skipped == 0);
        REQUIRE(stats.values->extracted.size() == 1);
        CHECK(stats.values->extracted[0].searched == 3 * 7 * 2);
        CHECK(stats.values->extracted[0].found == 3 * 7 * 2);
    }
}

TEST_CASE("a log without connections is one session, in order") {
    std::vector<Request> requests = sessions(1);
    for (Request& request : requests) request.connection.clear();
    const LogFile log(requests);
    TokenServer server;
    const ReplayStats stats = run(with_values(log, server.url(), {kToken}, {kBearer}));
    check_books(stats);
    CHECK(stats.statuses == std::map<int, std::uint64_t>{{200, 22}});
    CHECK(stats.warnings == std::vector<std::string>{"22 requests name no session and were sent as one session, on one connection "
                                                     "(--session says what identifies a session)"});
}

TEST_CASE("a request whose session has no value is not sent, unless asked") {
    std::vector<Request> requests = sessions(1);
    for (int i = 0; i < 30; ++i) requests.push_back(with_token(fmt::format("d{}", i % 3), "u0"));  // who never log in
    const LogFile log(requests);
    TokenServer server;
    ReplayOptions options = with_values(log, server.url(), {kToken}, {kBearer});
    SUBCASE("it is counted as unsent, and many make the run invalid") {
        const ReplayStats stats = run(options);
        check_books(stats);
        CHECK(stats.statuses == std::map<int, std::uint64_t>{{200, 22}});
        CHECK(stats.unsent == 30);
        CHECK(stats.values->skipped == 30);
        CHECK(stats.values->extracted[0].missing == 30);
        CHECK(stats.reasons == std::vector<std::string>{"30 of 52 requests were not sent: no response of their session gave {token}; "
                                                        "--missing-value shared takes it from any session, --session says what identifies "
                                                        "a session"});
        for (const std::string& request : server.requests()) CHECK(request.find("recorded") == request.npos);
    }
    SUBCASE("recorded: as it was recorded") {
        options.values.missing = MissingValue::recorded;
        const ReplayStats stats = run(options);
        check_books(stats);
        CHECK(stats.statuses == std::map<int, std::uint64_t>{{200, 22}, {401, 30}});
        CHECK(stats.values->as_recorded == 30);
        CHECK(stats.unsent == 0);
    }
    SUBCASE("shared: with the newest of any session, once there is one") {
        options.values.missing = MissingValue::shared;
        options.connections = 8;
        std::vector<Request> shuffled(requests.begin() + 22, requests.end());  // before the login's response can be there
        shuffled.insert(shuffled.begin(), requests[0]);
        const LogFile other(shuffled);
        options.logs = {other.path()};
        const ReplayStats stats = run(options);
        check_books(stats);
        CHECK(stats.statuses == std::map<int, std::uint64_t>{{200, 31}});
        CHECK(stats.values->skipped == 0);
    }
    SUBCASE("shared: and not sent if nothing in progress may give it") {
        options.values.missing = MissingValue::shared;
        const LogFile other(std::vector<Request>(requests.begin() + 22, requests.end()));
        options.logs = {other.path()};
        const ReplayStats stats = run(options);
        check_books(stats);
        CHECK(stats.sent == 0);
        CHECK(stats.unsent == 30);
        CHECK_FALSE(stats.valid);
    }
}

TEST_CASE("cookies of the service are sent in its session, and no others") {
    std::mutex mutex;
    std::map<std::string, int> seen;
    LoopbackServer server([&](Wire& wire) {
        for (std::string request = wire.read_request(); !request.empty(); request = wire.read_request()) {
            const std::lock_guard lock(mutex);
            const std::size_t at = request.find("Cookie: ");
            ++seen[at == request.npos ? "" : request.substr(at + 8, request.find("\r\n", at) - at - 8)];
            wire.write(answer("x", request.starts_with("GET /login")
                                       ? "Set-Cookie: sid=new; Path=/; HttpOnly\r\nSet-Cookie: admin=1; Path=/admin\r\n"
                                   : request.starts_with("GET /logout") ? "Set-Cookie: sid=; Max-Age=0; Path=/\r\n"
                                                                        : ""));
        }
    });
    std::vector<Request> requests;
    for (const char* target : {"/login", "/a", "/admin/x", "/logout", "/b"}) requests.push_back(request_of("c", "GET", target));
    requests[1].headers = {{"Cookie", "theme=dark; sid=old"}};
    requests[2].headers = {{"Cookie", "redacted"}};
    requests.push_back(request_of("d", "GET", "/c"));
    requests.back().headers = {{"Cookie", "sid=old"}};
    const LogFile log(requests);
    ReplayOptions options = options_for(log, server.url());
    options.values.cookies = true;
    const ReplayStats stats = run(options);
    check_books(stats);
    CHECK(stats.completed == 6);
    CHECK(stats.values->cookies == 3);
    CHECK(seen == std::map<std::string, int>{{"", 2}, {"theme=dark; sid=new", 1}, {"sid=new; admin=1", 1}, {"sid=new", 1}, {"sid=old", 1}});
}

TEST_CASE("values are sent in headers, cookies, queries, paths and JSON bodies, encoded as these need") {
    Request request = request_of("", "POST", "/orders/17/items?id=5&x=1&id=6");
    request.headers = {{"X-A", "old"}, {"Cookie", "a=1; sid=2"}};
    request.body = R"({"order":{"id":"old","n":5},"list":[1,2]})";
    const auto starts = [&](const char* rule, const char* value, const std::string& expected) {
        const std::string out = rendered(request, rule, value);
        CHECK_MESSAGE(out.find(expected) != out.npos, out);
        const std::string body = out.substr(out.find("\r\n\r\n") + 4);
        CHECK_MESSAGE(out.find(fmt::format("Content-Length: {}\r\n", body.size())) != out.npos, out);
    };
    starts("header:x-a=Bearer {v}{ x}", "a b", "X-A: Bearer a b{ x}\r\n");
    starts("cookie:sid={v}", "a", "Cookie: a=1; sid=a\r\n");
    starts("query:id={v}", "a b/é", "POST /orders/17/items?id=a%20b%2F%C3%A9&x=1&id=a%20b%2F%C3%A9 HTTP/1.1");
    starts("path:/orders/*/items={v}", "a/b", "POST /orders/a%2Fb/items?id=5");
    starts("path:/orders/*/**={v}", "8", "POST /orders/8/items?id=5");
    starts("POST /orders/*/** .body.order.id=o-{v}", "a\"b", R"("id":"o-a\"b")");
    starts(".body.order.n={v}", "123456", R"("n":123456})");
    starts(".body.order.n={v}", "0123", R"("n":"0123"})");
    starts(".body.list[1]={v}", "7", R"("list":[1,7]})");
    Request form = request_of("", "POST", "/token");
    form.body = "grant_type=refresh_token&refresh_token=old&x=1";
    CHECK(rendered(form, ".body.refresh_token={v}", "a+b/c=")
              .ends_with("Content-Length: 55\r\n\r\ngrant_type=refresh_token&refresh_token=a%2Bb%2Fc%3D&x=1"));
    // Requests that a rule is not about stay as they are.
    for (const char* rule : {"GET header:X-A={v}", "/orders/17 header:X-A={v}", "header:X-B={v}", ".body.none={v}", "path:/x/*={v}"}) {
        std::string wire;
        Record record;
        record.method = request.method;
        record.target = request.target;
        for (const auto& [name, value] : request.headers) record.headers.emplace_back(name, value);
        record.body = request.body;
        append_wire(wire, record, "h");
        CHECK(rendered(request, rule, "a") == wire);
    }
    CHECK(rendered(request, "header:X-A={v}", "a\r\nB: 1") == "missing");
}

TEST_CASE("values are found in headers, cookies and bodies, also compressed ones") {
    ValueOptions options;
    options.extractions = {parse_extraction("v=.body.a[1]"), parse_extraction("v=header:Location"), parse_extraction("v=cookie:sid")};
    options.substitutions = {parse_substitution("header:X={v}", options.extractions)};
    Request request = request_of("", "GET", "/");
    request.headers = {{"X", "old"}};
    const auto sent = [&](http::KeptResponse response) {
        const std::string out = rendered(request, options, response);
        const std::size_t at = out.find("X: ");
        return at == out.npos ? out : out.substr(at + 3, out.find("\r\n", at) - at - 3);
    };
    CHECK(sent({{}, R"({"a":[1,"x"]})"}) == "x");
    CHECK(sent({{{"location", "/l"}}, "{}"}) == "/l");
    CHECK(sent({{{"Set-Cookie", "a=b"}, {"Set-Cookie", "sid=s; Path=/"}}, ""}) == "s");
    CHECK(sent({{}, R"({"a":[1]})"}) == "missing");
    // printf '{"a":[1,"gz"]}' | gzip -n
    const std::string gzip(
        "\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\x03\xab\x56\x4a\x54\xb2\x8a\x36\xd4\x51\x4a\xaf\x52\x8a\xad\x05\x00\x7f\x27\xf9\x7b\x0e\x00\x00\x00",
        34);
    CHECK(sent({{{"Content-Encoding", "gzip"}}, gzip}) == "gz");
    CHECK(sent({{{"Content-Encoding", "br"}}, R"({"a":[1,"x"]})"}) == "missing");
}

TEST_CASE("a jar keeps cookies as a browser does") {
    CookieJar jar;
    CHECK(jar.set("a=1", "/app/login?x=/y"));
    CHECK(jar.set(" b = 2 ; path=/app/x; Secure", "/"));
    CHECK(jar.set("c=3; Expires=Wed, 01-Jan-2070 00:00:00 GMT; path=nonsense", "/"));
    CHECK_FALSE(jar.set("nonsense; Path=/", "/"));
    CHECK_FALSE(jar.set("x=\x01", "/"));
    CHECK(cookie_line(jar, "/app/x/y", "") == "Cookie: a=1; b=2; c=3\r\n");
    CHECK(cookie_line(jar, "/app/xy", "z=9") == "Cookie: z=9; a=1; c=3\r\n");
    CHECK(cookie_line(jar, "/application", "") == "Cookie: c=3\r\n");
    CHECK(jar.set("c=; Expires=Thu, 01 Jan 1970 00:00:00 GMT", "/"));
    CHECK(cookie_line(jar, "/", "c=0").empty());
    CHECK(jar.set("c=4", "/"));
    CHECK(cookie_line(jar, "/", "c=0; d=1") == "Cookie: c=4; d=1\r\n");
    CHECK(cookie_value("sid=x=y; Path=/", "sid") == "x=y");
    CHECK(cookie_value("sid=x", "si").empty());
}

TEST_CASE("rules that cannot be meant are refused with an example") {
    const auto refusal = [](const auto& make) {
        try {
            make();
        } catch (const Error& error) {
            CHECK(error.kind() == ErrorKind::usage);
            return error.location() + ": " + error.message();
        }
        return std::string();
    };
    const auto extraction = [&](const char* text) { return refusal([&] { parse_extraction(text); }); };
    CHECK(extraction("token") == "--extract: 'token' is not NAME=SOURCE");
    CHECK(extraction("a b=.body.x") == "--extract: 'a b=.body.x' has no name of letters, digits, '_' and '-' before '='");
    CHECK(extraction("t=.body..x") == "--extract: 't=.body..x' has no source .body.PATH, header:NAME or cookie:NAME at its end");
    CHECK(extraction("t=header:") == "--extract: 't=header:' has no source .body.PATH, header:NAME or cookie:NAME at its end");
    const std::vector<Extraction> token = {parse_extraction("token=.body.t")};
    const auto substitution = [&](const char* text) { return refusal([&] { parse_substitution(text, token); }); };
    CHECK(substitution("header:A") == "--substitute: 'header:A' is not TARGET=TEXT");
    CHECK(substitution("header:A={tokn}") == "--substitute: 'header:A={tokn}': no --extract gives {tokn}; did you mean 'token'?");
    CHECK(substitution("path:/a/b={token}") == "--substitute: 'path:/a/b={token}' has no path with a * for the segment that is replaced");
    CHECK(substitution("query:a=b {token}") == "--substitute: 'query:a=b {token}' has a character in its text that cannot be sent there");
    ValueOptions unused;
    unused.extractions = token;
    CHECK(refusal([&] { check(unused); }) == "--extract: no --substitute uses {token}");
    ValueOptions both = unused;
    both.substitutions = {parse_substitution("cookie:a={token}", token)};
    both.cookies = true;
    CHECK(refusal([&] { check(both); }) == "--substitute: 'cookie:a={token}' and --cookies both change cookies");
}
