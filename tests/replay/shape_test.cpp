// Which records are sent, and how they are changed on the way.
#include "replay/internal/shape.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <map>
#include <set>

#include "base/error.hpp"
#include "replay/replay.hpp"
#include "replay/wire.hpp"
#include "support/wire_record.hpp"

using namespace leakline;
using namespace leakline::replay;
using namespace leakline::test;

TEST_CASE("methods and paths are allowed and denied") {
    ShapeOptions options;
    options.methods = {"get", "POST"};
    options.not_paths = {Regex("--deny-path", "^/health")};
    options.paths = {Regex("--allow-path", "^/api/"), Regex("--allow-path", "health")};
    Shape shape(options);
    const auto kept = [&](std::string_view method, std::string_view target) {
        Record record = record_of(method, target);
        return shape.apply(record);
    };
    CHECK(kept("GET", "/api/x"));
    CHECK(kept("GET", "http://host/api/x"));
    CHECK(kept("GET", "/x/health"));
    CHECK_FALSE(kept("DELETE", "/api/x"));
    CHECK_FALSE(kept("GET", "/healthz"));
    CHECK_FALSE(kept("GET", "/other"));
}

TEST_CASE("shards are disjoint, complete, and keep users whole; so do samples") {
    std::vector<std::string> bodies;
    for (int i = 0; i < 3000; ++i) bodies.push_back("{\"n\":" + std::to_string(i) + ",\"user_id\":\"u" + std::to_string(i % 300) + "\"}");
    std::vector<int> taken(bodies.size());
    std::map<std::string, std::set<int>> homes;
    for (int index = 0; index < 4; ++index) {
        ShapeOptions options;
        options.shard = parse_shard(std::to_string(index) + "/4");
        options.key = parse_record_key("--by", "field:user_id");
        Shape shape(options);
        int size = 0;
        for (std::size_t i = 0; i < bodies.size(); ++i) {
            Record record = record_of("POST", "/", bodies[i]);
            if (!shape.apply(record)) continue;
            ++taken[i];
            ++size;
            homes["u" + std::to_string(i % 300)].insert(index);
        }
        CHECK(size > 450);  // of 750 on average
    }
    CHECK(std::all_of(taken.begin(), taken.end(), [](int count) { return count == 1; }));
    for (const auto& [user, shards] : homes) CHECK(shards.size() == 1);

    ShapeOptions options;
    options.sample = 0.2;
    options.key = parse_record_key("--by", "field:user_id");
    Shape shape(options);
    std::map<int, int> sampled;
    for (std::size_t i = 0; i < bodies.size(); ++i) {
        Record record = record_of("POST", "/", bodies[i]);
        if (shape.apply(record)) ++sampled[static_cast<int>(i % 300)];
    }
    CHECK(sampled.size() > 30);
    CHECK(sampled.size() < 100);
    for (const auto& [user, count] : sampled) CHECK(count == 10);
}

TEST_CASE("paths, headers and the host are rewritten") {
    ShapeOptions options;
    options.rewrites = {parse_path_rewrite("^/v1/(.*)=>/v2/$1"), parse_path_rewrite("x=1=>x=2")};
    options.set_headers = {{"Authorization", "Bearer test"}};
    options.drop_headers = {"cookie"};
    options.session = parse_record_key("--session", "header:x-user");
    Shape shape(options);
    Record record = record_of("GET", "http://shop.example.com/v1/a?x=1");
    record.headers = {{"Cookie", "secret"}, {"authorization", "Bearer live"}, {"X-User", "u7"}, {"Host", "shop.example.com"}};
    CHECK(shape.apply(record));
    CHECK(wire_of(record) == "GET /v2/a?x=2 HTTP/1.1\r\nHost: host:1\r\nX-User: u7\r\nAuthorization: Bearer test\r\n\r\n");
    CHECK(record.connection == "u7");
    CHECK(shape.host(record, "target") == "target");
    options.keep_host = true;
    CHECK(Shape(options).host(record, "target") == "shop.example.com");
}

TEST_CASE("shaping options that make no sense are refused with an example") {
    CHECK_THROWS_WITH_AS(parse_shard("4/4"), "--shard: '4/4' is not INDEX/COUNT with an index from 0 to COUNT - 1\n  hint: --shard 0/4",
                         Error);
    CHECK_THROWS_AS(parse_shard("1"), Error);
    CHECK_THROWS_AS(parse_shard("-1/2"), Error);
    CHECK_THROWS_AS(parse_record_key("--by", "user"), Error);
    CHECK_THROWS_WITH_AS(Regex("--allow-path", "("),
                         "--allow-path: '(' is not a regular expression: missing closing parenthesis at character 2\n"
                         "  hint: the syntax is Perl's (PCRE2)",
                         Error);
    CHECK_THROWS_WITH_AS(parse_path_rewrite("^/a=>/$1"),
                         "--rewrite-path: '/$1' names group 1, and the pattern has none\n  hint: write $$ for a dollar sign", Error);
    CHECK_THROWS_AS(parse_path_rewrite("/a"), Error);
    CHECK_THROWS_AS(parse_status_check("2x"), Error);
    CHECK(parse_status_check("2xx, 304").accepts(304, 0));
    CHECK(parse_status_check("2xx").accepts(299, 500));
    CHECK_FALSE(parse_status_check("recorded").accepts(200, 404));
    CHECK(parse_status_check("recorded").accepts(200, 0));
}

TEST_CASE("a user is told by a cookie or a parameter as well, and a key that records do not have is named") {
    const auto session_of = [](const std::string& key, const Record& given) {
        ShapeOptions options;
        options.session = parse_record_key("--session", key);
        Shape shape(options);
        Record record = given;
        CHECK(shape.apply(record));
        return std::string(record.connection);
    };
    Record record = record_of("GET", "/a?sid=1&user=u7&x#user=no");
    record.headers = {{"cookie", "xsid=0"}, {"Cookie", "theme=dark; sid=s9;t"}};
    CHECK(session_of("cookie:sid", record) == "s9");
    CHECK(session_of("cookie:t", record).empty());
    CHECK(session_of("query:user", record) == "u7");
    CHECK(session_of("query:id", record).empty());

    ShapeOptions options;
    options.sample = 1;
    options.key = parse_record_key("--by", "cookie:sid");
    options.session = parse_record_key("--session", "query:session");
    Shape shape(options);
    for (int i = 0; i < 3; ++i) {
        Record other = record_of("GET", "/");
        if (i == 0) other.headers = {{"Cookie", "sid=1"}};
        CHECK(shape.apply(other));
    }
    CHECK(shape.warnings("left out") ==
          std::vector<std::string>{"2 of 3 records have no cookie:sid: each was selected by its position in the log (--by)",
                                   "3 of 3 records have no query:session: each was sent on any connection (--session)"});
}

TEST_CASE("a sample of nothing or of more than all, and a header that cannot be sent, are refused at once") {
    const auto refused = [](const std::function<void(ShapeOptions&)>& change) {
        ReplayOptions options;
        change(options.shape);
        try {
            check(options);
        } catch (const Error& error) {
            return error.location() + ": " + error.message();
        }
        return std::string("taken");
    };
    CHECK(refused([](auto& shape) { shape.sample = 0; }) == "--sample: must be above 0 % and at most 100 %");
    CHECK(refused([](auto& shape) { shape.sample = 1.5; }) == "--sample: must be above 0 % and at most 100 %");
    CHECK(refused([](auto& shape) { shape.sample = 1; }) == "taken");
    CHECK(refused([](auto& shape) {
              shape.set_headers = {{"X Y", "1"}};
          }) == "--header: the request cannot be sent: 'X Y' is not a header name");
    CHECK(refused([](auto& shape) {
              shape.set_headers = {{"X", "1\n2"}};
          }) == "--header: the request cannot be sent: the header 'X' contains a line break");
    CHECK(refused([](auto& shape) { shape.set_headers = {{"Connection", "close"}}; }) == "taken");
    CHECK(refused([](auto& shape) {
              shape.set_headers = {{"Connection", "keep-alive"}};
          }) == "--header: 'Connection' describes the connection, and is set by the replay itself");
    CHECK(refused([](auto& shape) { shape.set_headers = {{"X-Test", ""}}; }) == "taken");
}

TEST_CASE("a URL of 100 KB is matched and rewritten, and a pattern that backtracks without end leaves the request out") {
    ShapeOptions options;
    options.paths = {Regex("--allow-path", "^/(a|b)*$")};
    options.not_paths = {Regex("--deny-path", "(.*)x(.*)y")};
    options.rewrites = {parse_path_rewrite("^/(.*)=>/v2/$1$$$&")};
    Shape shape(options);
    const std::string path = "/" + std::string(100'000, 'a');
    Record record = record_of("GET", path);
    REQUIRE(shape.apply(record));
    CHECK(record.target == "/v2" + path + "$" + path);
    CHECK(shape.warnings("left out").empty());

    options.paths = {Regex("--allow-path", "^/(a+)+b")};
    const std::string evil = "/" + std::string(64, 'a') + "cb";
    for (int i = 0; i < 2; ++i) {
        Record other = record_of("GET", evil);
        CHECK_FALSE(shape.apply(other));
    }
    CHECK(shape.warnings("left out") ==
          std::vector<std::string>{
              "left out: 2 requests on which a pattern of --allow-path, --deny-path or --rewrite-path took more than 1,000,000 steps"});
}

TEST_CASE("groups of a replacement") {
    const auto replaced = [](const std::string& pattern, std::string_view replacement, std::string_view text) {
        std::string out;
        Regex("--rewrite-path", pattern).replace_first(text, replacement, out);
        return out;
    };
    CHECK(replaced("/(\\d+)/(\\d+)", "/$2/$1", "/x/1/2/3") == "/x/2/1/3");
    CHECK(replaced("^", "/api", "/a") == "/api/a");
    CHECK(replaced("(b)", "$10", "abc") == "ab0c");
    CHECK(replaced("(x)|b", "[$1]", "abc") == "a[]c");
    CHECK(replaced("^/(?!health)", "/v1/", "/items") == "/v1/items");
    CHECK(replaced("^/(?!health)", "/v1/", "/health") == "/health");
    CHECK(replaced("b", "$", "abc") == "a$c");
}
