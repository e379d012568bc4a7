// What the server does with requests that are out of order, larger than anything, or cut into odd packets.
#include <doctest/doctest.h>
#include <malloc.h>

#include <chrono>
#include <memory>
#include <vector>

#include "http/server.hpp"
#include "support/malformed_requests.hpp"
#include "support/raw_connection.hpp"

namespace leakline::http {
namespace {

using namespace std::chrono_literals;
using test::RawConnection;
using test::request_text;

struct Running {
    explicit Running(ServerOptions options = {})
        : server(std::move(options), [](const ServerRequest& request, const Responder& responder) {
              Response response;
              response.body = std::string(request.target) + " " + std::string(request.body);
              responder.send(std::move(response));
          }) {
        server.start();
    }
    Server server;
};

const std::string kChunkedHead = "POST /c HTTP/1.1\r\nHost: t\r\nTransfer-Encoding: chunked\r\n\r\n";

}  // namespace

TEST_CASE("a request that could be read in two ways is refused, and its connection closes") {
    Running running;
    for (const test::OddRequest& odd : test::odd_requests()) {
        CAPTURE(odd.name);
        RawConnection connection(running.server.port());
        connection.send(odd.bytes);
        const std::string response = connection.response();
        CHECK(RawConnection::status(response) == odd.status);
        CHECK(response.find("/smuggled") == std::string::npos);
        if (odd.status != 200) CHECK(connection.ended());
    }
}

TEST_CASE("the end of a chunked body may come in any packets") {
    Running running;
    for (const std::string body : {"0\r\n\r\n", "3\r\nabc\r\n0\r\n\r\n", "0\r\nX: y\r\n\r\n", "1;a=b\r\nx\r\n0;c\r\n\r\n"})
        for (std::size_t first = 1; first < body.size(); ++first)
            for (std::size_t second = first; second < body.size(); ++second) {
                RawConnection connection(running.server.port());
                connection.send(kChunkedHead + body.substr(0, first));
                connection.send_apart(body.substr(first, second - first));
                connection.send_apart(body.substr(second));
                REQUIRE(RawConnection::status(connection.response()) == 200);
            }
}

TEST_CASE("extensions and trailers without an end are refused at the limit of the headers") {
    Running running;
    const std::string piece(4096, 'x');
    const struct {
        const char* name;
        std::string begin, more;
    } cases[] = {
        {"one extension", kChunkedHead + "3;a=", piece},
        {"extensions of many chunks", kChunkedHead, "1;" + piece + "\r\nx\r\n"},
        {"one trailer", kChunkedHead + "0\r\nX: ", piece},
        {"many trailers", kChunkedHead + "0\r\n", "X: y\r\n"},
        {"many headers", "GET / HTTP/1.1\r\nHost: t\r\n", "X: y\r\n"},
        {"one header", "GET / HTTP/1.1\r\nHost: t\r\nX: ", piece},
    };
    for (const auto& each : cases) {
        CAPTURE(each.name);
        RawConnection connection(running.server.port());
        connection.send(each.begin);
        for (int left = 100'000; left > 0 && !connection.has_answer() && connection.send(each.more);)
            left -= static_cast<int>(each.more.size());
        CHECK(RawConnection::status(connection.response()) == 431);
    }
    RawConnection connection(running.server.port());
    connection.send(request_text("GET", "/after"));
    CHECK(RawConnection::status(connection.response()) == 200);
}

#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
TEST_CASE("a connection that is idle keeps nothing of its largest request") {
    Running running;
    const auto in_use = [] { return static_cast<std::size_t>(::mallinfo2().uordblks + ::mallinfo2().hblkhd); };
    const std::size_t before = in_use();
    std::vector<std::unique_ptr<RawConnection>> connections;
    for (int i = 0; i < 50; ++i) {
        connections.push_back(std::make_unique<RawConnection>(running.server.port()));
        RawConnection& connection = *connections.back();
        std::string large_fields;
        for (int field = 0; field < 14; ++field) large_fields += "X-" + std::to_string(field) + ": " + std::string(1000, 'x') + "\r\n";
        connection.send(request_text("POST", "/" + std::string(1000, 'y'), std::string(900'000, 'z'), large_fields));
        CHECK(RawConnection::status(connection.response()) == 200);
        connection.send(kChunkedHead + "1;" + std::string(15'000, 'e') + "\r\nx\r\n0\r\n\r\n" + request_text("GET", "/last"));
        CHECK(RawConnection::status(connection.response()) == 200);
        CHECK(RawConnection::body(connection.response()) == "/last ");
        connection.forget();
    }
    CHECK(in_use() - before < 50 * std::size_t{32} * 1024);
}
#endif

}  // namespace leakline::http
