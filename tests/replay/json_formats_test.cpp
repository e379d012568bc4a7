// Formats that are JSON, and vegeta's targets: what a log says is what is read.
#include <doctest/doctest.h>

#include "base/error.hpp"
#include "support/read_log.hpp"
#include "system/temporary_directory.hpp"

using namespace leakline;
using namespace leakline::replay;
using namespace leakline::test;

TEST_CASE("nginx's JSON log: start = msec - request_time, http_ members are headers, \\x escapes are bytes") {
    const Contents log = read({sample("nginx.json")});
    CHECK(log.formats == "access-json");
    REQUIRE(log.requests.size() == 3);
    CHECK(log.requests[0].at == kSampleTime + 250ms);
    CHECK(log.requests[0].body == "{\"user_id\":\"caf\xc3\xa9\"}");
    CHECK(header(log.requests[0], "X-Request-Id") == "r-1");
    CHECK(header(log.requests[0], "Content-Type") == "application/json");
    CHECK(log.requests[1].recorded_status == 404);
    CHECK(header(log.requests[1], "X-Request-Id") == "");
    REQUIRE(log.warnings.size() == 1);
    CHECK(log.warnings[0].find("1 request with a body method and an empty body") != std::string::npos);
}

TEST_CASE("Envoy's JSON log is known by its members") {
    const Contents log = read({sample("envoy.json")});
    REQUIRE(log.requests.size() == 1);
    CHECK(log.requests[0].at == kSampleTime + 409ms);
    CHECK(log.requests[0].target == "/status/418");
    CHECK(log.requests[0].recorded_status == 418);
}

TEST_CASE("a map says which member of a JSON log means what, nested ones too") {
    LogOptions options;
    options.map = "ts=.meta.when,url=.http.uri,method=.http.verb,body=.payload,header.X-Trace=.meta.trace,conn=.user";
    const Contents log =
        read_text(R"({"meta":{"when":1696938936123,"trace":"t1"},"http":{"uri":"/x","verb":"PUT"},"payload":"hi","user":7})"
                  "\n",
                  options);
    REQUIRE(log.requests.size() == 1);
    CHECK(log.requests[0].at == kSampleTime + 123ms);
    CHECK(log.requests[0].method == "PUT");
    CHECK(log.requests[0].body == "hi");
    CHECK(log.requests[0].connection == "7");
    CHECK(header(log.requests[0], "X-Trace") == "t1");

    CHECK_THROWS_WITH_AS(read_text("{\"when\":1,\"uri\":\"/\"}\n"), doctest::Contains("a JSON log with unknown members: when, uri"), Error);
    options.map = "ts=.a,uri=.b";
    CHECK_THROWS_WITH_AS(read_text("{\"a\":1}\n", options), doctest::Contains("unknown field 'uri'; did you mean 'url'?"), Error);
}

TEST_CASE("vegeta's targets in both forms") {
    const Contents json = read({sample("vegeta.json")});
    CHECK(json.formats == "vegeta-json");
    REQUIRE(json.requests.size() == 2);
    CHECK_FALSE(json.requests[0].has_time);
    CHECK(json.requests[0].body == "{\"user_id\":1}");
    CHECK(header(json.requests[0], "X-Tag") == "a|b");
    const Contents http = read({sample("vegeta.txt")});
    CHECK(http.formats == "vegeta-http");
    REQUIRE(http.requests.size() == 3);
    CHECK(http.requests[0].target == "http://shop.example.com/api/users/1/events");
    CHECK(header(http.requests[0], "Accept") == "application/json");
    CHECK(http.requests[1].method == "POST");
    CHECK(header(http.requests[1], "X-Tag") == "a");
    CHECK(http.requests[2].target == "http://shop.example.com/healthz");
}

TEST_CASE("a HAR file is read entry by entry") {
    const Contents har = read({sample("sample.har")});
    CHECK(har.formats == "har");
    REQUIRE(har.requests.size() == 2);
    CHECK(har.requests[0].at == kSampleTime + 100ms);
    CHECK(har.requests[0].target == "https://shop.example.com/api/track?x=1");
    CHECK(har.requests[0].body == "{\"user_id\":1}");
    CHECK(har.requests[0].recorded_status == 200);
    CHECK(har.requests[1].at == kSampleTime + 1250ms);
    CHECK(har.damage.empty());

    std::string text = read_file(sample("sample.har"));
    const Contents cut = read_text(text.substr(0, text.size() - 60));
    CHECK(cut.requests.size() == 1);
    CHECK(cut.damage == std::vector<std::string>{"2: the file ends within entry 2"});
}

TEST_CASE("what a browser records besides HTTP requests is passed over, and said to be") {
    const auto entry = [](const std::string& url) {
        return R"({"startedDateTime":"2023-10-10T11:55:36Z","request":{"method":"GET","url":")" + url + R"("}})";
    };
    std::string text = R"({"log":{"creator":{},"entries":[)";
    for (const char* url : {"data:text/plain,hi", "blob:https://a/1", "wss://a/ws", "chrome-extension://a/x.js", "about:blank"})
        text += entry(url) + ",";
    const Contents har = read_text(text + entry("https://a/b:c") + "," + entry("/path?x=http://y") + "]}}");
    REQUIRE(har.requests.size() == 2);
    CHECK(har.requests[0].target == "https://a/b:c");
    CHECK(har.requests[1].target == "/path?x=http://y");
    CHECK(har.damage.empty());
    REQUIRE(har.warnings.size() == 1);
    CHECK(har.warnings[0].ends_with(": 5 entries are not an HTTP request (data:, blob:, ws: and the like): skipped"));
}

TEST_CASE("a HAR form without text is put together from its parameters, other bodies without text are missing") {
    const auto post = [](const std::string& more) {
        return R"({"log":{"creator":{},"entries":[{"startedDateTime":"2023-10-10T11:55:36Z","request":{"method":"POST","url":"/f",)" +
               more + "}}]}}";
    };
    const std::string params = R"("params":[{"name":"a b","value":"1&2"},{"name":"c"}])";
    const Contents form = read_text(post(R"("postData":{"mimeType":"application/x-www-form-urlencoded",)" + params + "}"));
    REQUIRE(form.requests.size() == 1);
    CHECK(form.requests[0].body == "a+b=1%262&c=");

    // RFC 7578, with the boundary of the type; a file whose content is not there is not made up.
    const Contents multipart =
        read_text(post(R"("postData":{"mimeType":"multipart/form-data; boundary=x1","params":[{"name":"a \"b\"","value":"1\r\n2"},)"
                       R"({"name":"f","fileName":"n.txt","contentType":"text/plain","value":"content"}]})"));
    REQUIRE(multipart.requests.size() == 1);
    CHECK(multipart.requests[0].body ==
          "--x1\r\nContent-Disposition: form-data; name=\"a %22b%22\"\r\n\r\n1\r\n2\r\n--x1\r\nContent-Disposition: form-data; name=\"f\"; "
          "filename=\"n.txt\"\r\nContent-Type: text/plain\r\n\r\ncontent\r\n--x1--\r\n");

    const auto is_missing = [&](const std::string& more) {
        const TemporaryDirectory directory;
        const std::string path = directory.path() + "/log";
        std::ofstream(path) << post(more);
        Log log({path}, {});
        Record record;
        REQUIRE(log.next(record));
        return record.body_missing;
    };
    CHECK(is_missing(R"("postData":{"mimeType":"multipart/form-data",)" + params + "}"));
    CHECK(is_missing(R"("postData":{"mimeType":"multipart/form-data; boundary=x","params":[{"name":"f","fileName":"n.txt"}]})"));
    CHECK(is_missing(R"("bodySize":12)"));
    CHECK(!is_missing(R"("bodySize":0)"));
    CHECK(!is_missing(R"("bodySize":-1)"));
    CHECK(!is_missing(R"("bodySize":2,"postData":{"text":"ab"})"));
}

TEST_CASE("a mapped body may be an object, a mapped header an array") {
    LogOptions options;
    options.map = "ts=.t,method=.r.m,url=.r.u,header.Accept=.r.h.accept,body=.b";
    const Contents log = read_text(R"({"t":5,"r":{"m":"POST","u":"/a","h":{"accept":["x","y"]}},"b":{"k": [1]}})"
                                   "\n"
                                   R"({"t":6,"r":{"m":"POST","u":"/a"},"b":[1, 2]})"
                                   "\n",
                                   options);
    REQUIRE(log.requests.size() == 2);
    CHECK(log.requests[0].body == R"({"k": [1]})");
    CHECK(header(log.requests[0], "Accept") == "x|y");
    CHECK(log.requests[1].body == "[1, 2]");
}

TEST_CASE("a JSON log whose request is an object is not taken for nginx's, and what a map does not find is named") {
    const std::string caddy = R"({"ts":1646861401.5,"request":{"method":"GET","uri":"/a"},"duration":0.25,"status":200})"
                              "\n";
    CHECK(read_text(caddy).requests.at(0).at == 1646861401250ms);
    CHECK_THROWS_WITH_AS(read_text(R"({"ts":1,"request":{"verb":"x"},"duration":0.25})"),
                         doctest::Contains("a JSON log with unknown members: ts, request, duration"), Error);
    LogOptions options = lenient();
    options.map = "end=.ts,duration=.duration,method=.request.method,url=.request.uri";
    const Contents log = read_text(caddy, options);
    REQUIRE(log.requests.size() == 1);
    CHECK(log.requests[0].at == 1646861401250ms);
    options.map = "url=.uri";
    CHECK(read_text(caddy, options).damage == std::vector<std::string>{"1: no request in it: .uri, which is the url, is missing or empty"});
}

TEST_CASE("a map makes a JSON log an access log, whatever format its members look like") {
    LogOptions options;
    options.map = "ts=.time,method=.method,url=.url";
    const std::string text = R"({"time":"2023-10-10T11:55:36Z","method":"GET","url":"/a"})"
                             "\n";
    CHECK(read_text(R"({"method":"GET","url":"/a","header":{}})").formats == "vegeta-json");
    const Contents log = read_text("{}\n" + text, options);
    CHECK(log.formats == "access-json");
    REQUIRE(log.requests.size() == 1);
    CHECK(log.requests[0].at == kSampleTime);
}

TEST_CASE("an object without a member of interest does not hide what the lines behind it are") {
    const Contents log = read_text(
        "{}\n"
        R"({"ts_ns":5,"method":"GET","url":"/a"})"
        "\n");
    CHECK(log.formats == "jsonl");
    CHECK(log.requests.size() == 1);
    CHECK(log.damage == std::vector<std::string>{"1: no \"url\""});
    const Contents nginx = read_text(
        "{\"level\":\"info\"}\n"
        R"({"msec":"5.000","request":"GET /a HTTP/1.1"})"
        "\n");
    CHECK(nginx.formats == "access-json");
    CHECK(nginx.requests.size() == 1);
}

TEST_CASE("Envoy's JSON log tells by bytes_received whether there was a body, and has the host") {
    const auto read_one = [](const char* received) {
        const TemporaryDirectory directory;
        const std::string path = directory.path() + "/log";
        std::ofstream(path) << R"({"start_time":"2023-10-10T11:55:36Z","method":"POST","path":"/a","authority":"shop:80","bytes_received":)"
                            << received << "}\n";
        Log log({path}, {});
        Record record;
        REQUIRE(log.next(record));
        REQUIRE(record.headers.size() == 1);
        CHECK(record.headers[0] == std::pair<std::string_view, std::string_view>("Host", "shop:80"));
        return record.body_missing;
    };
    CHECK(read_one("10"));
    CHECK(!read_one("0"));
}
