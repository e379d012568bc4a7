// Logs of real tools that were read wrongly or not at all, with the right answer (testdata/README.md).
#include <doctest/doctest.h>

#include <algorithm>
#include <map>

#include "base/error.hpp"
#include "replay/dry_run.hpp"
#include "report/report.hpp"
#include "support/loopback_server.hpp"
#include "support/read_log.hpp"

using namespace leakline;
using namespace leakline::replay;
using namespace leakline::test;

namespace {

std::string case_file(const std::string& name) { return std::string(LEAKLINE_TESTDATA "/cases/") + name; }

DryRun dry_run_of(const std::string& name, const std::string& target = "", std::vector<std::string> hosts = {}) {
    ReplayOptions options;
    options.logs = {case_file(name)};
    options.target = target;
    options.shape.hosts = std::move(hosts);
    return dry_run(options);
}

std::string text_of(const DryRun& result) { return report::format_named("text").render(result, {}); }

bool has_warning(const DryRun& result, const std::string& part) {
    return std::any_of(result.warnings.begin(), result.warnings.end(),
                       [&](const std::string& line) { return line.find(part) != line.npos; });
}

}  // namespace

TEST_CASE("a HAR with objects for parameters is read; its bodies are missing, and counted") {
    const DryRun result = dry_run_of("object_parameters.har");
    CHECK(result.read == 13);
    CHECK(result.requests == 1);
    CHECK(result.filtered == 12);
    CHECK(result.bad == 0);
    CHECK(has_warning(result, "would be left out: 12 requests that had a body that the log does not have"));
}

TEST_CASE("of a HAR only the target's host is sent, or else the most frequent; the others are listed") {
    for (const char* target : {"", "http://127.0.0.1:8080", "https://shop.example", "http://SHOP.example:80"}) {
        CAPTURE(target);
        const DryRun result = dry_run_of("many_hosts.har", target);
        CHECK(result.read == 16);
        CHECK(result.requests == 8);
        CHECK(result.filtered == 8);
        REQUIRE(result.hosts.size() == 9);
        CHECK(result.hosts[0].name == "shop.example");
        CHECK(result.hosts[0].requests == 8);
        CHECK(result.hosts[0].left_out == 0);
        CHECK(result.hosts[1].left_out == 1);
        CHECK(has_warning(result, "would be left out: 8 requests to other hosts than shop.example"));
        CHECK(text_of(result).find("  shop.example\n") != std::string::npos);
        CHECK(text_of(result).find("1  metrics0.thirdparty.example  (skipped)\n") != std::string::npos);
    }
    const DryRun third = dry_run_of("many_hosts.har", "http://metrics3.thirdparty.example:9000");
    CHECK(third.requests == 1);
    CHECK(third.filtered == 15);
    CHECK(has_warning(third, "other hosts than metrics3.thirdparty.example (the target's)"));
    CHECK(dry_run_of("many_hosts.har", "", {"*"}).hosts[1].left_out == 0);
    CHECK(dry_run_of("many_hosts.har", "", {"*.thirdparty.example"}).hosts[0].left_out == 8);
}

TEST_CASE("forms of a HAR are sent as they were: what is encoded already is not encoded again") {
    const Contents har = read({case_file("bodies.har")});
    REQUIRE(har.requests.size() == 6);
    CHECK(har.requests[0].body == "foo0=bar0&foo1=bar1");
    CHECK(har.requests[1].body == "q=a%20b%2Bc");
    CHECK(har.requests[2].body.starts_with("--XX\r\n"));
    CHECK(har.requests[3].body == "login=");
    CHECK(har.requests[4].method == "GET");
    const DryRun result = dry_run_of("bodies.har");
    CHECK(result.requests == 5);
    CHECK(result.filtered == 1);
    CHECK(result.bad == 0);
}

TEST_CASE("a .gor file's targets without a slash are sent with one") {
    std::vector<std::string> lines;
    RecordingServer server;
    ReplayOptions options;
    options.logs = {case_file("target_without_slash.gor")};
    options.target = server.url();
    options.pace.kind = Pace::Kind::max;
    const ReplayStats stats = run(options);
    CHECK(stats.sent == 5);
    CHECK(stats.valid);
    for (const std::string& request : server.requests()) lines.push_back(request.substr(0, request.find('\r')));
    CHECK(std::count(lines.begin(), lines.end(), "POST /ranker/latest?batch=true HTTP/1.1") == 4);
    CHECK(std::count(lines.begin(), lines.end(), "GET /version HTTP/1.1") == 1);
    REQUIRE(stats.warnings.size() == 1);
    CHECK(stats.warnings[0].ends_with("4 requests have a target without its leading slash: sent with one"));

    const auto target_of = [](const std::string& request_line) {
        return read_text("1 a 1700000000000000000\n" + request_line + "\r\n\r\n\n\xF0\x9F\x90\xB5\xF0\x9F\x99\x88\xF0\x9F\x99\x89\n")
            .requests.at(0)
            .target;
    };
    CHECK(target_of("GET example HTTP/1.1") == "/example");
    CHECK(target_of("GET  HTTP/1.1") == "/");
    CHECK(target_of("GET HTTP/1.1") == "/");
    CHECK(target_of("GET ?a=1 HTTP/1.1") == "/?a=1");
    CHECK(target_of("GET http://h/a HTTP/1.1") == "http://h/a");
    CHECK(target_of("OPTIONS * HTTP/1.1") == "*");
}

TEST_CASE("Docker's json-file around nginx's log, HAProxy's log behind syslog's prefix, and Kibana's JSON are read") {
    const Contents docker = read({case_file("docker_json_file.log")});
    CHECK(docker.formats == "access in Docker json-file");
    CHECK(docker.requests.size() == 20);
    CHECK(docker.requests[3].target == "/api/items?page=3");
    CHECK(header(docker.requests[3], "User-Agent") == "curl/8");
    CHECK(docker.damage.empty());

    const Contents haproxy = read({case_file("haproxy_httplog_syslog.log")});
    CHECK(haproxy.formats == "haproxy in syslog (RFC 3164)");
    REQUIRE(haproxy.requests.size() > 2);
    CHECK(haproxy.requests[1].target == "/api/items?page=2");
    CHECK(haproxy.requests[1].recorded_status == 200);
    CHECK(haproxy.requests[1].at - haproxy.requests[0].at == std::chrono::milliseconds(700));
    CHECK(haproxy.damage.empty());

    const Contents kibana = read({case_file("kibana_express_json.log")});
    CHECK(kibana.formats == "access-json");
    CHECK(kibana.requests.at(0).method == "POST");
    CHECK(kibana.requests[0].target == "/elasticsearch/_msearch?n=0");
    CHECK(header(kibana.requests[0], "host") == "kibana.example.loc");
    const DryRun result = dry_run_of("kibana_express_json.log");
    CHECK(result.read == kibana.requests.size());
    CHECK(result.requests == 0);  // a POST whose body is not in the log
    CHECK(has_warning(result, "had a body that the log does not have"));
}
