// Recorded responses, served.
#include "replay/stub.hpp"

#include <doctest/doctest.h>
#include <fmt/format.h>

#include "base/error.hpp"
#include "http/client.hpp"
#include "model/recorded_response.hpp"
#include "replay/convert.hpp"
#include "support/replay_log.hpp"
#include "system/byte_source.hpp"
#include "system/output_file.hpp"

using namespace leakline;
using namespace leakline::test;
using namespace leakline::replay;

namespace {

Request exchange(const std::string& method, const std::string& target, const std::string& body, RecordedResponse response) {
    Request request;
    request.at = 1'700'000'000s;
    request.method = method;
    request.target = target;
    request.body = body;
    append_json(request.response, response);
    return request;
}

RecordedResponse text(const std::string& body, int status = 200) { return {status, {{"Content-Type", "text/plain"}}, body, 20ms}; }

StubOptions stub_of(const LogFile& log) {
    StubOptions options;
    options.logs = {log.path()};
    return options;
}

struct Client {
    explicit Client(const StubServer& stub) : url(fmt::format("http://127.0.0.1:{}", stub.port())) {}
    http::ClientResponse send(const std::string& method, const std::string& target, const std::string& body = "") const {
        http::ClientRequest request;
        request.method = method;
        request.url = url + target;
        request.body = body;
        return http::send_request(request);
    }
    std::string get(const std::string& target) const { return send("GET", target).body; }
    std::string url;
};

}  // namespace

TEST_CASE("a stub answers by method, path and query, and body, in the recorded order and again from the first") {
    const LogFile log({exchange("GET", "/rates?a=1&b=2", "", text("first")), exchange("GET", "/rates?a=1&b=2", "", text("second")),
                       exchange("GET", "/rates?a=2", "", text("other")), exchange("POST", "/rates?a=2", "", text("posted", 201)),
                       exchange("POST", "/quotes", "{\"n\":1}", text("one")), exchange("POST", "/quotes", "{\"n\":2}", text("two")),
                       exchange("POST", "/quotes", "{\"n\":1}", text("one again")),
                       exchange("GET", "http://partner.test/abs", "", text("absolute"))});
    const StubServer stub(stub_of(log));
    const Client client(stub);
    for (const char* body : {"first", "second", "first"}) CHECK(client.get("/rates?a=1&b=2") == body);
    CHECK(client.get("/rates?b=2&a=1") == "second");
    CHECK(client.get("/rates?a=2") == "other");
    CHECK(client.send("POST", "/rates?a=2").status == 201);
    CHECK(client.get("/abs") == "absolute");
    CHECK(client.send("POST", "/quotes", "{\"n\":2}").body == "two");
    CHECK(client.send("POST", "/quotes", "{\"n\":1}").body == "one");
    CHECK(client.send("POST", "/quotes", "{\"n\":1}").body == "one again");
    CHECK(client.send("POST", "/quotes", "{\"n\":3}").body == "one");  // any of that path, from the first
    CHECK(client.send("POST", "/quotes", "{\"n\":4}").body == "two");
    CHECK(client.send("GET", "/rates").status == 501);
    CHECK(client.send("GET", "/rates/17").status == 501);
    CHECK(client.send("GET", "/rates/18").status == 501);
    CHECK(client.send("PUT", "/quotes").body == "{\"error\":\"leakline stub: the log has no response to this request\"}\n");
    const StubCounts counts = stub.counts();
    CHECK(counts.requests == 16);
    CHECK(counts.other_body == 2);
    CHECK(counts.unknown == 4);
    CHECK(unknown_text(counts) == "4 requests had no recorded response: 2 x GET /rates/*, 1 x GET /rates, 1 x PUT /quotes");
    CHECK(unknown_text({}).empty());
}

TEST_CASE("responses come as they were recorded: status, fields, body byte by byte") {
    const std::string bytes("\x00\xff\r\n\x1f\x8b", 6);
    RecordedResponse recorded{418, {{"X-A", "1"}, {"X-B", "x"}, {"X-A", "2"}}, bytes, std::nullopt};
    const LogFile log({exchange("GET", "/", "", recorded), exchange("GET", "/empty", "", {204, {}, "", std::nullopt})});
    StubOptions options = stub_of(log);
    options.unknown_status = 404;
    const StubServer stub(options);
    CHECK(stub.recorded() == 2);
    const Client client(stub);
    const http::ClientResponse response = client.send("GET", "/");
    CHECK(response.status == 418);
    CHECK(response.body == bytes);
    CHECK(response.headers == http::HeaderList{{"Content-Length", "6"}, {"X-A", "1"}, {"X-A", "2"}, {"X-B", "x"}, {"Connection", "close"}});
    CHECK(client.send("GET", "/empty").status == 204);
    CHECK(client.send("GET", "/none").status == 404);
}

TEST_CASE("a stub can take as long as the recorded service, and insist on the body") {
    const LogFile log({exchange("POST", "/a", "x", text("slow"))});
    StubOptions options = stub_of(log);
    options.recorded_latency = options.same_body = true;
    const StubServer stub(options);
    const Client client(stub);
    const auto begin = std::chrono::steady_clock::now();
    CHECK(client.send("POST", "/a", "x").body == "slow");
    CHECK(std::chrono::steady_clock::now() - begin >= 20ms);
    CHECK(client.send("POST", "/a", "y").status == 501);
}

TEST_CASE("a log without responses, or with damaged ones, is named") {
    const LogFile none(posts(2));
    CHECK_THROWS_WITH_AS(
        StubServer{stub_of(none)},
        (none.path() + ": no request in it has a recorded response\n  hint: leakline capture --responses --target URL -o LOG "
                       "records them")
            .c_str(),
        Error);
    std::string lines;
    for (int i = 0; i < 5; ++i) append_jsonl(lines, exchange("GET", "/a", "", text("a")));
    append_jsonl(lines, posts(1)[0]);
    for (const char* response :
         {"{}", "{\"status\":99}", "{\"status\":200,\"body_b64\":\"*\"}", "[]", "{\"status\":200,\"latency_ns\":-1}"})
        lines += fmt::format("{{\"ts_ns\":1,\"url\":\"/b\",\"response\":{}}}\n", response);
    const LogFile damaged(lines);
    const StubServer stub(stub_of(damaged));
    CHECK(stub.recorded() == 5);
    CHECK(stub.without_response() == 1);
    REQUIRE(stub.damage().size() == 5);
    CHECK(stub.damage()[0] == damaged.path() + ":7: \"response\" is not a recorded response");
}

TEST_CASE("a conversion keeps recorded responses, so that a stub's log can be filtered") {
    const LogFile log({exchange("GET", "/a", "", text("a")), exchange("GET", "/b", "", text("b"))});
    const TemporaryDirectory directory;
    const std::string path = directory.path() + "/filtered.jsonl";
    ReplayOptions options;
    options.logs = {log.path()};
    options.shape.not_paths.emplace_back("--deny-path", "^/b");
    OutputFile file(path);
    convert(options, file, [](double, std::uint64_t) {});
    file.commit();
    std::string expected;
    append_jsonl(expected, exchange("GET", "/a", "", text("a")));
    CHECK(read_file(path) == expected);
}
