// Every format reads its sample in testdata/logs, found by its content.
#include <doctest/doctest.h>

#include <algorithm>
#include <fstream>

#include "base/error.hpp"
#include "base/quantities.hpp"
#include "replay/internal/http1_message.hpp"
#include "replay/log.hpp"
#include "support/read_log.hpp"

using namespace leakline;
using namespace leakline::replay;
using namespace leakline::test;
using namespace std::chrono_literals;

TEST_CASE("a .gor file gives its requests: chunked, cut, without latency, without a last separator") {
    const Contents gor = read({sample("sample.gor")});
    CHECK(gor.formats == "gor");
    REQUIRE(gor.requests.size() == 5);
    CHECK(gor.requests[0].at == 1'700'000'000s);
    CHECK(gor.requests[0].method == "POST");
    CHECK(gor.requests[0].target == "/api/track");
    CHECK(gor.requests[0].body == R"({"user_id":"u1","events":[{"type":"view"}]})");
    CHECK(header(gor.requests[0], "Content-Type") == "application/json");
    CHECK(gor.requests[1].target == "/api/users/u1/events?limit=10");
    CHECK(gor.requests[1].body.empty());
    CHECK(gor.requests[2].body == "{\"a\":1} \n ");
    CHECK(gor.requests[3].body == "{\"cut\":");
    CHECK(gor.requests[4].method == "DELETE");
    REQUIRE(gor.damage.size() == 1);
    CHECK(gor.damage[0].ends_with("not the head of a record, which is TYPE ID TIMESTAMP [LATENCY]"));
    CHECK(gor.warnings ==
          std::vector<std::string>{sample("sample.gor") + ": 1 request was captured in part: sent with the captured part of the body"});
}

TEST_CASE("requests of a .gor file get the status of their type 2 record, in their order") {
    LogOptions options;
    options.attach_responses = true;
    const Contents gor = read({sample("sample.gor")}, options);
    REQUIRE(gor.requests.size() == 5);
    CHECK(gor.requests[0].recorded_status == 200);
    CHECK(gor.requests[1].recorded_status == 404);
    CHECK_FALSE(gor.requests[2].recorded_status);
    CHECK(gor.requests[4].method == "DELETE");
}

TEST_CASE("chunks are joined, and a cut or malformed body gives what came before") {
    const auto join = [](std::string_view body) {
        std::string out;
        const bool whole = join_chunks(body, out);
        return std::pair(whole, out);
    };
    CHECK(join("3\r\nabc\r\n2;x=y\r\nde\r\n0\r\n\r\n") == std::pair(true, std::string("abcde")));
    CHECK(join("0\r\n\r\n") == std::pair(true, std::string()));
    CHECK(join("5\r\nab") == std::pair(false, std::string("ab")));
    CHECK(join("3\r\nabcX") == std::pair(false, std::string("abc")));
    CHECK(join("zz\r\n") == std::pair(false, std::string()));
    CHECK(join("") == std::pair(false, std::string()));
    CHECK(join("ffffffffffffffff\r\nab") == std::pair(false, std::string("ab")));
}

TEST_CASE("a combined log gives its requests; what was no HTTP is a bad line") {
    const Contents log = read({sample("combined.log")});
    CHECK(log.formats == "access");
    REQUIRE(log.requests.size() == 4);
    CHECK(log.requests[0].at == kSampleTime);
    CHECK(log.requests[0].target == "/shop?id=1");
    CHECK(log.requests[0].recorded_status == 200);
    CHECK(header(log.requests[0], "Referer") == "https://www.example.com/");
    CHECK(header(log.requests[0], "User-Agent") == "Mozilla/5.0 (X11; Linux x86_64)");
    CHECK(log.requests[1].target == "/a\"b");
    CHECK(log.requests[2].method == "HEAD");
    CHECK(log.requests[2].headers.empty());
    CHECK(header(log.requests[3], "User-Agent") == "ExampleShop/8.2.1 \"beta\"");
    CHECK(log.damage == std::vector<std::string>{sample("combined.log") + ":4: no HTTP request in it: '\\x16\\x03\\x01'"});
}

TEST_CASE("a combined log may have its times in ISO 8601, as nginx's $time_iso8601 writes them") {
    const Contents log = read_text(
        "10.0.0.1 - - [2026-11-28T12:00:07+02:00] \"GET /a HTTP/1.1\" 200 12 \"-\" \"curl\"\n"
        "::1 - bob [2026-11-28T10:00:08Z] \"GET /b HTTP/1.1\" 404 0\n");
    CHECK(log.formats == "access");
    REQUIRE(log.requests.size() == 2);
    CHECK(log.requests[1].at - log.requests[0].at == 1s);
    CHECK(log.requests[0].target == "/a");
    CHECK(log.requests[1].recorded_status == 404);
}

TEST_CASE("Envoy's default log gives its requests") {
    const Contents log = read({sample("envoy.log")});
    CHECK(log.formats == "access");
    REQUIRE(log.requests.size() == 2);
    CHECK(log.requests[0].at == kSampleTime + 310ms);
    CHECK(log.requests[0].method == "POST");
    CHECK(header(log.requests[0], "User-Agent") == "nsq2http");
    CHECK(header(log.requests[0], "X-Request-Id") == "cc21d9b0-cf5c-432b-8c7e-98aeb7988cd2");
    CHECK(log.requests[1].target == "/api/users/7/events");
}

TEST_CASE("an ALB log gives the time when the request came") {
    const Contents log = read({sample("alb.log")});
    CHECK(log.formats == "access");
    REQUIRE(log.requests.size() == 2);
    CHECK(log.requests[0].at == kSampleTime);                        // request_creation_time
    CHECK(log.requests[1].at == kSampleTime + 1'286'641us - 171ms);  // older line: response time less the processing
    CHECK(log.requests[0].target == "http://www.example.com:80/shop?id=2");
}

TEST_CASE("the lines of servers in Python give their requests, with what time they have") {
    const Contents flask = read_text(
        "127.0.0.1 - - [28/Nov/2026 12:00:01] \"GET /a?b=1 HTTP/1.1\" 200 -\n"
        "127.0.0.1 - - [28/Nov/2026 12:00:03] \"POST /b HTTP/1.1\" 404 -\n");
    CHECK(flask.formats == "access");
    REQUIRE(flask.requests.size() == 2);
    CHECK(flask.requests[1].at - flask.requests[0].at == 2s);
    CHECK(flask.requests[0].target == "/a?b=1");
    CHECK(flask.requests[1].recorded_status == 404);
    const Contents django = read_text("[28/Nov/2026 12:00:01] \"GET /admin/ HTTP/1.1\" 302 0\n");
    REQUIRE(django.requests.size() == 1);
    CHECK(django.requests[0].recorded_status == 302);
    const Contents daphne = read_text("127.0.0.1:41326 - - [24/Jul/2026:12:14:10] \"GET /chat\" 200 3\n");
    REQUIRE(daphne.requests.size() == 1);
    CHECK(daphne.requests[0].target == "/chat");
    const Contents uvicorn = read_text(
        "INFO:     Started server process [7]\n"
        "INFO:     127.0.0.1:53718 - \"GET /a HTTP/1.1\" 200 OK\n"
        "INFO:     127.0.0.1:53720 - \"POST /b HTTP/1.1\" 404 Not Found\n");
    CHECK(uvicorn.formats == "access");
    REQUIRE(uvicorn.requests.size() == 2);
    CHECK(uvicorn.requests[1].method == "POST");
    CHECK(uvicorn.requests[1].recorded_status == 404);
    const Contents timed = read_text(
        "2026-11-28 12:00:00,250 INFO: 127.0.0.1:1 - \"GET /a HTTP/1.1\" 200 OK\n"
        "2026-11-28 12:00:01,500 INFO: 127.0.0.1:1 - \"GET /b HTTP/1.1\" 200 OK\n");
    REQUIRE(timed.requests.size() == 2);
    CHECK(timed.requests[1].at - timed.requests[0].at == 1250ms);
}

TEST_CASE("what a load balancer writes for a client that sent no request is a bad line") {
    const Contents contents = read_text(
        R"(http 2018-11-30T22:23:00.186641Z app/lb/1 192.168.131.39:2817 - -1 -1 -1 400 - 0 0 "- http://www.example.com:80- -" "-" - - - "-" "-" "-" - 2018-11-30T22:22:48.364000Z "-" "-" "-" "-" "-" "-" "-")"
        "\n"
        R"([2023-04-15T20:17:00.610Z] "- - -" 0 NR filter_chain_not_found - "-" 0 0 0 - "-" "-" "-" "-" "-")"
        "\n"
        R"(1.2.3.4 - - [10/Oct/2023:13:55:38 +0000] "-" 408 0 "-" "-")"
        "\n");
    CHECK(contents.requests.empty());
    CHECK(contents.damage == std::vector<std::string>{"1: no HTTP request in it: '- http://www.example.com:80- -'",
                                                      "2: no HTTP request in it: '- - -'", "3: no HTTP request in it: '-'"});
}

TEST_CASE("a first line that is cut does not hide what the format is, and is counted") {
    const std::string native = R"({"ts_ns":5,"method":"GET","url":"/a","headers":{}})"
                               "\n";
    const Contents jsonl = read_text(native.substr(20) + native);
    CHECK(jsonl.formats == "jsonl");
    CHECK(jsonl.requests.size() == 1);
    REQUIRE(jsonl.damage.size() == 1);
    CHECK(jsonl.damage[0].starts_with("1: column 1: expected '{', found '"));
    CHECK(read_text("{\"ts_ns\": oops\n" + native).formats == "jsonl");

    const std::string nginx = R"({"msec":"5.000","request":"GET /a HTTP/1.1","request_time":"0.1"})"
                              "\n";
    const Contents access_json = read_text("{\"msec\":\"4.0\n" + nginx);
    CHECK(access_json.formats == "access-json");
    CHECK(access_json.requests.size() == 1);
    CHECK(access_json.damage.size() == 1);

    const std::string combined = "127.0.0.1 - - [10/Oct/2023:13:55:36 +0200] \"GET /a HTTP/1.1\" 200 5 \"-\" \"curl\"\n";
    const Contents access = read_text(combined.substr(30) + combined);
    CHECK(access.formats == "access");
    CHECK(access.requests.size() == 1);

    const std::string record = "1 a1 1700000000000000000\nGET /a HTTP/1.1\r\n\r\n\n\xF0\x9F\x90\xB5\xF0\x9F\x99\x88\xF0\x9F\x99\x89\n";
    const Contents gor = read_text(record.substr(30) + record);
    CHECK(gor.formats == "gor");
    CHECK(gor.requests.size() == 1);
    CHECK(gor.damage.size() == 1);
}

TEST_CASE("files of different formats are merged by time") {
    const Contents log = read({sample("envoy.log"), sample("alb.log"), sample("sample.har")});
    CHECK(log.formats == "access, har");
    std::vector<Nanoseconds> times;
    for (const Request& request : log.requests) times.push_back(request.at);
    CHECK(times.size() == 6);
    CHECK(std::is_sorted(times.begin(), times.end()));
}

TEST_CASE("native lines: any order of members, unknown ones, escapes, arrays of values") {
    const Contents log =
        read_text(R"( {"x":[{"a":"]"}],"body":"\ud83d\ude00\ud800\u00e9\/","url":"/","ts_ns":1.5e9,"headers":{"A":["1","2"],"B":3}} )"
                  "\r\n"
                  R"({"ts_ns":2,"url":"/b","body":{"k":[1,2]},"conn":5,"status":204})"
                  "\n"
                  R"({"ts_ns":3,"url":"/c","body":"null","body_b64":null})"
                  "\n"
                  R"({"ts_ns":4,"url":"/d","body_b64":"*"})"
                  "\n"
                  R"({"ts_ns":5,"url":"/e"} x)"
                  "\n"
                  R"({"ts_ns":6,"url":"/f)");
    REQUIRE(log.requests.size() == 2);
    CHECK(log.requests[0].body == "\xf0\x9f\x98\x80\xef\xbf\xbd\xc3\xa9/");
    CHECK(log.requests[0].at == 1500ms);
    CHECK(header(log.requests[0], "A") == "1|2");
    CHECK(header(log.requests[0], "B") == "3");
    CHECK(log.requests[1].body == "{\"k\":[1,2]}");
    CHECK(log.requests[1].connection == "5");
    CHECK(log.requests[1].recorded_status == 204);
    CHECK(log.damage == std::vector<std::string>{"3: column 48: expected a string, found 'null}'", "4: body_b64 is not base64",
                                                 "5: column 24: expected the end, found 'x'",
                                                 "6: the last line is truncated: column 21: expected the string's closing '\"', "
                                                 "found the end"});
}

TEST_CASE("an empty log, a missing one, and one that is none are errors that say so") {
    CHECK_THROWS_WITH_AS(read_text("\n \n"), doctest::Contains("the log is empty"), Error);
    CHECK_THROWS_WITH_AS(read_text("once upon a time\n"), doctest::Contains("not a request log of a known format: 'once upon a time'"),
                         Error);
    CHECK_THROWS_AS(read({"/no/such/file"}), Error);
    LogOptions options;
    options.format = "goor";
    CHECK_THROWS_WITH_AS(read({sample("sample.gor")}, options), doctest::Contains("unknown log format 'goor'; did you mean 'gor'?"), Error);
}

TEST_CASE("a byte order mark in front of a log is no part of its first line") {
    const std::string line = R"({"ts_ns":1,"method":"GET","url":"/a","headers":{}})"
                             "\r\n";
    const Contents contents = read_text("\xef\xbb\xbf" + line + line);
    CHECK(contents.damage.empty());
    CHECK(contents.requests.size() == 2);
    CHECK(read_text("\xef\xbb\xbf"
                    "127.0.0.1 - - [10/Oct/2023:11:55:36 +0000] \"GET /b HTTP/1.1\" 200 1\n")
              .requests.at(0)
              .target == "/b");
}

TEST_CASE("compressed data that is cut off or damaged is said to be, whatever could be read of it") {
    const std::string line = R"({"ts_ns":1,"method":"GET","url":"/a","headers":{}})"
                             "\n";
    const auto little = [](std::size_t value) {
        return std::string{static_cast<char>(value & 0xff), static_cast<char>(value >> 8 & 0xff)};
    };
    // RFC 1952 and 1951: a header, and one stored block.
    const std::string header = std::string("\x1f\x8b\x08\0\0\0\0\0\0\x03", 10);
    const std::string block = "\x01" + little(line.size()) + little(~line.size() & 0xffff) + line;
    const auto warning_of = [](const std::string& bytes) {
        const Contents contents = read_text(bytes);
        CHECK(contents.requests.size() == 1);
        REQUIRE(contents.warnings.size() == 1);
        return contents.warnings[0].substr(contents.warnings[0].find(": ") + 2);
    };
    CHECK(warning_of(header + block) == "the gzip data ends early, after 66 bytes");
    CHECK(warning_of(header + block + "not the checksum").starts_with("the gzip data is damaged after about "));
    CHECK_THROWS_WITH_AS(read_text(header), doctest::Contains(": it cannot be read: the gzip data ends early, after 10 bytes"), Error);
}
