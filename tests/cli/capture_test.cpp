// leakline capture between raw clients and a raw upstream, and its log replayed.
#include <arpa/inet.h>
#include <doctest/doctest.h>
#include <fmt/format.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <filesystem>
#include <future>
#include <memory>
#include <mutex>
#include <nlohmann/json.hpp>
#include <thread>

#include "base/strings.hpp"
#include "support/binary.hpp"
#include "support/loopback_server.hpp"
#include "support/malformed_requests.hpp"
#include "support/raw_connection.hpp"
#include "system/temporary_directory.hpp"

using namespace leakline;
using namespace leakline::test;
using namespace std::chrono_literals;
using nlohmann::json;

namespace {

// A running capture in front of url.
class Capture {
  public:
    // before: what runs it
    explicit Capture(const std::string& url, std::vector<std::string> more = {}, std::vector<std::string> before = {}) {
        Command command;
        const std::string port_file = directory_.path() + "/port";
        command.arguments = {binary("leakline"), "capture",     "--listen", "127.0.0.1:0", "--target", url, "-o",
                             log_path(),         "--port-file", port_file};
        command.arguments.insert(command.arguments.end(), more.begin(), more.end());
        command.arguments.insert(command.arguments.begin(), before.begin(), before.end());
        command.output_file = directory_.path() + "/said";
        child_ = std::make_unique<Child>(Child::start(command));
        while (!std::filesystem::exists(port_file)) {
            REQUIRE(child_->running());
            std::this_thread::sleep_for(5ms);
        }
        port_ = static_cast<std::uint16_t>(std::stoi(read_file(port_file)));
    }
    std::uint16_t port() const { return port_; }
    std::string log_path() const { return directory_.path() + "/traffic.jsonl"; }
    void interrupt() {
        interrupted_ = true;
        ::kill(child_->pid(), SIGINT);
    }
    bool ends_within(Nanoseconds patience) { return child_->wait_for(patience).has_value(); }
    std::string said() const { return read_file(directory_.path() + "/said"); }

    // Ends it; the log's lines. Its last byte must be a line's end.
    std::vector<json> end() {
        if (!interrupted_) interrupt();  // a second one would not wait for anything
        CHECK(child_->wait().shell_code() == 0);
        const std::string text = read_file(log_path());
        CHECK((text.empty() || text.back() == '\n'));
        std::vector<json> lines;
        for (const std::string_view line : split(text, '\n'))
            if (!line.empty()) lines.push_back(json::parse(line));
        return lines;
    }

  private:
    TemporaryDirectory directory_;
    std::unique_ptr<Child> child_;
    std::uint16_t port_ = 0;
    bool interrupted_ = false;
};

// Answers by path, as long as the connection is kept.
void answer(Wire& wire) {
    for (std::string request = wire.read_request(); !request.empty(); request = wire.read_request()) {
        const auto asks = [&](const char* start) { return request.starts_with(start); };
        if (asks("HEAD"))
            wire.write("HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n");
        else if (asks("GET /204"))
            wire.write("HTTP/1.1 204 No Content\r\n\r\n");
        else if (asks("GET /304"))
            wire.write("HTTP/1.1 304 Not Modified\r\nContent-Length: 9\r\n\r\n");
        else if (asks("GET /103"))
            wire.write("HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n" + std::string(kOk));
        else if (asks("GET /close"))
            return wire.write("HTTP/1.1 201 Created\r\nConnection: close\r\n\r\nto the end");
        else
            wire.write(kOk);
    }
}

// Listens, and has a queue that is full: who connects is neither let in nor refused.
class DeafListener {
  public:
    DeafListener() {
        sockaddr_in address{};
        address.sin_family = AF_INET;
        address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        socklen_t size = sizeof address;
        auto* const generic = reinterpret_cast<sockaddr*>(&address);
        REQUIRE(::bind(listening_, generic, size) == 0);
        REQUIRE(::listen(listening_, 0) == 0);
        REQUIRE(::getsockname(listening_, generic, &size) == 0);
        REQUIRE(::connect(queued_, generic, size) == 0);
        port_ = ntohs(address.sin_port);
    }
    ~DeafListener() {
        ::close(listening_);
        ::close(queued_);
    }
    std::string url() const { return "http://127.0.0.1:" + std::to_string(port_); }
    bool is_waited_for() const {
        return read_file("/proc/net/tcp").find(fmt::format(" 0100007F:{:04X} 02 ", port_)) != std::string::npos;  // SYN_SENT
    }

  private:
    int listening_ = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), queued_ = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    std::uint16_t port_ = 0;
};

int status_of(RawConnection& client, const std::string& request, bool has_body = true) {
    REQUIRE(client.send(request));
    return RawConnection::status(client.response(has_body));
}

}  // namespace

TEST_CASE("every request becomes a line: kept-alive, HEAD, bodiless, close-delimited, chunked and binary ones") {
    LoopbackServer upstream(answer);
    Capture capture(upstream.url(), {"--sessions"});
    {
        RawConnection client(capture.port());
        CHECK(status_of(client, request_text("POST", "/a?b=1", "{\"x\":1}",
                                             "X-Kept: 1\r\nAuthorization: Bearer s3cret\r\ncookie: id=7\r\n")) == 200);
        CHECK(status_of(client, request_text("HEAD", "/a"), false) == 200);
        CHECK(status_of(client, request_text("GET", "/204")) == 204);
        CHECK(status_of(client, request_text("GET", "/304"), false) == 304);
        CHECK(status_of(client, request_text("GET", "/103")) == 200);
        CHECK(status_of(client,
                        "POST /c HTTP/1.1\r\nHost: test\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2;x=y\r\nde\r\n0\r\n\r\n") == 200);
        CHECK(status_of(client, request_text("POST", "/bytes", std::string("\xff\0\x01", 3))) == 200);
        REQUIRE(client.send("POST /e HTTP/1.1\r\nHost: test\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n"));
        CHECK(RawConnection::status(client.until("\r\n\r\n")) == 100);
        CHECK(status_of(client, "ok") == 200);
        CHECK(upstream.connections() == 1);
        REQUIRE(client.send(request_text("GET", "/close", "", "Connection: close\r\n")));
        CHECK(client.until("to the end").find("HTTP/1.1 201 Created\r\n") == 0);
        CHECK(client.ended());
    }
    const std::vector<json> lines = capture.end();
    REQUIRE(lines.size() == 9);
    CHECK(lines[0]["url"] == "/a?b=1");
    CHECK(lines[0]["body"] == "{\"x\":1}");
    CHECK(lines[0]["headers"] == json({{"Host", "test"}, {"X-Kept", "1"}, {"Authorization", "redacted"}, {"cookie", "redacted"}}));
    CHECK(lines[1]["method"] == "HEAD");
    CHECK(lines[5]["body"] == "abcde");
    CHECK(lines[6]["body_b64"] == "/wAB");
    CHECK(lines[7]["body"] == "ok");
    CHECK(lines[8]["headers"]["Connection"] == "close");
    const int statuses[] = {200, 200, 204, 304, 200, 200, 200, 200, 201};
    for (std::size_t i = 0; i < lines.size(); ++i) {
        CHECK(lines[i]["status"] == statuses[i]);
        CHECK(lines[i]["conn"] == "c1");
    }
}

TEST_CASE("bodies stream both ways: a piece passes before the next is sent") {
    std::promise<void> first_arrived, client_has_first;
    LoopbackServer upstream([&](Wire& wire) {
        wire.read_until("first");
        first_arrived.set_value();
        wire.read_until("0\r\n\r\n");
        wire.write("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nevent\r\n");
        client_has_first.get_future().wait();
        wire.write("4\r\nlast\r\n0\r\n\r\n");
    });
    Capture capture(upstream.url());
    {
        RawConnection client(capture.port());
        REQUIRE(client.send("POST /s HTTP/1.1\r\nHost: test\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nfirst\r\n"));
        CHECK(first_arrived.get_future().wait_for(60s) == std::future_status::ready);
        REQUIRE(client.send("6\r\nsecond\r\n0\r\n\r\n"));
        CHECK(client.until("event").find("event") != std::string::npos);
        client_has_first.set_value();
        CHECK(client.until("0\r\n\r\n").find("last") != std::string::npos);
    }
    CHECK(capture.end().at(0)["body"] == "firstsecond");
}

TEST_CASE("a client of HTTP/1.0 gets no chunks, and no offer of another protocol passes") {
    std::string seen;
    LoopbackServer upstream([&](Wire& wire) {
        seen = wire.read_request();
        wire.write("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nevent\r\n0\r\n\r\n");
        wire.wait_for_close();
    });
    Capture capture(upstream.url());
    RawConnection client(capture.port());
    REQUIRE(client.send("GET /s HTTP/1.0\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\n"));
    const std::string response = client.until("nothing ends with this");
    CHECK(response.find("Transfer-Encoding") == std::string::npos);
    CHECK(response.ends_with("\r\n\r\nevent"));
    CHECK(capture.end().size() == 1);
    CHECK(seen.find("pgrade") == std::string::npos);
}

TEST_CASE("a client of HTTP/1.0 is told the length of its answer where the target tells it") {
    LoopbackServer upstream(answer);
    Capture capture(upstream.url());
    RawConnection client(capture.port());
    REQUIRE(client.send("GET /s HTTP/1.0\r\n\r\n"));
    CHECK(client.until("nothing ends with this").find("Content-Length: 2\r\n") != std::string::npos);
}

TEST_CASE("what is no exchange of HTTP messages is refused, and not recorded") {
    LoopbackServer upstream([](Wire& wire) {
        while (wire.read_request().starts_with("GET /switch")) wire.write("HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\n\r\n");
    });
    Capture capture(upstream.url());
    const auto answer_to = [&](const std::string& request) {
        RawConnection client(capture.port());
        REQUIRE(client.send(request));
        return client.response();
    };
    const std::string websocket = answer_to("GET /ws HTTP/1.1\r\nHost: a\r\nConnection: keep-alive, Upgrade\r\nUpgrade: WebSocket\r\n\r\n");
    CHECK(RawConnection::status(websocket) == 501);
    CHECK(RawConnection::body(websocket) == "leakline capture: WebSocket connections are not forwarded or recorded\n");
    CHECK(RawConnection::status(answer_to("CONNECT a:443 HTTP/1.1\r\nHost: a:443\r\n\r\n")) == 501);
    const std::string switched = answer_to(request_text("GET", "/switch"));
    CHECK(RawConnection::status(switched) == 502);
    CHECK(RawConnection::body(switched) == "leakline capture: the target switched to another protocol, which is not forwarded\n");
    const std::vector<json> lines = capture.end();
    REQUIRE(lines.size() == 1);
    CHECK(lines[0]["url"] == "/switch");
    CHECK_FALSE(lines[0].contains("status"));
    CHECK(capture.said().find("3 requests over 3 connections, 1 written, 1 without a complete response from the target (502), "
                              "2 refused as WebSocket or CONNECT (501)") != std::string::npos);
}

TEST_CASE("a request whose body was incomplete is not recorded as a shorter one") {
    LoopbackServer upstream([](Wire& wire) {
        if (wire.read_request().starts_with("GET /half")) wire.write("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf");
    });
    Capture capture(upstream.url());
    {
        RawConnection client(capture.port());
        REQUIRE(client.send("POST /up HTTP/1.1\r\nHost: a\r\nContent-Length: 100\r\n\r\nhalf"));
        client.shutdown_sending();
        client.until("nothing ends with this");
    }
    {
        RawConnection client(capture.port());
        REQUIRE(client.send(request_text("GET", "/half")));
        client.until("nothing ends with this");
    }
    const std::vector<json> lines = capture.end();
    REQUIRE(lines.size() == 1);
    CHECK(lines[0]["url"] == "/half");
    CHECK(capture.said().find("2 requests over 2 connections, 1 written, 1 not recorded because the body was incomplete, "
                              "1 without a complete response from the target (502)") != std::string::npos);
}

TEST_CASE("an answer that comes before the whole request reaches the client") {
    std::promise<void> received;
    LoopbackServer upstream([&](Wire& wire) {
        wire.read_until("\r\n\r\n");
        wire.write("HTTP/1.1 413 Payload Too Large\r\nContent-Length: 3\r\nConnection: close\r\n\r\nbig");
        wire.shutdown_sending();
        received.get_future().wait_for(30s);  // closing with bytes unread resets the connection, and the answer may be lost
    });
    Capture capture(upstream.url());
    RawConnection client(capture.port());
    client.send(request_text("POST", "/up", std::string(8 << 20, 'x')));
    CHECK(RawConnection::status(client.response()) == 413);
    received.set_value();
}

TEST_CASE("redaction can be widened, and switched off") {
    LoopbackServer upstream(answer);
    const std::string request = request_text("GET", "/", "", "Cookie: id=7\r\nX-Token: t\r\n");
    const auto headers_with = [&](std::vector<std::string> options) {
        Capture capture(upstream.url(), std::move(options));
        RawConnection client(capture.port());
        CHECK(status_of(client, request) == 200);
        return capture.end().at(0)["headers"];
    };
    CHECK(headers_with({"--redact", "x-token"}) == json({{"Host", "test"}, {"Cookie", "redacted"}, {"X-Token", "redacted"}}));
    CHECK(headers_with({"--no-redaction"}) == json({{"Host", "test"}, {"Cookie", "id=7"}, {"X-Token", "t"}}));
}

TEST_CASE("what could be read in two ways is neither passed on nor recorded") {
    LoopbackServer upstream(answer);
    Capture capture(upstream.url());
    std::size_t in_order = 0;
    for (const OddRequest& odd : odd_requests()) {
        CAPTURE(odd.name);
        RawConnection client(capture.port());
        client.send(odd.bytes);
        const int status = RawConnection::status(client.response());
        CHECK(status == odd.status);
        if (status == 200)
            ++in_order;
        else
            CHECK(client.ended());
    }
    CHECK(capture.end().size() >= in_order);  // with those whose body was out of order, if any
    CHECK(read_file(capture.log_path()).find("smuggled") == std::string::npos);
}

TEST_CASE("what a Connection field names is of the connection: neither passed on nor recorded, but for what says where a message ends") {
    std::mutex mutex;
    std::string seen;
    LoopbackServer upstream([&](Wire& wire) {
        const std::string request = wire.read_request();
        {
            const std::lock_guard lock(mutex);
            seen = request;
        }
        wire.write("HTTP/1.1 200 OK\r\nConnection: X-Hop, close\r\nX-Hop: 1\r\nX-Kept: 1\r\nContent-Length: 2\r\n\r\nok");
    });
    Capture capture(upstream.url());
    RawConnection client(capture.port());
    client.send(request_text("POST", "/", "abc",
                             "Connection: X-Secret-Hop, content-length\r\nConnection: host\r\nx-secret-hop: 1\r\nX-Kept: 2\r\n"));
    const std::string response = client.response();
    CHECK(RawConnection::status(response) == 200);
    CHECK(response.find("X-Hop") == std::string::npos);
    CHECK(response.find("X-Kept: 1") != std::string::npos);
    const std::vector<json> lines = capture.end();
    REQUIRE(lines.size() == 1);
    CHECK(lines[0]["headers"] == json({{"Host", "test"}, {"X-Kept", "2"}}));
    CHECK(lines[0]["body"] == "abc");
    CHECK(seen.find("hop") == std::string::npos);
    CHECK(seen.find("Content-Length: 3") != std::string::npos);
    CHECK(seen.find("X-Kept: 2") != std::string::npos);
}

TEST_CASE("extensions and trailers without an end are cut, and so are those of the target") {
    LoopbackServer upstream([](Wire& wire) {
        wire.read_request();
        wire.write("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1;" + std::string(300'000, 'e'));
    });
    Capture capture(upstream.url());
    for (const char* begin : {"3;a=", "0\r\nX: "}) {
        RawConnection client(capture.port());
        client.send("POST /c HTTP/1.1\r\nHost: t\r\nTransfer-Encoding: chunked\r\n\r\n" + std::string(begin) + std::string(300'000, 'x'));
        client.until("never");
        CHECK_FALSE(client.timed_out());
    }
    RawConnection client(capture.port());
    client.send(request_text("GET", "/"));
    client.until("never");
    CHECK_FALSE(client.timed_out());
}

TEST_CASE("bodies under way share one budget: those over it pass and are left out") {
    LoopbackServer upstream(answer);
    Capture capture(upstream.url(), {"--max-body", "2MiB"});
    const std::string most(1'500'000, 'x');
    std::vector<std::unique_ptr<RawConnection>> clients;
    for (int i = 0; i < 60; ++i) {
        clients.push_back(std::make_unique<RawConnection>(capture.port()));
        clients.back()->send("POST / HTTP/1.1\r\nHost: t\r\nContent-Length: 1500001\r\n\r\n" + most);
    }
    for (const auto& client : clients) CHECK(status_of(*client, "x") == 200);
    const std::size_t written = capture.end().size();
    CHECK(written >= 30);
    CHECK(written < 60);
    CHECK(capture.said().find(fmt::format("{} not recorded because the bodies in transit exceeded the memory budget", 60 - written)) !=
          std::string::npos);
}

#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
TEST_CASE("without memory or threads for a connection, that one is turned away, and the capture goes on") {
    LoopbackServer upstream(answer);
    Capture capture(upstream.url(), {}, {"prlimit", "--as=500000000"});
    {
        std::vector<std::unique_ptr<RawConnection>> clients;
        int served = 0, others = 0;
        for (int i = 0; i < 80; ++i) {
            clients.push_back(std::make_unique<RawConnection>(capture.port()));
            const std::string response = clients.back()->send(request_text("GET", "/")) ? clients.back()->response() : "";
            ++(RawConnection::status(response) == 200 ? served : others);
        }
        CHECK(served > 0);
        CHECK(others > 0);
    }
    int status = 0;
    for (int tries = 0; tries < 200 && status != 200; ++tries) {
        RawConnection client(capture.port());
        status = client.send(request_text("GET", "/")) ? RawConnection::status(client.response()) : 0;
        std::this_thread::sleep_for(10ms);
    }
    CHECK(status == 200);
    capture.end();
    CHECK(capture.said().find(" ended because memory or threads ran out (503)") != std::string::npos);
}
#endif

TEST_CASE("what is over a limit is refused, or passes without a line, and the summary says so") {
    LoopbackServer upstream(answer);
    Capture capture(upstream.url(), {"--max-body", "1KiB", "--max-connections", "2"});
    {
        RawConnection first(capture.port()), second(capture.port());
        CHECK(status_of(first, request_text("POST", "/large", std::string(2000, 'x'))) == 200);
        CHECK(status_of(second, request_text("POST", "/small", "x")) == 200);
        RawConnection third(capture.port());
        CHECK(RawConnection::status(third.response()) == 503);
        CHECK(status_of(first, request_text("GET", "/", "", "X-Huge: " + std::string(100'000, 'h') + "\r\n")) == 400);
        CHECK(status_of(second, "no request\r\n\r\n") == 400);
    }
    const std::vector<json> lines = capture.end();
    REQUIRE(lines.size() == 1);
    CHECK(lines[0]["url"] == "/small");
    CHECK(capture.said().find("2 requests over 2 connections, 1 written, 1 not recorded because of their size (--max-body), "
                              "1 rejected over --max-connections (503)") != std::string::npos);
}

TEST_CASE("a target that is down, or goes under a request, is answered 502 and recorded without a status") {
    std::string url;
    {
        const LoopbackServer gone(answer);
        url = gone.url();
    }
    Capture down(url);
    {
        RawConnection client(down.port());
        REQUIRE(client.send(request_text("GET", "/")));
        const std::string response = client.response();
        CHECK(RawConnection::status(response) == 502);
        CHECK(RawConnection::body(response) == "leakline capture: the target cannot be reached: connection refused\n");
        RawConnection posting(down.port());
        CHECK(status_of(posting, request_text("POST", "/", std::string(100'000, 'x'))) == 502);
        posting.ended();
    }
    // Each connection writes its line after its answer: two connections may write in either order.
    std::vector<json> unanswered = down.end();
    REQUIRE(unanswered.size() == 2);
    if (unanswered[0].value("method", "GET") == "POST") std::swap(unanswered[0], unanswered[1]);
    CHECK_FALSE(unanswered[0].contains("status"));
    CHECK_FALSE(unanswered[1].contains("status"));
    CHECK(unanswered[1].at("body").get<std::string>().size() == 100'000);

    LoopbackServer resetting([](Wire& wire) {
        wire.read_request();
        wire.reset();
    });
    Capture reset(resetting.url());
    {
        RawConnection client(reset.port());
        CHECK(status_of(client, request_text("GET", "/")) == 502);
    }
    CHECK_FALSE(reset.end().at(0).contains("status"));
}

TEST_CASE("an interruption lets the request under way finish, and a slow client holds up nobody") {
    std::promise<void> asked, go;
    LoopbackServer upstream([&](Wire& wire) {
        if (wire.read_request().find("GET /slow") != 0) return wire.write(kOk);
        asked.set_value();
        go.get_future().wait();
        wire.write(kOk);
    });
    Capture capture(upstream.url());
    RawConnection dawdler(capture.port());  // half a request
    REQUIRE(dawdler.send("POST /half HTTP/1.1\r\nHost: test\r\nContent-Le"));
    RawConnection client(capture.port());
    REQUIRE(client.send(request_text("GET", "/slow")));
    asked.get_future().wait();
    {
        RawConnection other(capture.port());
        CHECK(status_of(other, request_text("GET", "/quick")) == 200);
    }
    capture.interrupt();
    std::this_thread::sleep_for(20ms);
    go.set_value();
    CHECK(RawConnection::status(client.response()) == 200);
    const std::vector<json> lines = capture.end();
    REQUIRE(lines.size() == 2);
    CHECK(lines[0]["url"] == "/quick");
    CHECK(lines[1]["url"] == "/slow");
    CHECK(lines[1]["status"] == 200);
}

TEST_CASE("a target that does not answer an attempt to connect does not hold up the end") {
    const DeafListener target;
    Capture capture(target.url(), {"--grace", "1ms"});
    RawConnection client(capture.port());
    REQUIRE(client.send(request_text("GET", "/")));
    for (int i = 0; i < 12000 && !target.is_waited_for(); ++i) std::this_thread::sleep_for(5ms);
    REQUIRE(target.is_waited_for());
    capture.interrupt();
    REQUIRE(capture.ends_within(60s));  // the kernel gives up after two minutes
    const std::vector<json> lines = capture.end();
    REQUIRE(lines.size() == 1);
    CHECK_FALSE(lines[0].contains("status"));
}

TEST_CASE("--responses records how requests were answered, and a stub answers the same") {
    LoopbackServer upstream([](Wire& wire) {
        for (std::string request = wire.read_request(); !request.empty(); request = wire.read_request())
            wire.write(
                request.starts_with("GET /chunked")
                    ? "HTTP/1.1 202 Accepted\r\nTransfer-Encoding: chunked\r\nSet-Cookie: a=b\r\nX-Kept: 1\r\n\r\n2\r\nab\r\n3\r\ncde\r\n0\r\n\r\n"
                : request.starts_with("GET /large") ? "HTTP/1.1 200 OK\r\nContent-Length: 2000\r\n\r\n" + std::string(2000, 'x')
                                                    : std::string(kOk));
    });
    Capture capture(upstream.url(), {"--responses", "--max-body", "1000"});
    {
        RawConnection client(capture.port());
        REQUIRE(client.send(request_text("GET", "/chunked")));
        CHECK(RawConnection::status(client.until("0\r\n\r\n")) == 202);
        CHECK(status_of(client, request_text("GET", "/large")) == 200);
        CHECK(status_of(client, request_text("POST", "/a", "x")) == 200);
    }
    const std::vector<json> lines = capture.end();
    REQUIRE(lines.size() == 3);
    CHECK(lines[0]["response"]["status"] == 202);
    CHECK(lines[0]["response"]["body"] == "abcde");
    CHECK(lines[0]["response"]["headers"] == json({{"Set-Cookie", "redacted"}, {"X-Kept", "1"}}));
    CHECK(lines[0]["response"]["latency_ns"].get<std::int64_t>() > 0);
    CHECK_FALSE(lines[1].contains("response"));
    CHECK(lines[2]["response"]["body"] == "ok");
    CHECK(capture.said().find("3 written, 2 with responses") != std::string::npos);

    const TemporaryDirectory directory;
    const std::string port_file = directory.path() + "/port";
    Command command;
    command.arguments = {binary("leakline"), "stub", capture.log_path(), "--listen", "127.0.0.1:0", "--port-file", port_file};
    command.output_file = directory.path() + "/said";
    Child stub = Child::start(command);
    while (!std::filesystem::exists(port_file)) {
        REQUIRE(stub.running());
        std::this_thread::sleep_for(5ms);
    }
    {
        RawConnection client(static_cast<std::uint16_t>(std::stoi(read_file(port_file))));
        REQUIRE(client.send(request_text("GET", "/chunked")));
        const std::string response = client.response(true);
        CHECK(RawConnection::status(response) == 202);
        CHECK(RawConnection::body(response) == "abcde");
        CHECK(status_of(client, request_text("GET", "/large")) == 501);
        CHECK(status_of(client, request_text("POST", "/a", "y")) == 200);
    }
    stub.signal(SIGINT);
    CHECK(stub.wait().shell_code() == 0);
    const std::string said = read_file(directory.path() + "/said");
    CHECK(said.find("with 2 recorded responses (1 request without a response); press Ctrl-C to stop") != std::string::npos);
    CHECK(said.find("3 requests, 1 answered as recorded, 1 by a request with another body, 1 unknown") != std::string::npos);
    CHECK(said.find("warning: 1 request had no recorded response: 1 x GET /large") != std::string::npos);
}

TEST_CASE("a captured log replays as what was captured, with the same result") {
    RecordingServer upstream;
    const TemporaryDirectory directory;
    Capture capture(upstream.url());
    {
        RawConnection client(capture.port());
        for (int i = 0; i < 20; ++i)
            CHECK(status_of(client, request_text(i % 2 == 0 ? "POST" : "PUT", "/item/" + std::to_string(i),
                                                 "{\"n\":" + std::to_string(i) + "}", "X-Number: " + std::to_string(i) + "\r\n")) == 200);
    }
    CHECK(capture.end().size() == 20);
    const std::vector<std::string> captured = upstream.requests();
    const Outcome outcome = run_binary("leakline", {"replay", capture.log_path(), "--target", upstream.url(), "--pace", "max",
                                                    "--connections", "1", "--expect-status", "recorded", "--format", "json"});
    INFO(outcome.out << outcome.err);
    CHECK(outcome.code == 0);
    CHECK(json::parse(outcome.out)["statuses"]["200"] == 20);
    const std::vector<std::string> all = upstream.requests();
    REQUIRE(all.size() == 40);
    // Header lines in any order: the body and what the client said are what counts.
    const auto parts = [](std::string request) {
        std::vector<std::string> lines;
        for (const std::string_view line : split(request, '\n'))
            if (!line.starts_with("Host:")) lines.emplace_back(line);
        std::sort(lines.begin(), lines.end());
        return lines;
    };
    for (std::size_t i = 0; i < 20; ++i) CHECK(parts(all[20 + i]) == parts(captured[i]));
}
