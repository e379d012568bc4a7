// Requests captured from the loopback interface, against those that were sent.
#include "replay/live_capture.hpp"

#include <doctest/doctest.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <algorithm>
#include <optional>

#include "base/error.hpp"
#include "support/loopback_server.hpp"
#include "support/raw_connection.hpp"
#include "support/replay_log.hpp"
#include "system/clock.hpp"
#include "system/descriptor.hpp"

using namespace leakline;
using namespace leakline::test;
using replay::LiveCapture;

namespace {

// Nothing where this machine does not let the tests capture.
std::unique_ptr<LiveCapture> capture_of(std::uint16_t port) try {
    return std::make_unique<LiveCapture>(replay::LiveCaptureOptions{"lo", {port}});
} catch (const Error& error) {
    MESSAGE("packets of lo may not be captured here, not tested: " << error.what());
    return nullptr;
}

// Takes requests until there are so many, or nothing more comes for a while.
std::vector<Request> captured(LiveCapture& capture, std::size_t count) {
    std::vector<Request> requests;
    const auto take = [&](Request&& request) { requests.push_back(std::move(request)); };
    for (int tries = 0; tries < 100 && requests.size() < count; ++tries) capture.step(100ms, take);
    capture.finish(take);
    return requests;
}

std::vector<std::string> bodies_of(const std::vector<Request>& requests) {
    std::vector<std::string> bodies;
    for (const Request& request : requests) bodies.push_back(request.method + " " + request.target + " " + request.body);
    std::sort(bodies.begin(), bodies.end());
    return bodies;
}

// Listens on ::1; what is sent to it is not read.
class Ipv6Listener {
  public:
    Ipv6Listener() {
        address_.sin6_family = AF_INET6;
        address_.sin6_addr = in6addr_loopback;
        socklen_t size = sizeof address_;
        auto* const generic = reinterpret_cast<sockaddr*>(&address_);
        listens_ = ::bind(listening_.get(), generic, size) == 0 && ::listen(listening_.get(), 8) == 0 &&
                   ::getsockname(listening_.get(), generic, &size) == 0;
    }
    bool listens() const { return listens_; }
    std::uint16_t port() const { return ntohs(address_.sin6_port); }
    void receive(std::string_view bytes) const {
        const Descriptor client(::socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0));
        REQUIRE(::connect(client.get(), reinterpret_cast<const sockaddr*>(&address_), sizeof address_) == 0);
        REQUIRE(write_all(client.get(), bytes) == bytes.size());
    }

  private:
    Descriptor listening_{::socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0)};
    sockaddr_in6 address_{};
    bool listens_ = false;
};

}  // namespace

TEST_CASE("packets on an interface give the requests as sent, with bodies of any size, and nothing of other ports") {
    RecordingServer server, other;
    const auto port = static_cast<std::uint16_t>(std::stoi(server.url().substr(server.url().rfind(':') + 1)));
    const auto capture = capture_of(port);
    if (!capture) return;
    std::vector<Request> sent = posts(300);
    for (std::size_t i = 0; i < sent.size(); ++i) sent[i].body += std::string(i * 997 % 200'000, 'x');
    const LogFile log(sent), few(posts(5));
    CHECK(run(options_for(few, other.url())).completed == 5);
    CHECK(run(options_for(log, server.url())).completed == 300);
    const std::vector<Request> found = captured(*capture, sent.size());
    const LiveCapture::Counts counts = capture->counts();
    if (counts.dropped > 0) {
        MESSAGE("the machine was too busy to capture all packets: not compared");
        CHECK(found.size() + capture->lost().count() <= 300);
        return;
    }
    CHECK(bodies_of(found) == bodies_of(sent));
    CHECK(counts.requests == 300);
    CHECK(counts.connections == 4);
    CHECK(counts.packets > 600);
    CHECK(capture->lost().empty());
    CHECK(capture->warnings().empty());
    CHECK(std::abs(std::chrono::duration_cast<std::chrono::hours>(found[0].at - system_clock().wall()).count()) == 0);
}

TEST_CASE("a connection that began before the capture is read from its next request on, and an HTTP/2 one is named") {
    RecordingServer server;
    const auto port = static_cast<std::uint16_t>(std::stoi(server.url().substr(server.url().rfind(':') + 1)));
    RawConnection client(port), http2(port);
    REQUIRE(client.send("POST /before HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\n\r\nab"));
    const auto capture = capture_of(port);
    if (!capture) return;
    REQUIRE(client.send("cde"));
    CHECK(RawConnection::status(client.response(true)) == 200);
    REQUIRE(client.send("GET /after HTTP/1.1\r\nHost: h\r\n\r\n"));
    CHECK(RawConnection::status(client.response(true)) == 200);
    REQUIRE(http2.send(std::string_view("\0\0\5\0\1\0\0\0\1hello", 14)));  // a frame of data
    const std::vector<Request> found = captured(*capture, 1);
    REQUIRE(found.size() == 1);
    CHECK(found[0].target == "/after");
    CHECK(capture->warnings() ==
          std::vector<std::string>{"left out: 1 connection that began before the capture and in which no HTTP/1 request begins (HTTP/2 can "
                                   "only be read from the begin of a connection on)"});
}

TEST_CASE("requests over IPv6 are captured") {
    const Ipv6Listener listener;
    if (!listener.listens()) {
        MESSAGE("there is no IPv6 here: not tested");
        return;
    }
    const auto capture = capture_of(listener.port());
    if (!capture) return;
    listener.receive("POST /a?b=c HTTP/1.1\r\nHost: [::1]\r\nContent-Length: 3\r\n\r\nabc");
    const std::vector<Request> found = captured(*capture, 1);
    REQUIRE(found.size() == 1);
    CHECK(found[0].target == "/a?b=c");
    CHECK(found[0].body == "abc");
    CHECK(found[0].connection.starts_with("[::1]:"));
}

TEST_CASE("an interface that does not exist is an input error that names those there are") {
    std::optional<Error> error;
    try {
        LiveCapture({"none0", {80}});
    } catch (const Error& thrown) {
        error = thrown;
    }
    REQUIRE(error);
    CHECK(error->message() == "there is no network interface 'none0'");
    CHECK(error->hint().starts_with("one of: "));
    CHECK(error->hint().ends_with(", any"));
    CHECK_THROWS_WITH_AS(LiveCapture({"lo", {}}), "--port: 1 to 16 ports can be captured", Error);
}
