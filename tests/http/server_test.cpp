#include "http/server.hpp"

#include <doctest/doctest.h>
#include <sys/resource.h>

#include <atomic>
#include <condition_variable>
#include <memory>
#include <mutex>
#include <optional>
#include <thread>
#include <vector>

#include "base/error.hpp"
#include "support/raw_connection.hpp"

namespace leakline::http {
namespace {

using namespace std::chrono_literals;
using test::RawConnection;
using test::request_text;

// Says what it received: method, target, body.
void echo(const ServerRequest& request, const Responder& responder) {
    Response response;
    response.content_type = "text/plain";
    response.body = std::string(request.method) + " " + std::string(request.target) + " " + std::string(request.body);
    responder.send(std::move(response));
}

struct Running {
    explicit Running(Handler handler = echo, ServerOptions options = {}) : server(std::move(options), std::move(handler)) {
        server.start();
    }
    Server server;
};

// Keeps requests until it is told to answer them, as a handler that waits for a commit does.
class Holding {
  public:
    Handler handler() {
        return [this](const ServerRequest& request, const Responder& responder) {
            if (request.target == "/at-once") return echo(request, responder);
            const std::lock_guard lock(mutex_);
            held_ = responder;
            arrived_.notify_one();
        };
    }
    void wait_for_request() {
        std::unique_lock lock(mutex_);
        REQUIRE(arrived_.wait_for(lock, 60s, [&] { return held_.has_value(); }));
    }
    void answer(std::string body) {
        const std::lock_guard lock(mutex_);
        Response response;
        response.body = std::move(body);
        held_->send(std::move(response));
        held_.reset();
    }

  private:
    std::mutex mutex_;
    std::condition_variable arrived_;
    std::optional<Responder> held_;
};

TEST_CASE("a connection is kept, and pipelined requests are answered in order") {
    Running running;
    RawConnection connection(running.server.port());
    connection.send(request_text("GET", "/a") + request_text("POST", "/b?c=d", "body") + request_text("GET", "/e"));
    CHECK(RawConnection::body(connection.response()) == "GET /a ");
    CHECK(RawConnection::body(connection.response()) == "POST /b?c=d body");
    CHECK(RawConnection::body(connection.response()) == "GET /e ");
    CHECK(running.server.counts().requests == 3);
    CHECK(running.server.counts().connections_accepted == 1);
}

TEST_CASE("a request may come byte by byte") {
    Running running;
    RawConnection connection(running.server.port());
    for (const char c : request_text("POST", "/slow", "xyz")) connection.send({&c, 1});
    CHECK(RawConnection::body(connection.response()) == "POST /slow xyz");
}

TEST_CASE("chunks are joined") {
    Running running;
    RawConnection connection(running.server.port());
    connection.send("POST /c HTTP/1.1\r\nHost: t\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n4;x=y\r\ndefg\r\n0\r\n\r\n");
    CHECK(RawConnection::body(connection.response()) == "POST /c abcdefg");
}

TEST_CASE("HEAD gets the headers of GET and no body") {
    Running running;
    RawConnection connection(running.server.port());
    connection.send(request_text("HEAD", "/h") + request_text("GET", "/h"));
    const std::string head = connection.response(false);
    CHECK(RawConnection::status(head) == 200);
    CHECK(head.find("Content-Length: 8\r\n") != std::string::npos);
    CHECK(RawConnection::body(connection.response()) == "GET /h ");
}

TEST_CASE("a client that asks to continue is told to") {
    Running running;
    RawConnection connection(running.server.port());
    connection.send("PUT /p HTTP/1.1\r\nHost: t\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n");
    CHECK(RawConnection::status(connection.response(false)) == 100);
    connection.send("ok");
    CHECK(RawConnection::body(connection.response()) == "PUT /p ok");
}

TEST_CASE("Connection: close and HTTP/1.0 end the connection after the answer") {
    Running running;
    for (const char* request : {"GET / HTTP/1.1\r\nHost: t\r\nConnection: close\r\n\r\n", "GET / HTTP/1.0\r\n\r\n"}) {
        RawConnection connection(running.server.port());
        connection.send(request);
        CHECK(RawConnection::status(connection.response()) == 200);
        CHECK(connection.ended());
    }
}

TEST_CASE("what is too large or no HTTP is refused with a reason, and the server lives on") {
    ServerOptions options;
    options.body_limit = 1000;
    options.header_limit = 2000;
    Running running(echo, options);
    const struct {
        std::string bytes;
        int status;
        std::string reason;
    } cases[] = {
        {"POST / HTTP/1.1\r\nHost: t\r\nContent-Length: 1001\r\n\r\n", 413, "the body exceeds the limit of 1000 bytes"},
        {"POST / HTTP/1.1\r\nHost: t\r\nTransfer-Encoding: chunked\r\n\r\n3e9\r\n" + std::string(1001, 'x'), 413,
         "the body exceeds the limit of 1000 bytes"},
        {"GET / HTTP/1.1\r\nHost: t\r\nX: " + std::string(2500, 'x') + "\r\n\r\n", 431, "the headers exceed the limit of 2000 bytes"},
        {"GET /\r\n\r\n", 400, "malformed HTTP: "},
        {"\x16\x03\x01 not http at all\r\n\r\n", 400, "malformed HTTP: "},
        {"POST / HTTP/1.1\r\nContent-Length: -1\r\n\r\n", 400, "malformed HTTP: "},
        {"POST / HTTP/1.1\r\nContent-Length: 99999999999999999999\r\n\r\n", 400, "malformed HTTP: "},
    };
    for (const auto& each : cases) {
        CAPTURE(each.bytes.substr(0, 60));
        RawConnection connection(running.server.port());
        connection.send(each.bytes);
        const std::string response = connection.response();
        CHECK(RawConnection::status(response) == each.status);
        CHECK(RawConnection::body(response).starts_with("{\"error\":\"" + each.reason));
        CHECK(connection.ended());
    }
    CHECK(running.server.counts().malformed == std::size(cases));
    RawConnection connection(running.server.port());
    connection.send(request_text("POST", "/", std::string(1000, 'y')));
    CHECK(RawConnection::status(connection.response()) == 200);
}

TEST_CASE("a connection over the limit is told 503, and those inside are served") {
    ServerOptions options;
    options.connection_limit = 2;
    Running running(echo, options);
    RawConnection first(running.server.port()), second(running.server.port());
    for (RawConnection* inside : {&first, &second}) {
        inside->send(request_text("GET", "/"));
        CHECK(RawConnection::status(inside->response()) == 200);
    }
    RawConnection third(running.server.port());
    const std::string refusal = third.response();
    CHECK(RawConnection::status(refusal) == 503);
    CHECK(RawConnection::body(refusal) == "{\"error\":\"too many connections\"}\n");
    CHECK(refusal.find("Retry-After: 1\r\n") != std::string::npos);
    CHECK(third.ended());
    CHECK(running.server.counts().connections_shed == 1);
    first.send(request_text("GET", "/again"));
    CHECK(RawConnection::body(first.response()) == "GET /again ");
}

TEST_CASE("a thousand connections are served at once") {
    rlimit limit{};
    getrlimit(RLIMIT_NOFILE, &limit);
    if (limit.rlim_max < 2200) return;  // both ends are in this process
    limit.rlim_cur = limit.rlim_max;
    setrlimit(RLIMIT_NOFILE, &limit);
    ServerOptions options;
    options.threads = 2;
    Running running(echo, options);
    std::vector<std::unique_ptr<RawConnection>> connections;
    for (int i = 0; i < 1000; ++i) connections.push_back(std::make_unique<RawConnection>(running.server.port()));
    for (int i = 0; i < 1000; ++i) connections[static_cast<std::size_t>(i)]->send(request_text("GET", "/" + std::to_string(i)));
    int right = 0;
    for (int i = 0; i < 1000; ++i)
        right += RawConnection::body(connections[static_cast<std::size_t>(i)]->response()) == "GET /" + std::to_string(i) + " ";
    CHECK(right == 1000);
    CHECK(running.server.counts().connections_open == 1000);
}

TEST_CASE("a request that does not arrive in time gets a 408, however it trickles") {
    ServerOptions options;
    options.request_timeout = 200ms;
    Running running(echo, options);
    RawConnection slow(running.server.port());
    std::atomic<bool> done{false};
    std::thread trickle([&] {
        slow.send("GET / HTTP/1.1\r\n");
        while (!done && slow.send("X: y\r\n")) std::this_thread::sleep_for(20ms);
    });
    const std::string response = slow.response();
    done = true;
    trickle.join();
    CHECK(RawConnection::status(response) == 408);
    CHECK(running.server.counts().timeouts == 1);
}

TEST_CASE("an idle connection is closed without a word") {
    ServerOptions options;
    options.idle_timeout = 100ms;
    Running running(echo, options);
    RawConnection idle(running.server.port());
    CHECK(idle.ended());
    CHECK(running.server.counts().timeouts == 0);
}

TEST_CASE("an answer may come later and from another thread") {
    Holding holding;
    Running running(holding.handler());
    RawConnection connection(running.server.port());
    connection.send(request_text("GET", "/") + request_text("GET", "/"));
    for (const char* body : {"first", "second"}) {
        holding.wait_for_request();
        std::thread([&] { holding.answer(body); }).join();
        CHECK(RawConnection::body(connection.response()) == body);
    }
}

TEST_CASE("only the first answer counts") {
    Running running([](const ServerRequest&, const Responder& responder) {
        for (const char* body : {"one", "two"}) {
            Response response;
            response.body = body;
            responder.send(std::move(response));
        }
    });
    RawConnection connection(running.server.port());
    connection.send(request_text("GET", "/") + request_text("GET", "/"));
    CHECK(RawConnection::body(connection.response()) == "one");
    CHECK(RawConnection::body(connection.response()) == "one");
}

TEST_CASE("a handler that throws or forgets gets its client a 500") {
    std::vector<std::string> errors;
    Server server({}, [](const ServerRequest& request, const Responder&) {
        if (request.target == "/throw") throw std::runtime_error("a secret reason");
    });
    server.on_error([&](const std::string& error) { errors.push_back(error); });
    server.start();
    RawConnection connection(server.port());
    connection.send(request_text("GET", "/throw") + request_text("GET", "/forget"));
    const std::string thrown = connection.response();
    CHECK(RawConnection::status(thrown) == 500);
    CHECK(thrown.find("secret") == std::string::npos);
    CHECK(RawConnection::status(connection.response()) == 500);
    server.stop(1s);
    CHECK(errors == std::vector<std::string>{"GET /throw: a secret reason"});
}

TEST_CASE("stopping answers what is being handled, refuses what is new, and closes") {
    Holding holding;
    Running running(holding.handler());
    RawConnection busy(running.server.port()), half(running.server.port());
    busy.send(request_text("GET", "/busy"));
    holding.wait_for_request();
    half.send("GET /half HTTP/1.1\r\n");
    bool drained = false;
    std::thread stopper([&] { drained = running.server.stop(10s); });
    // Accepted until the end of the drain, so that a client hears 503 and not a reset.
    for (int status = 0; status != 503;) {
        RawConnection late(running.server.port());
        late.send(request_text("GET", "/at-once"));
        status = RawConnection::status(late.response());
    }
    half.send("Host: t\r\n\r\n");
    const std::string refused = half.response();
    CHECK(RawConnection::status(refused) == 503);
    CHECK(RawConnection::body(refused) == "{\"error\":\"the service is stopping\"}\n");
    holding.answer("kept its promise");
    const std::string answer = busy.response();
    CHECK(RawConnection::body(answer) == "kept its promise");
    CHECK(answer.find("Connection: close\r\n") != std::string::npos);
    CHECK(busy.ended());
    stopper.join();
    CHECK(drained);
    CHECK_THROWS(RawConnection(running.server.port()));
}

TEST_CASE("a stop does not wait longer than its grace") {
    Holding holding;
    Running running(holding.handler());
    RawConnection busy(running.server.port());
    busy.send(request_text("GET", "/"));
    holding.wait_for_request();
    CHECK_FALSE(running.server.stop(50ms));
    CHECK(busy.response().empty());
    holding.answer("too late");  // harmless
}

TEST_CASE("a taken port and a bad address are said so") {
    Running running;
    ServerOptions options;
    options.port = running.server.port();
    const std::string place = "127.0.0.1:" + std::to_string(options.port);
    CHECK_THROWS_WITH(Server(options, echo), (place + ": cannot listen: address already in use\n  hint: another program may use the port: "
                                                      "ss -ltnp shows which; port 0 chooses a free one")
                                                 .c_str());
    options.address = "example";
    CHECK_THROWS_AS(Server(options, echo), Error);
}

}  // namespace
}  // namespace leakline::http
