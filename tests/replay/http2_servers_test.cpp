// HTTP/2 and gRPC against real servers: nghttpd, nginx and Python's grpcio.
#include <doctest/doctest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <fstream>
#include <functional>
#include <map>
#include <optional>
#include <set>
#include <thread>

#include "base/error.hpp"
#include "support/certificates.hpp"
#include "support/free_port.hpp"
#include "support/installed.hpp"
#include "support/recorded_proxy.hpp"
#include "support/replay_log.hpp"
#include "system/byte_source.hpp"
#include "system/child_process.hpp"

using namespace leakline;
using namespace leakline::test;

namespace {

Child started(std::vector<std::string> words, const std::string& output) {
    Command command;
    command.arguments = std::move(words);
    command.output_file = output;
    return Child::start(command);
}

replay::ReplayOptions over(const LogFile& log, const std::string& url, http::HttpVersion version) {
    replay::ReplayOptions options = options_for(log, url);
    options.connect.version = version;
    options.give_up = 20s;
    return options;
}

// Replays one request until it is answered.
void wait_until_answered(const replay::ReplayOptions& options) {
    replay::ReplayOptions first = options;
    first.give_up = 10ms;
    for (int tries = 0; replay::run(first).completed == 0; ++tries) {
        REQUIRE(tries < 1000);
        std::this_thread::sleep_for(10ms);
    }
}

std::vector<Request> gets(int count, const std::string& target) {
    std::vector<Request> requests = posts(count);
    for (Request& request : requests) {
        request.method = "GET";
        request.target = target;
        request.headers = {{"User-Agent", "leakline"}, {"Keep-Alive", "timeout=5"}, {"X-Mixed-Case", " a value "}};
        request.body.clear();
    }
    return requests;
}

// nginx with HTTP/2, over plain TCP and over TLS.
struct Http2Nginx : Certificates {
    Http2Nginx() {
        ::chmod(path("").c_str(), 0755);
        std::ofstream(path("nginx.conf")) << "daemon off; worker_processes 1; pid " << path("pid") << "; error_log " << path("error.log")
                                          << ";\n"
                                          << (::geteuid() == 0 ? "user root;\n" : "") << "events {}\nhttp {\n  access_log "
                                          << path("access.log") << " combined; keepalive_requests 20; client_body_temp_path " << path("b")
                                          << "; proxy_temp_path " << path("p") << "; fastcgi_temp_path " << path("f")
                                          << "; uwsgi_temp_path " << path("u") << "; scgi_temp_path " << path("s")
                                          << ";\n  server {\n    listen 127.0.0.1:" << plain << " http2;\n    listen 127.0.0.1:" << secure
                                          << " ssl http2;\n    listen 127.0.0.1:" << http1 << " ssl;\n    ssl_certificate "
                                          << certificate("server") << "; ssl_certificate_key " << key("server")
                                          << ";\n    location / { return 200 \"$http_host\"; }\n  }\n}\n";
        child.emplace(started({"nginx", "-c", path("nginx.conf"), "-e", path("error.log")}, path("nginx.log")));
    }
    std::string url(int port) const { return (port == plain ? "http://127.0.0.1:" : "https://127.0.0.1:") + std::to_string(port); }

    const int plain = free_port(), secure = free_port(), http1 = free_port();
    std::optional<Child> child;
};

}  // namespace

TEST_CASE("nghttpd answers over HTTP/2 by prior knowledge, bodies of any size included") {
    if (!is_installed("nghttpd")) return;
    const TemporaryDirectory directory;
    std::ofstream(directory.path() + "/file") << std::string(200'000, 'x');
    const int port = free_port();
    Child server = started({"nghttpd", "--no-tls", "-a", "127.0.0.1", "-d", directory.path(), "--echo-upload", std::to_string(port)},
                           directory.path() + "/log");
    const std::string url = "http://127.0.0.1:" + std::to_string(port);
    const LogFile one(gets(1, "/file"));
    wait_until_answered(over(one, url, http::HttpVersion::http2));
    std::vector<Request> requests = gets(100, "/file");
    for (std::size_t i = 0; i < requests.size(); ++i) {
        if (i % 3 == 0) requests[i].target = "/none";
        if (i % 3 != 1) continue;
        requests[i].method = "POST";
        requests[i].body = std::string(i * 5000, 'b');
    }
    const LogFile log(requests);
    for (const int streams : {1, 16}) {
        replay::ReplayOptions options = over(log, url, http::HttpVersion::http2);
        options.connections = 2;
        options.streams = streams;
        const ReplayStats stats = replay::run(options);
        check_books(stats);
        CHECK(stats.statuses == std::map<int, std::uint64_t>{{200, 66}, {404, 34}});
        CHECK(stats.http2 == 100);
        CHECK(stats.connections <= 2);
    }
}

TEST_CASE("nginx: HTTP/2 by prior knowledge, by ALPN where it is offered, and not where it is not") {
    if (!is_installed("nginx")) return;
    const Http2Nginx nginx;
    const LogFile one(gets(1, "/")), log(gets(200, "/a?b=c"));
    using http::HttpVersion;
    wait_until_answered(over(one, nginx.url(nginx.plain), HttpVersion::http2));
    struct Case {
        int port;
        HttpVersion version;
        std::uint64_t http2;
        const char* cause = "";
    };
    const Case cases[] = {{nginx.plain, HttpVersion::http2, 200},
                          {nginx.secure, HttpVersion::automatic, 200},
                          {nginx.secure, HttpVersion::http2, 200},
                          {nginx.secure, HttpVersion::http1, 0},
                          {nginx.http1, HttpVersion::automatic, 0},
                          {nginx.http1, HttpVersion::http2, 0,
                           "the target does not offer HTTP/2 in the TLS handshake (ALPN); without --http2, the target chooses the version"},
                          {nginx.plain, HttpVersion::automatic, 0, "the target speaks HTTP/2 only; --http2 sends it"}};
    for (const Case& c : cases) {
        CAPTURE(c.port);
        CAPTURE(static_cast<int>(c.version));
        replay::ReplayOptions options = over(log, nginx.url(c.port), c.version);
        options.connect.ca_file = nginx.certificate("ca");
        options.connections = 2;
        if (*c.cause != '\0') options.give_up = 50ms;
        if (c.version == HttpVersion::http2) options.streams = 8;
        const ReplayStats stats = replay::run(options);
        check_books(stats);
        CHECK(stats.http2 == c.http2);
        CHECK(stats.completed == (*c.cause == '\0' ? 200 : 0));
        CHECK(stats.failure_cause == c.cause);
        // nginx ends a connection with GOAWAY after 20 requests.
        if (*c.cause == '\0') CHECK(stats.connections >= 10);
    }
    for (const int port : {nginx.plain, nginx.secure}) {
        http::ProxyOptions trusting;
        trusting.connect.ca_file = nginx.certificate("ca");
        RecordedProxy proxy(nginx.url(port), trusting);
        replay::ReplayOptions options = over(log, proxy.url(), HttpVersion::http2);
        options.connections = 2;
        options.streams = 8;
        const ReplayStats stats = replay::run(options);
        check_books(stats);
        CHECK(stats.statuses == std::map<int, std::uint64_t>{{200, 200}});
        CHECK(stats.connections >= 10);  // the proxy hands the GOAWAY on
        const auto& recorded = proxy.stop();
        CHECK(recorded.size() == 200);
        for (const http::ProxiedRequest& request : recorded) {
            CHECK(request.status == 200);
            CHECK(request.target == "/a?b=c");
            // nginx answers with the host that it was asked for: the target's, as over HTTP/1.
            REQUIRE(request.response);
            CHECK(request.response->body == "127.0.0.1:" + std::to_string(port));
        }
    }
    http::ProxyOptions trusting;
    trusting.connect.ca_file = nginx.certificate("ca");
    RecordedProxy proxy(nginx.url(nginx.http1), trusting);
    replay::ReplayOptions options = over(one, proxy.url(), HttpVersion::http2);
    CHECK(replay::run(options).statuses == std::map<int, std::uint64_t>{{502, 1}});
}

TEST_CASE("the recording proxy forwards HTTP/2 both ways, with bodies of any size, and records it") {
    if (!is_installed("nghttpd")) return;
    const TemporaryDirectory directory;
    const int port = free_port();
    Child server = started({"nghttpd", "--no-tls", "-a", "127.0.0.1", "-d", directory.path(), "--echo-upload", std::to_string(port)},
                           directory.path() + "/log");
    const std::string url = "http://127.0.0.1:" + std::to_string(port);
    std::vector<Request> requests = posts(100);
    for (std::size_t i = 0; i < requests.size(); ++i) requests[i].body += std::string(i % 10 == 0 ? i * 20'000 : i * 100, 'b');
    const LogFile log(requests), one(gets(1, "/"));
    wait_until_answered(over(one, url, http::HttpVersion::http2));
    RecordedProxy proxy(url);
    replay::ReplayOptions options = over(log, proxy.url(), http::HttpVersion::http2);
    options.connections = 2;
    options.streams = 16;
    const ReplayStats stats = replay::run(options);
    check_books(stats);
    CHECK(stats.statuses == std::map<int, std::uint64_t>{{200, 100}});
    std::multiset<std::string> sent, recorded;
    for (const Request& request : requests) sent.insert(request.body);
    for (const http::ProxiedRequest& request : proxy.stop()) {
        CHECK(request.method == "POST");
        CHECK(request.target == "/api/track");
        CHECK(request.headers.front().first == "Host");
        REQUIRE(request.response);
        CHECK((request.response->body == request.body));  // nghttpd's echo
        CHECK(request.response->latency > 0ns);
        recorded.insert(request.body);
    }
    CHECK((sent == recorded));
    CHECK(proxy.counts().requests == 100);
    CHECK(proxy.counts().failed == 0);
}

TEST_CASE("a real gRPC service: unary calls and streams succeed, and failures are counted by name") {
    const std::string python = "/usr/bin/python3";
    const TemporaryDirectory directory;
    if (started({python, "-c", "import grpc"}, directory.path() + "/import").wait().code != 0) {
        MESSAGE("python3-grpcio is not installed (scripts/setup.sh installs it): not tested");
        return;
    }
    const std::string printed = directory.path() + "/port";
    Child server = started({python, std::string(LEAKLINE_SOURCE_DIR) + "/tests/programs/grpc_service.py"}, printed);
    std::string port;
    for (int tries = 0; tries < 2000 && port.find('\n') == port.npos; ++tries) {
        std::this_thread::sleep_for(5ms);
        port = read_file(printed);
    }
    REQUIRE(port.find('\n') != port.npos);
    const auto message = [](const std::string& text) {
        return std::string("\0\0\0\0", 4) + static_cast<char>(text.size()) + text;  // not compressed, length
    };
    const std::pair<const char*, std::string> calls[] = {
        {"/test.Echo/Unary", message("a")},
        {"/test.Echo/Unary", message("missing")},
        {"/test.Echo/Unary", message("broken")},
        {"/test.Echo/Count", message("five.")},
        {"/test.Echo/Collect", message("a") + message("b") + message("c")},
        {"/test.Echo/Chat", message("a") + message("b")},
        {"/test.Echo/None", message("")},
    };
    std::vector<Request> requests;
    for (int round = 0; round < 20; ++round) {
        for (const auto& [target, body] : calls) {
            Request request = posts(1).front();
            request.target = target;
            request.headers = {{"content-type", "application/grpc"}, {"te", "trailers"}, {"grpc-accept-encoding", "identity"}};
            request.body = body;
            requests.push_back(request);
        }
    }
    const LogFile log(requests);
    replay::ReplayOptions options = over(log, "http://127.0.0.1:" + port.substr(0, port.find('\n')), http::HttpVersion::http2);
    options.connections = 1;
    options.streams = 10;
    const ReplayStats stats = replay::run(options);
    check_books(stats);
    CHECK(stats.completed == 140);
    // UNKNOWN of the exception, UNIMPLEMENTED of the method that is not there.
    CHECK(stats.grpc_statuses == std::map<int, std::uint64_t>{{0, 80}, {2, 20}, {5, 20}, {12, 20}});
    CHECK(stats.connections == 1);
    CHECK(stats.valid);

    // The same through the recording proxy, which records what was sent.
    RecordedProxy proxy(options.target);
    options.target = proxy.url();
    CHECK(replay::run(options).grpc_statuses == stats.grpc_statuses);
    CHECK(started({python, std::string(LEAKLINE_SOURCE_DIR) + "/tests/programs/grpc_calls.py", std::to_string(proxy.port())},
                  directory.path() + "/calls")
              .wait()
              .code == 0);
    INFO(read_file(directory.path() + "/calls"));
    const auto& recorded = proxy.stop();
    std::map<std::string, int> expected, found;
    for (const Request& request : requests) ++expected[request.target + " " + request.body];
    int canceled = 0;
    for (const http::ProxiedRequest& request : recorded) {
        if (request.status == 0) ++canceled;
        const auto known = expected.find(request.target + " " + request.body);
        if (known != expected.end()) ++found[known->first];
    }
    for (const auto& [call, count] : expected) {
        CAPTURE(call);
        CHECK(found[call] >= count);
    }
    CHECK(recorded.size() >= 140 + 7);
    CHECK(canceled <= 1);
}
