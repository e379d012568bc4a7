// The recording proxy between clients and targets that misbehave.
#include <doctest/doctest.h>

#include <algorithm>
#include <atomic>
#include <thread>

#include "base/error.hpp"
#include "support/certificates.hpp"
#include "support/http2_wire.hpp"
#include "support/loopback_server.hpp"
#include "support/raw_connection.hpp"
#include "support/recorded_proxy.hpp"
#include "support/replay_log.hpp"

using namespace leakline;
using namespace leakline::test;

namespace {

const std::string kPreface = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

ReplayStats replay_through(const RecordedProxy& proxy, const LogFile& log, int streams = 8) {
    replay::ReplayOptions options = options_for(log, proxy.url());
    options.connect.version = http::HttpVersion::http2;
    options.connections = 1;
    options.streams = streams;
    options.timeout = options.give_up = 60s;
    const ReplayStats stats = replay::run(options);
    check_books(stats);
    return stats;
}

std::size_t answered(const std::vector<http::ProxiedRequest>& requests) {
    return static_cast<std::size_t>(
        std::count_if(requests.begin(), requests.end(), [](const auto& request) { return request.status == 200; }));
}

}  // namespace

TEST_CASE("a target that ends its HTTP/2 connections with GOAWAY gets each request once, and each is recorded once") {
    std::atomic<int> received{0};
    Http2Server target([&](Http2Wire& http2) {
        for (int i = 0; i < 3; ++i) {
            const std::uint32_t stream = http2.read_request();
            if (stream == 0) return;
            ++received;
            http2.respond(stream);
            if (i == 2) http2.goaway(stream);
        }
        http2.wire().shutdown_sending();
        http2.wire().wait_for_close();
    });
    RecordedProxy proxy(target.url());
    const LogFile log(posts(60));
    const ReplayStats stats = replay_through(proxy, log, 1);
    CHECK(stats.statuses == std::map<int, std::uint64_t>{{200, 60}});
    CHECK(received == 60);
    CHECK(target.connections() >= 20);
    const auto& recorded = proxy.stop();
    CHECK(recorded.size() == 60);
    CHECK(answered(recorded) == 60);
}

TEST_CASE("streams that the target resets are reset for the client, and recorded without a response") {
    std::atomic<int> seen{0};
    Http2Server target([&](Http2Wire& http2) {
        while (const std::uint32_t stream = http2.read_request()) {
            const int number = seen++;
            if (number % 3 == 1)
                http2.reset(stream, 2);
            else if (number % 3 == 2) {
                http2.write(Frame::headers, Frame::kEndHeaders, stream, kStatus200);
                http2.write(Frame::data, 0, stream, "a part");
                http2.reset(stream, 2);
            } else {
                http2.respond(stream);
            }
        }
    });
    RecordedProxy proxy(target.url());
    const LogFile log(posts(30));
    const ReplayStats stats = replay_through(proxy, log);
    CHECK(stats.statuses == std::map<int, std::uint64_t>{{200, 10}});
    CHECK(failures(stats, Failure::reset) == 20);
    const auto& recorded = proxy.stop();
    CHECK(recorded.size() == 30);
    CHECK(answered(recorded) == 10);
    for (const http::ProxiedRequest& request : recorded) CHECK((request.status != 0) == request.response.has_value());
    CHECK(proxy.counts().failed == 20);
}

TEST_CASE("a target that closes, or sends what is not HTTP/2, is a 502 or a reset, and no request is lost") {
    std::atomic<int> connections{0};
    Http2Server target([&](Http2Wire& http2) {
        switch (connections++ % 4) {
            case 0: http2.read_request(); return;
            case 1: return;
            case 2: http2.wire().write("these are no frames, not even by chance"); return;
            default:
                while (const std::uint32_t stream = http2.read_request()) http2.respond(stream);
        }
    });
    RecordedProxy proxy(target.url());
    const LogFile log(posts(100));
    const ReplayStats stats = replay_through(proxy, log, 4);
    CHECK(stats.sent == 100);
    const auto ok = stats.statuses.find(200), refused = stats.statuses.find(502);
    REQUIRE(ok != stats.statuses.end());
    REQUIRE(refused != stats.statuses.end());
    CHECK(answered(proxy.stop()) == ok->second);
    RecordedProxy none("http://127.0.0.1:1");
    CHECK(replay_through(none, log, 4).statuses == std::map<int, std::uint64_t>{{502, 100}});
    CHECK(none.stop().size() == 100);
    RecordingServer http1;
    RecordedProxy wrong(http1.url());
    CHECK(replay_through(wrong, log, 4).statuses == std::map<int, std::uint64_t>{{502, 100}});
}

TEST_CASE("clients that do not speak HTTP/2 after its preface, or reset what they ask for, leave the proxy working") {
    Http2Server target([](Http2Wire& http2) {
        while (const std::uint32_t stream = http2.read_request()) http2.respond(stream);
    });
    RecordedProxy proxy(target.url());
    const std::string settings = Frame{Frame::settings, 0, 0, {}}.bytes();
    const std::string get = "\x82\x86\x84" + std::string("\x41\x01h", 3);  // GET, http, /, host h
    std::string resets;
    for (std::uint32_t stream = 1; stream < 2000; stream += 2)
        resets += Frame{Frame::headers, Frame::kEndHeaders | Frame::kEndStream, stream, get}.bytes() +
                  Frame{Frame::rst_stream, 0, stream, Frame::number(8)}.bytes();
    for (const std::string& bytes :
         {kPreface + "no frame at all, whatever its length", kPreface.substr(0, 20), kPreface + settings + resets, std::string("PRI"),
          kPreface + settings + Frame{Frame::headers, Frame::kEndHeaders, 1, "\xff\xff\xff\xff\xff\xff"}.bytes(),
          kPreface + settings + Frame{Frame::data, 0, 7, "of no stream"}.bytes(),
          kPreface + settings + Frame{Frame::continuation, Frame::kEndHeaders, 1, get}.bytes()}) {
        RawConnection client(proxy.port());
        client.send(bytes);  // may be refused before its end
    }
    const LogFile log(posts(20));
    CHECK(replay_through(proxy, log).statuses == std::map<int, std::uint64_t>{{200, 20}});
    for (const http::ProxiedRequest& request : proxy.stop()) CHECK((request.method == "GET" || request.method == "POST"));
}

TEST_CASE("a stop waits for HTTP/2 requests in progress") {
    std::atomic<bool> stopping{false};
    Http2Server target([&](Http2Wire& http2) {
        const std::uint32_t stream = http2.read_request();
        while (!stopping) std::this_thread::sleep_for(1ms);
        std::this_thread::sleep_for(50ms);
        http2.respond(stream);
        http2.wire().wait_for_close();
    });
    RecordedProxy proxy(target.url());
    const LogFile log(posts(1));
    std::thread client([&] { CHECK(replay_through(proxy, log).statuses == std::map<int, std::uint64_t>{{200, 1}}); });
    while (proxy.counts().requests == 0) std::this_thread::sleep_for(1ms);
    stopping = true;
    CHECK(answered(proxy.stop()) == 1);
    client.join();
}

TEST_CASE("a client that closes within an HTTP/1 response ends its session only") {
    LoopbackServer target([](Wire& wire) {
        while (!wire.read_request().empty()) wire.write("HTTP/1.1 200 OK\r\nContent-Length: 8000000\r\n\r\n" + std::string(8'000'000, 'x'));
    });
    RecordedProxy proxy(target.url());
    for (int i = 0; i < 8; ++i) {
        RawConnection client(proxy.port());
        REQUIRE(client.send("GET / HTTP/1.1\r\nHost: h\r\n\r\n"));
        client.until("\r\n\r\n");
    }
    RawConnection client(proxy.port());
    REQUIRE(client.send("GET / HTTP/1.1\r\nHost: h\r\n\r\n"));
    CHECK(RawConnection::status(client.response(true)) == 200);
}

TEST_CASE("clients connect with TLS where the proxy has a certificate, and choose HTTP/2 where it is offered") {
    const Certificates certificates;
    std::vector<Request> requests = posts(60);
    for (std::size_t i = 0; i < requests.size(); ++i) requests[i].body += std::string(i * 3000, 'b');
    const LogFile log(requests);
    for (const bool http2 : {false, true}) {
        CAPTURE(http2);
        RecordingServer plain;
        Http2Server framed([](Http2Wire& wire) {
            for (Frame frame; wire.read(frame);) {
                if (frame.type == Frame::data && !frame.payload.empty()) {
                    const std::string size = Frame::number(static_cast<std::uint32_t>(frame.payload.size()));
                    wire.write(Frame::window_update, 0, 0, size);
                    if (!frame.ends_stream()) wire.write(Frame::window_update, 0, frame.stream, size);
                }
                if (frame.ends_stream()) wire.respond(frame.stream);
            }
        });
        http::ProxyOptions secure;
        secure.certificate_file = certificates.certificate("server");
        secure.key_file = certificates.key("server");
        secure.offer_http2 = http2;
        RecordedProxy proxy(http2 ? framed.url() : plain.url(), secure);
        replay::ReplayOptions options = options_for(log, "https://127.0.0.1:" + std::to_string(proxy.port()));
        options.give_up = 50ms;
        CHECK(replay::run(options).completed == 0);  // of an authority that the client does not know
        options.connect.ca_file = certificates.certificate("ca");
        options.give_up = 20s;
        const ReplayStats stats = replay::run(options);
        check_books(stats);
        CHECK(stats.statuses == std::map<int, std::uint64_t>{{200, 60}});
        CHECK(stats.http2 == (http2 ? 60 : 0));
        {
            RawConnection not_tls(proxy.port());
            CHECK(not_tls.send("GET / HTTP/1.1\r\nHost: h\r\n\r\n"));
        }
        const auto& recorded = proxy.stop();
        CHECK(answered(recorded) == 60);
        std::size_t bytes = 0, expected = 0;
        for (const http::ProxiedRequest& request : recorded) bytes += request.body.size();
        for (const Request& request : requests) expected += request.body.size();
        CHECK(bytes == expected);
        CHECK(proxy.counts().handshakes_failed > 0);
    }
    http::ProxyOptions unusable;
    unusable.key_file = certificates.key("server");
    CHECK_THROWS_WITH_AS(RecordedProxy("http://127.0.0.1:1", unusable),
                         "--listen-key: requires --listen-cert\n  hint: --listen-cert FILE --listen-key FILE", Error);
}
