// Logs of web frameworks, of loggers with named values, and of tools that print JSON over several lines: each is read as the same
// three requests.
#include <doctest/doctest.h>

#include <functional>

#include "base/error.hpp"
#include "support/read_log.hpp"

using namespace leakline;
using namespace leakline::replay;
using namespace leakline::test;

namespace {

struct Sent {
    std::string method, url, status, second;  // second: of the minute 11:55
};
const Sent kSent[] = {{"GET", "/items?page=2", "200", "36"}, {"POST", "/orders", "201", "37"}, {"GET", "/items/7", "404", "38"}};

using Line = std::function<std::string(const Sent&)>;

std::string lines(const Line& line) {
    std::string text;
    for (const Sent& sent : kSent) text += line(sent);
    return text;
}

enum class Timed { yes, no };

// offset: of the first request from 11:55:36.
void check(const std::string& text, const std::string& formats, Timed timed = Timed::yes, const std::string& host = "",
           Nanoseconds offset = {}) {
    CAPTURE(text);
    const Contents log = read_text(text, LogOptions{});
    CHECK(log.formats == formats);
    REQUIRE(log.requests.size() == 3);
    for (std::size_t i = 0; i < 3; ++i) {
        CHECK(log.requests[i].method == kSent[i].method);
        CHECK(log.requests[i].target == host + kSent[i].url);
        if (log.requests[0].recorded_status) CHECK(log.requests[i].recorded_status == std::stoi(kSent[i].status));
        REQUIRE(log.requests[i].has_time == (timed == Timed::yes));
        if (timed == Timed::yes) CHECK(log.requests[i].at == kSampleTime + offset + std::chrono::seconds(i));
    }
    CHECK(log.damage.empty());
}

}  // namespace

TEST_CASE("the lines of web frameworks are read between other output") {
    check("[GIN-debug] GET    /items --> main.items (3 handlers)\n" + lines([](const Sent& s) {
              return "[GIN] 2023/10/10 - 11:55:" + s.second + " | " + s.status + " |     1.234ms |       ::1 | " + s.method + "      \"" +
                     s.url + "\"\n";
          }),
          "framework (gin)");
    check(lines([](const Sent& s) {
              return "[GIN] 2023/10/10 - 11:55:" + s.second + " |\x1b[97;42m " + s.status + " \x1b[0m|  1.2ms | ::1 |\x1b[97;44m " +
                     s.method + "     \x1b[0m " + s.url + "\n";
          }),
          "framework (gin)");
    check("Listening on 3000\n" + lines([](const Sent& s) {
              return "\x1b[0m" + s.method + " " + s.url + " \x1b[32m" + s.status + "\x1b[0m 1.234 ms - 15\x1b[0m\n";
          }),
          "framework (morgan)", Timed::no);
    check(lines([](const Sent& s) { return s.method + " " + s.url + " " + s.status + " 15 - 1.234 ms\n"; }), "framework (morgan)",
          Timed::no);
    // Of a Rails log most lines are about what the application does.
    check(lines([](const Sent& s) {
              return "I, [2023-10-10T11:55:" + s.second + ".250 #7]  INFO -- : [7c0f] Started " + s.method + " \"" + s.url +
                     "\" for 10.0.0.1 at 2023-10-10 13:55:" + s.second + " +0200\nProcessing by Items#index\n  Parameters: {}\nCompleted " +
                     s.status + " OK in 12ms\n\n";
          }),
          "framework (Rails)");
    check(lines([](const Sent& s) {
              return "info: Diagnostics[1]\n      Request starting HTTP/1.1 " + s.method + " http://h" + s.url +
                     " - - -\ninfo: Diagnostics[2]\n      Request finished HTTP/1.1 " + s.method + " http://h" + s.url + " - " + s.status +
                     " - text/plain 12.3ms\n";
          }),
          "framework (ASP.NET Core)", Timed::no, "http://h");
    check(lines([](const Sent& s) {
              return "2023-10-10 11:55:" + s.second + ".123 +00:00 [INF] HTTP " + s.method + " " + s.url + " responded " + s.status +
                     " in 123.0000 ms\n";
          }),
          "framework (Serilog)");
    check(lines([](const Sent& s) {
              return "[I 231010 11:55:" + s.second + " web:1] " + s.status + " " + s.method + " " + s.url + " (::1) 1ms\n";
          }),
          "framework (Tornado)");
    check(lines([](const Sent& s) {
              return "2023-10-10T11:55:" + s.second + ".250Z DEBUG 1 --- [exec-1] o.s.web.servlet.DispatcherServlet        : " + s.method +
                     " \"" + s.url + "\", parameters={masked}\n";
          }),
          "framework (Spring) in lines with a time", Timed::yes, "", 250ms);
    // Requests are counted once, where a line is written at the beginning and one at the end of each.
    check(lines([](const Sent& s) {
              const std::string span =
                  "DEBUG request{method=" + s.method + " uri=" + s.url + " version=HTTP/1.1}: tower_http::trace::on_re";
              return "2023-10-10T11:55:" + s.second + ".0Z " + span + "quest: started processing request\n2023-10-10T11:55:" + s.second +
                     ".25Z " + span + "sponse: finished processing request latency=0 ms status=" + s.status + "\n";
          }),
          "framework (tower-http) in lines with a time", Timed::yes, "", 250ms);
}

TEST_CASE("requests in quotes are read with whatever stands before them") {
    check(lines([](const Sent& s) {
              return "2023/10/10 11:55:" + s.second + " [host/a-1] \"" + s.method + " http://h" + s.url +
                     " HTTP/1.1\" from [::1]:51234 - " + s.status + " 15B in 12.3µs\n";
          }),
          "access", Timed::yes, "http://h");
    check(lines([](const Sent& s) {
              return "::1 - - [Tue, 10 Oct 2023 11:55:" + s.second + " GMT] \"" + s.method + " " + s.url + " HTTP/1.1\" " + s.status +
                     " 15\n";
          }),
          "access");
    check(lines([](const Sent& s) {
              return "owner bucket [10/Oct/2023:11:55:" + s.second + " +0000] 192.0.2.3 id REST.GET.OBJECT key \"" + s.method + " " +
                     s.url + " HTTP/1.1\" " + s.status + " - 113 - 7\n";
          }),
          "access");
    check(lines([](const Sent& s) {
              return "h:80 - - [10/Oct/2023:11:55:" + s.second + " +0000] \"" + s.method + " " + s.url + " 2\" " + s.status + " 5\n";
          }),
          "access");
}

TEST_CASE("requests without a time get that of their line in the envelope") {
    const auto uvicorn = [](const Sent& s) { return "INFO: ::1:5 - \\\"" + s.method + " " + s.url + " HTTP/1.1\\\" " + s.status + " OK"; };
    const auto plain = [](const Sent& s) { return "INFO: ::1:5 - \"" + s.method + " " + s.url + " HTTP/1.1\" " + s.status + " OK\n"; };
    check(lines([&](const Sent& s) { return "2023-10-10T11:55:" + s.second + ".25Z stdout F " + plain(s); }), "access in CRI", Timed::yes,
          "", 250ms);
    check(lines([&](const Sent& s) {
              return "{\"log\":\"" + uvicorn(s) + "\\n\",\"stream\":\"stdout\",\"time\":\"2023-10-10T11:55:" + s.second + ".25Z\"}\n";
          }),
          "access in Docker json-file", Timed::yes, "", 250ms);
    check(lines([&](const Sent& s) {
              return "{\"__REALTIME_TIMESTAMP\":\"16969389" + s.second + "250000\",\"MESSAGE\":\"" + uvicorn(s) + "\"}\n";
          }),
          "access in journal JSON", Timed::yes, "", 250ms);
    const Contents syslog = read_text(lines([&](const Sent& s) { return "Oct 10 11:55:" + s.second + " host app[7]: " + plain(s); }));
    REQUIRE(syslog.requests.size() == 3);
    CHECK(syslog.requests[2].at - syslog.requests[0].at == 2s);
    CHECK(syslog.requests[0].resolution == 1s);
}

TEST_CASE("named values, JSON behind text and CSV are read by the names of their members") {
    check(lines([](const Sent& s) {
              return "2023-10-10T11:55:" + s.second + ".25+00:00 heroku[router]: at=info method=" + s.method + " path=\"" + s.url +
                     "\" host=a.example fwd=\"::1\" service=18ms status=" + s.status + " bytes=13\n";
          }),
          "access-json in syslog in logfmt", Timed::yes, "", 250ms);
    check(lines([](const Sent& s) {
              return "time=\"2023-10-10T11:55:" + s.second + "Z\" level=info msg=\"done \\\"x\\\"\" method=" + s.method + " uri=" + s.url +
                     " status=" + s.status + "\n";
          }),
          "access-json in logfmt");
    check(lines([](const Sent& s) {
              return "time:10/Oct/2023:11:55:" + s.second + " +0000\tmethod:" + s.method + "\turi:" + s.url + "\tstatus:" + s.status + "\n";
          }),
          "access-json in LTSV");
    check("2023/10/10 11:55:29\tINFO\tstarted\n" + lines([](const Sent& s) {
              return "2023/10/10 11:55:" + s.second + ".250\tINFO\thttp.log.access\thandled request\t{\"request\": {\"method\": \"" +
                     s.method + "\", \"uri\": \"" + s.url + "\"}, \"status\": " + s.status + "}\n";
          }),
          "access-json in text before JSON", Timed::yes, "", 250ms);
    check(lines([](const Sent& s) {
              return "[2023-10-10T11:55:" + s.second + ".250+00:00] request.INFO: Matched \"x\". {\"method\":\"" + s.method +
                     "\",\"request_uri\":\"" + s.url + "\",\"status\":" + s.status + "} []\n";
          }),
          "access-json in text before JSON", Timed::yes, "", 250ms);
    check(lines([](const Sent& s) {
              return "\x1b[32mINF\x1b[0m request \x1b[36mmethod=\x1b[0m" + s.method + " \x1b[36mstatus=\x1b[0m" + s.status +
                     " url=" + s.url + "\n";
          }),
          "access-json in logfmt", Timed::no);
    check("Date,HTTP Method,Request-Path,Status Code\n" +
              lines([](const Sent& s) { return "2023-10-10T11:55:" + s.second + "Z," + s.method + "," + s.url + "," + s.status + "\n"; }),
          "access-json in CSV");
    // Like Caddy's, but for the time and the status.
    check(lines([](const Sent& s) {
              return "{\"timestamp\":\"2023-10-10T11:55:" + s.second + "Z\",\"request\":{\"method\":\"" + s.method + "\",\"uri\":\"" +
                     s.url + "\"},\"response\":{\"status\":" + s.status + "}}\n";
          }),
          "access-json");
    // Like Envoy's, but for the method and the status.
    check(lines([](const Sent& s) {
              return "{\"start_time\":\"2023-10-10T11:55:" + s.second + "Z\",\"verb\":\"" + s.method + "\",\"path\":\"" + s.url +
                     "\",\"http_status\":" + s.status + "}\n";
          }),
          "access-json");
    // One of the metrics of each request.
    std::string k6;
    for (const Sent& s : kSent)
        for (const char* metric : {"http_req_duration", "http_reqs", "http_req_blocked"})
            k6 += "{\"metric\":\"" + std::string(metric) + "\",\"type\":\"Point\",\"data\":{\"time\":\"2023-10-10T11:55:" + s.second +
                  "Z\",\"value\":1,\"tags\":{\"method\":\"" + s.method + "\",\"status\":\"" + s.status + "\",\"url\":\"http://h" + s.url +
                  "\"}}}\n";
    check(k6, "access-json", Timed::yes, "http://h");

    const Contents jmeter = read_text("timeStamp,elapsed,label,responseCode,URL\n1696938936250,12,Items,200,http://h/items\n");
    REQUIRE(jmeter.requests.size() == 1);
    CHECK(jmeter.requests[0].at == kSampleTime + 250ms);
    REQUIRE(jmeter.warnings.size() == 1);
    CHECK(jmeter.warnings[0].ends_with(": 1 request without a method in the log: sent as GET"));
}

TEST_CASE("of the lines at the beginning and at the end of a request, one counts") {
    check(lines([](const Sent& s) {
              const std::string members =
                  "\"method\":\"" + s.method + "\",\"path\":\"" + s.url + "\",\"time\":\"2023-10-10T11:55:" + s.second + "Z\"";
              return "{\"msg\":\"started\"," + members + "}\n{\"msg\":\"finished\"," + members + ",\"status\":" + s.status + "}\n";
          }),
          "access-json");
}

TEST_CASE("JSON documents over several lines, in an array or in an answer are read one by one") {
    const auto document = [](const Sent& s, const std::string& end) {
        return "{" + end + "\"timestamp\": \"2023-10-10T11:55:" + s.second + "Z\"," + end + "\"attributes\": {\"http.request.method\": \"" +
               s.method + "\", \"url.path\": \"" + s.url + "\"," + end + "\"http.response.status_code\": " + s.status + "}}";
    };
    const auto joined = [&](const std::string& end) {
        return document(kSent[0], end) + "," + end + document(kSent[1], end) + "," + end + document(kSent[2], end);
    };
    for (const char* end : {"", "\n", "\r\n  "}) {
        check("[" + std::string(end) + joined(end) + "]", "access-json in JSON documents");
        check("{" + std::string(end) + "\"took\": 1, \"events\": [" + joined(end) + "], \"next\": {}}\n", "access-json in JSON documents");
    }
    check(lines([&](const Sent& s) { return document(s, "\n"); }), "access-json in JSON documents");
}

TEST_CASE("a log that is not read is named, or gets a pattern that reads it") {
    CHECK_THROWS_WITH_AS(read_text("<?xml version=\"1.0\"?>\n<testResults version=\"1.2\">\n"),
                         doctest::Contains("results of JMeter as XML"), Error);
    CHECK_THROWS_WITH_AS(read_text("BZh91AY&SY"), doctest::Contains("compressed with bzip2, which is not read"), Error);
    CHECK_THROWS_WITH_AS(read_text("{\n \"openapi\": \"3.0.0\"\n}\n"), doctest::Contains("an OpenAPI description"), Error);
    const std::string own = lines([](const Sent& s) {
        return "[Nest] 7 - 2023-10-10 11:55:" + s.second + " LOG [HTTP] " + s.method + " " + s.url + " " + s.status + " 15 - curl\n";
    });
    try {
        read_text(own);
        FAIL("it was read");
    } catch (const Error& error) {
        CHECK(std::string(error.hint()).find("--log-format-string '...[HTTP] $method $url $status'") != std::string::npos);
    }
    LogOptions options;
    options.pattern = "...[HTTP] $method $url $status";
    const Contents log = read_text(own, options);
    REQUIRE(log.requests.size() == 3);
    CHECK(log.requests[1].at == kSampleTime + 1s);
    CHECK(log.requests[2].recorded_status == 404);
}
