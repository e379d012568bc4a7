// The client for single requests, and URLs.
#include "http/client.hpp"
#include "base/error.hpp"
#include "http/url.hpp"
#include "support/loopback_server.hpp"
#include "system/temporary_directory.hpp"

#include <doctest/doctest.h>

using namespace leakline;
using namespace leakline::test;
using namespace std::chrono_literals;

namespace {

http::ClientResponse ask(const LoopbackServer& server, http::ClientRequest request = {}, http::ClientOptions options = {}) {
    request.url = server.url() + request.url;
    return http::send_request(request, options);
}

// A server that answers the first request of each connection and closes.
LoopbackServer::Handler once(const std::string& response) {
    return [response](Wire& wire) {
        wire.read_request();
        wire.write(response);
    };
}

}  // namespace

TEST_CASE("URLs are taken apart and written back") {
    const auto parse = [](const char* text) { return http::parse_url(text); };
    CHECK(parse("http://example.org").target == "/");
    CHECK(parse("http://example.org").port == 80);
    CHECK(parse("https://example.org/a?b=c#d").target == "/a?b=c");
    CHECK(parse("https://example.org").port == 443);
    CHECK(parse("HTTP://[::1]:8080/x").authority() == "[::1]:8080");
    CHECK(parse("http://[::1]:8080/x").host == "::1");
    CHECK(parse("http://example.org:80").authority() == "example.org");
    CHECK(parse("http://example.org?q=a b").target == "/?q=a%20b");
    CHECK(parse("http://example.org/caf\xc3\xa9").target == "/caf%C3%A9");
    CHECK(parse("unix:/run/app.sock").socket_path == "/run/app.sock");
    CHECK(parse("unix:/run/app.sock:/metrics").target == "/metrics");
    CHECK(parse("unix:/run/app.sock:/metrics").text() == "unix:/run/app.sock:/metrics");
}

TEST_CASE("what is no URL is refused, with the text and the reason") {
    const std::pair<const char*, const char*> bad[] = {
        {"localhost:8080",
         "'localhost:8080': not a URL that can be sent to: it has to start with http://, https:// or unix:\n"
         "  hint: http://localhost:8080"},
        {"ftp://a", "'ftp://a': not a URL that can be sent to: it has to start with http://, https:// or unix:"},
        {"http://", "'http://': no host name"},
        {"http://a:0", "'http://a:0': bad port '0': a port is a number from 1 to 65535"},
        {"http://a:99999", "'http://a:99999': bad port '99999': a port is a number from 1 to 65535"},
        {"http://::1/", "'http://::1/': an IPv6 address needs brackets\n  hint: http://[::1]:8080"},
        {"http://[::1", "'http://[::1': the IPv6 address has no closing ']'"},
        {"http://me:secret@a/", "'http://***@a/': a user name in a URL is not supported\n  hint: send an Authorization header instead"},
        {"unix:", "'unix:': no socket path\n  hint: unix:/run/app.sock"},
    };
    for (const auto& [text, message] : bad) CHECK_THROWS_WITH_AS(http::parse_url(text), message, Error);
}

TEST_CASE("an address to listen on has loopback and brackets as people write them") {
    const auto read = [](const char* text) { return http::parse_listen(text).text(); };
    CHECK(read("127.0.0.1:8080") == "127.0.0.1:8080");
    CHECK(read("[::1]:8080") == "[::1]:8080");
    CHECK(http::parse_listen("[::1]:8080").address == "::1");
    CHECK(read("localhost:1") == "127.0.0.1:1");
    CHECK(read(":65535") == "127.0.0.1:65535");
    CHECK(read("0") == "127.0.0.1:0");
    for (const char* text : {"", ":", "127.0.0.1", "127.0.0.1:", "x:65536", "x:-1", "x:80 ", "x:+80", "::1:8080", "[::1:8080", "[::1]"})
        CHECK_THROWS_AS(http::parse_listen(text), Error);
}

TEST_CASE("a request goes out as asked, and the answer comes back whole") {
    std::string received;
    LoopbackServer server([&](Wire& wire) {
        received = wire.read_request();
        wire.write(
            "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 201 Created\r\nX-A: 1\r\nTransfer-Encoding: chunked\r\n\r\n"
            "5\r\nhello\r\n6\r\n world\r\n0\r\n\r\n");
    });
    http::ClientRequest request;
    request.url = "/hook?x=1";
    request.method = "POST";
    request.headers = {{"Content-Type", "application/json"}, {"User-Agent", "test"}};
    request.body = "{}";
    const http::ClientResponse response = ask(server, request);
    CHECK(response.status == 201);
    CHECK(response.reason == "Created");
    CHECK(response.header("x-a") == "1");
    CHECK_FALSE(response.header("x-b"));
    CHECK(response.body == "hello world");
    CHECK(received == "POST /hook?x=1 HTTP/1.1\r\nHost: 127.0.0.1:" + std::to_string(server.port()) +
                          "\r\nConnection: close\r\nContent-Length: 2\r\nContent-Type: application/json\r\n"
                          "User-Agent: test\r\n\r\n{}");
}

TEST_CASE("a body may end with the connection, and HEAD has none") {
    CHECK(ask(LoopbackServer(once("HTTP/1.0 200 OK\r\n\r\nto the end"))).body == "to the end");
    http::ClientRequest head;
    head.method = "HEAD";
    const LoopbackServer server([](Wire& wire) {
        wire.read_request();
        wire.write("HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n");
        wire.wait_for_close();
    });
    CHECK(ask(server, head).status == 200);
}

TEST_CASE("no complete answer is an error that says what happened") {
    const auto fails = [](const LoopbackServer& server, const std::string& message, http::ClientOptions options = {}) {
        CHECK_THROWS_WITH_AS(ask(server, {}, options), (server.url() + ": " + message).c_str(), Error);
    };
    fails(LoopbackServer(once("")), "the connection was closed without a response");
    fails(LoopbackServer(once("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf")), "the response is incomplete");
    fails(LoopbackServer(once("SSH-2.0-OpenSSH\r\n\r\n")), "malformed response: bad version");
    http::ClientOptions options;
    options.timeout = 50ms;
    fails(LoopbackServer([](Wire& wire) { wire.wait_for_close(); }), "no response: no data within 50ms", options);
    options = {};
    options.max_body = 10;
    fails(LoopbackServer(once("HTTP/1.1 200 OK\r\nContent-Length: 11\r\n\r\nhello world")), "the response's body is larger than 10 B",
          options);
    options.max_header = 100;
    fails(LoopbackServer(once("HTTP/1.1 200 OK\r\nX: " + std::string(200, 'x') + "\r\n\r\n")),
          "the response's headers are larger than 100 B", options);
    std::string gone;
    {
        gone = LoopbackServer([](Wire&) {}).url();
    }
    CHECK_THROWS_WITH_AS(http::get(gone), (gone + ": no connection: connection refused").c_str(), Error);
    http::ClientRequest request;
    request.url = gone;
    request.headers = {{"X", "a\r\nY: b"}};
    CHECK_THROWS_WITH_AS(http::send_request(request), "header 'X': it cannot be sent: it contains a line break", Error);
}

TEST_CASE("a Unix socket is asked like any other server") {
    const TemporaryDirectory directory;
    const LoopbackServer server(once(kOk), directory.path() + "/s");
    CHECK(http::get(server.url() + ":/healthz").body == "ok");
    CHECK_THROWS_WITH_AS(http::get("unix:/no/such/socket"), "unix:/no/such/socket: no connection: no such file or directory", Error);
}

TEST_CASE("a password in a URL is not shown") {
    CHECK(http::redact_userinfo("http://u:secret@host:80/a?b=c@d") == "http://***@host:80/a?b=c@d");
    CHECK(http::redact_userinfo("u:secret@host") == "***@host");
    CHECK(http::redact_userinfo("http://u:se/cr?et@host/") == "http://***@host/");
    CHECK(http::redact_userinfo("http://host:80/users/@me") == "http://host:80/users/@me");
    CHECK(http::redact_userinfo("http://[::1]:80/@me") == "http://[::1]:80/@me");
    CHECK(http::redact_userinfo("/a@b") == "/a@b");
    CHECK(http::redact_userinfo("").empty());
}
