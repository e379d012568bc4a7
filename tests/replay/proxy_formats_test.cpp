// Logs of IIS, CloudFront and Squid, and Kibana's CSV exports: what a log says is what is read.
#include <doctest/doctest.h>

#include "base/error.hpp"
#include "base/time_text.hpp"
#include "support/read_log.hpp"

using namespace leakline;
using namespace leakline::replay;
using namespace leakline::test;

TEST_CASE("IIS: columns by #Fields, which a new start changes; UTC; '+' in the agent is a blank") {
    const Contents log = read_text(
        "#Software: Microsoft Internet Information Services 10.0\r\n#Version: 1.0\r\n#Date: 2023-10-10 11:55:00\r\n"
        "#Fields: date time s-ip cs-method cs-uri-stem cs-uri-query s-port cs-username c-ip cs(User-Agent) cs(Referer) sc-status "
        "sc-substatus sc-win32-status time-taken\r\n"
        "2023-10-10 11:55:36 10.0.0.4 GET /items page=2&q=a+b 80 - 10.0.0.9 Mozilla/5.0+(X11;+Linux) - 200 0 0 312\r\n"
        "2023-10-10 11:55:37 10.0.0.4 POST /items - 80 CORP\\jo 10.0.0.9 curl/8.0 https://shop.example/ 404 0 2 15\r\n"
        "#Fields: date time cs-host cs-method cs-uri-stem sc-status\r\n"
        "2023-10-10 11:55:40 shop.example DELETE /items/7 204\r\n"
        "2023-10-10 11:55:41 shop.example GET\r\n");
    CHECK(log.formats == "w3c");
    REQUIRE(log.requests.size() == 3);
    CHECK(log.requests[0].at == kSampleTime);
    CHECK(log.requests[0].target == "/items?page=2&q=a+b");
    CHECK(header(log.requests[0], "User-Agent") == "Mozilla/5.0 (X11; Linux)");
    CHECK(header(log.requests[0], "Referer").empty());
    CHECK(log.requests[0].recorded_status == 200);
    CHECK(log.requests[1].method == "POST");
    CHECK(header(log.requests[1], "Referer") == "https://shop.example/");
    CHECK(log.requests[2].method == "DELETE");
    CHECK(log.requests[2].target == "/items/7");
    CHECK(header(log.requests[2], "Host") == "shop.example");
    REQUIRE(log.damage.size() == 1);
    CHECK(log.damage[0] == "9: it has 4 columns, '#Fields:' names 6");
}

TEST_CASE("CloudFront: tabs between columns, and the host that the client asked for") {
    const Contents log = read_text(
        "#Version: 1.0\n#Fields: date time x-edge-location cs-method cs(Host) cs-uri-stem sc-status cs-uri-query x-edge-request-id x-host-header time-taken\n"
        "2023-10-10\t11:55:36\tFRA2\tGET\td1.cloudfront.net\t/a%20b\t200\t-\tid-1\twww.example.com\t0.250\n");
    CHECK(log.formats == "w3c");
    REQUIRE(log.requests.size() == 1);
    CHECK(log.requests[0].target == "/a%20b");
    CHECK(header(log.requests[0], "Host") == "www.example.com");
    CHECK(header(log.requests[0], "X-Request-Id") == "id-1");
}

TEST_CASE("Squid: the stamp is that of the answer; tunnels and errors are no requests") {
    const Contents log = read_text(
        "1696938936.500    250 10.1.1.1 TCP_MISS/200 4030 GET http://shop.example/items?page=2 - HIER_DIRECT/192.0.2.1 text/html\n"
        "1696938937.000     12 10.1.1.1 TCP_TUNNEL/200 39 CONNECT shop.example:443 - HIER_DIRECT/192.0.2.1 -\n"
        "1696938937.100      0 10.1.1.1 NONE/400 3500 NONE error:invalid-request - HIER_NONE/- text/html\n"
        "1696938938.000      5 10.1.1.2 TCP_HIT/304 300 POST http://shop.example/items jo HIER_NONE/- text/html\n");
    CHECK(log.formats == "squid");
    REQUIRE(log.requests.size() == 2);
    CHECK(log.requests[0].at == kSampleTime + 250ms);
    CHECK(log.requests[0].target == "http://shop.example/items?page=2");
    CHECK(log.requests[0].recorded_status == 200);
    CHECK(log.requests[1].method == "POST");
    CHECK(log.requests[1].recorded_status == 304);
    CHECK(log.damage.empty());
    REQUIRE(log.warnings.size() == 1);
    CHECK(log.warnings[0].ends_with(": 2 lines are tunnels (CONNECT) or no request: skipped"));
}

TEST_CASE("a CSV export of Kibana is read as the documents that its rows are") {
    const Contents ecs = read_text(
        "\"@timestamp\",\"http.request.method\",\"http.response.status_code\",\"url.path\",\"url.query\",\"user_agent.original\"\n"
        "\"Oct 10, 2023 @ 11:55:36.250\",GET,200,\"/items/a,b\",\"q=1\",\"a \"\"b\"\"\"\n"
        "2023-10-10T11:55:37.000Z,POST,\"404\",/orders,-,\"two\nlines\"\n");
    CHECK(ecs.formats == "access-json in CSV");
    REQUIRE(ecs.requests.size() == 2);
    CHECK(ecs.requests[0].at == kSampleTime + 250ms);
    CHECK(ecs.requests[0].target == "/items/a,b?q=1");
    CHECK(header(ecs.requests[0], "User-Agent") == "a \"b\"");
    CHECK(ecs.requests[1].at == kSampleTime + 1s);
    CHECK(ecs.requests[1].recorded_status == 404);
    CHECK(header(ecs.requests[1], "User-Agent") == "two lines");
    CHECK(ecs.damage.empty());

    const Contents lines = read_text(
        "@timestamp;message\n"
        "\"Oct 10, 2023 @ 11:55:36.000\";\"10.0.0.1 - - [10/Oct/2023:11:55:36 +0000] \"\"GET /x HTTP/1.1\"\" 200 5\"\n");
    CHECK(lines.formats == "access in CSV in JSON \"message\"");
    REQUIRE(lines.requests.size() == 1);
    CHECK(lines.requests[0].target == "/x");
}

TEST_CASE("Kibana's times, and what is none") {
    CHECK(parse_kibana_time("Oct 10, 2023 @ 11:55:36.250").at == kSampleTime + 250ms);
    CHECK(parse_any_time("Oct 1, 2023 @ 00:00:00.000").at == 1696118400s);
    CHECK(parse_kibana_time("Feb 31, 2023 @ 00:00:00.000").reason == "bad timestamp 'Feb 31, 2023 @ 00:00:00.000': February has 28 days");
    for (const char* text : {"Oct 10, 2023 11:55:36", "Oct , 2023 @ 11:55:36", "Oct 10 2023 @ 11:55:36", "Okt 10, 2023 @ 11:55:36", "Oct"})
        CHECK_FALSE(parse_kibana_time(text).at.has_value());
}
