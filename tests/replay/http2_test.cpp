// HTTP/2 against minimal servers, and servers that violate the protocol: every request is accounted for.
#include <doctest/doctest.h>

#include <atomic>
#include <set>
#include <utility>

#include "base/error.hpp"
#include "support/http2_wire.hpp"
#include "support/replay_log.hpp"

using namespace leakline;
using namespace leakline::test;

namespace {

constexpr int kRequests = 40;

replay::ReplayOptions http2_options(const LogFile& log, const std::string& url, int streams = 8) {
    replay::ReplayOptions options = options_for(log, url);
    options.connect.version = http::HttpVersion::http2;
    options.connections = 1;
    options.streams = streams;
    options.timeout = options.give_up = 60s;
    return options;
}

ReplayStats replayed(const replay::ReplayOptions& options) {
    ReplayStats stats = replay::run(options);
    check_books(stats);
    CHECK(stats.read == stats.sent + stats.unsent);
    return stats;
}

void respond_to_all(Http2Wire& http2) {
    while (const std::uint32_t stream = http2.read_request()) http2.respond(stream);
}

}  // namespace

TEST_CASE("requests share a connection, as many at a time as there are streams") {
    std::set<std::uint32_t> waiting;
    std::size_t most = 0;
    Http2Server server([&](Http2Wire& http2) {
        // Answers when eight are there: none of them waits for another's response.
        while (const std::uint32_t stream = http2.read_request()) {
            waiting.insert(stream);
            most = std::max(most, waiting.size());
            if (waiting.size() < 8) continue;
            for (const std::uint32_t one : waiting) http2.respond(one);
            waiting.clear();
        }
    });
    const LogFile log(posts(kRequests));
    const ReplayStats stats = replayed(http2_options(log, server.url()));
    CHECK(stats.completed == kRequests);
    CHECK(stats.http2 == kRequests);
    CHECK(stats.connections == 1);
    CHECK(stats.valid);
    CHECK(most == 8);
}

TEST_CASE("a limit of one concurrent stream is kept, and the others wait for it") {
    Http2Server server(
        [](Http2Wire& http2) {
            // As a server does: what comes beyond the limit is refused, until the client knows of it.
            std::uint32_t open = 0;
            bool known = false;
            for (Frame frame; http2.read(frame);) {
                known = known || (frame.type == Frame::settings && (frame.flags & Frame::kAck) != 0);
                if (frame.type == Frame::headers) {
                    CHECK_FALSE((known && open != 0));
                    if (open != 0)
                        http2.reset(frame.stream, 7);
                    else
                        open = frame.stream;
                }
                // What the client sends on other streams is there before the answer to this.
                if (frame.ends_stream() && frame.stream == open) http2.write(Frame::ping, 0, 0, "12345678");
                if (frame.type == Frame::ping) http2.respond(std::exchange(open, 0));
            }
        },
        {{3, 1}});  // SETTINGS_MAX_CONCURRENT_STREAMS
    const LogFile log(posts(kRequests));
    const ReplayStats stats = replayed(http2_options(log, server.url()));
    CHECK(stats.completed == kRequests);
    CHECK(stats.connections == 1);
}

TEST_CASE("requests that GOAWAY leaves out are sent on another connection") {
    Http2Server server([](Http2Wire& http2) {
        for (int i = 0; const std::uint32_t stream = http2.read_request(); ++i) {
            if (i == 4) http2.goaway(stream);
            http2.respond(stream);
            if (i < 4) continue;
            http2.wire().shutdown_sending();
            return http2.wire().wait_for_close();
        }
    });
    const LogFile log(posts(kRequests));
    const ReplayStats stats = replayed(http2_options(log, server.url()));
    CHECK(stats.completed == kRequests);
    CHECK(stats.connections >= 8);
    CHECK(stats.retried > 0);
}

TEST_CASE("a refused stream is sent again; one that is always refused fails with its reason") {
    for (const bool always : {false, true}) {
        std::atomic<int> seen{0};
        Http2Server server([&](Http2Wire& http2) {
            while (const std::uint32_t stream = http2.read_request()) {
                if (always || ++seen % 2 == 1)
                    http2.reset(stream, 7);  // REFUSED_STREAM
                else
                    http2.respond(stream);
            }
        });
        const LogFile log(posts(kRequests));
        const ReplayStats stats = replayed(http2_options(log, server.url()));
        CHECK(stats.retried > 0);
        if (always) {
            CHECK(failures(stats, Failure::reset) == kRequests);
            CHECK(stats.failure_cause == "the target refused the stream (REFUSED_STREAM)");
        } else {
            CHECK(stats.completed + failures(stats, Failure::reset) == kRequests);
            CHECK(stats.completed > kRequests / 2);
        }
    }
}

TEST_CASE("what a server does wrong fails the requests, with a reason, and ends") {
    struct Case {
        std::string name;
        Http2Server::Handler handler;
        Failure failure;
        const char* cause;
    };
    const std::string bomb(16'000, '\xbe');  // 16,000 times the field that is indexed first
    const Case cases[] = {
        {"rapid reset",
         [](Http2Wire& http2) {
             while (const std::uint32_t stream = http2.read_request()) http2.reset(stream, 2);
         },
         Failure::reset, "the target reset the stream (INTERNAL_ERROR)"},
        {"GOAWAY with an error",
         [](Http2Wire& http2) {
             const std::uint32_t stream = http2.read_request();
             http2.goaway(stream + 1000, 11);
             http2.wire().shutdown_sending();
             http2.wire().wait_for_close();
         },
         Failure::reset, "the target ended the connection (ENHANCE_YOUR_CALM)"},
        {"a bomb of headers",
         [&](Http2Wire& http2) {
             while (const std::uint32_t stream = http2.read_request()) {
                 std::string block = kStatus200 + "\x40\x01" + "a" + "\x64" + std::string(100, 'v');
                 http2.write(Frame::headers, Frame::kEndHeaders | Frame::kEndStream, stream, block + bomb);
             }
         },
         Failure::malformed, "its headers are larger than 256 KiB"},
        {"a response without a status",
         [](Http2Wire& http2) {
             while (const std::uint32_t stream = http2.read_request())
                 http2.write(Frame::headers, Frame::kEndHeaders | Frame::kEndStream, stream, field("a", "b"));
         },
         Failure::malformed, "not a valid HTTP/2 response"},
        {"DATA on stream 0",
         [](Http2Wire& http2) {
             http2.read_request();
             http2.write(Frame::data, 0, 0, "x");
             http2.wire().wait_for_close();
         },
         Failure::malformed, "not valid HTTP/2: "},
        {"a frame of 16 MB",
         [](Http2Wire& http2) {
             http2.read_request();
             http2.wire().write(std::string("\xff\xff\xff\0\0\0\0\0\1", 9) + std::string(1000, 'x'));
             http2.wire().wait_for_close();
         },
         Failure::malformed, "not valid HTTP/2: "},
        {"HPACK that cannot be decoded",
         [](Http2Wire& http2) {
             const std::uint32_t stream = http2.read_request();
             http2.write(Frame::headers, Frame::kEndHeaders, stream, std::string(20, '\xff'));
             http2.wire().wait_for_close();
         },
         Failure::malformed, "not valid HTTP/2: "},
        {"no answer",
         [](Http2Wire& http2) {
             while (http2.read_request() != 0) {
             }
         },
         Failure::timeout, "no complete response within --timeout"},
        {"headers without end",
         [](Http2Wire& http2) {
             const std::uint32_t stream = http2.read_request();
             http2.write(Frame::headers, Frame::kEndStream, stream, kStatus200);
             for (int i = 0; i < 4; ++i) http2.write(Frame::continuation, 0, stream);
             http2.wire().wait_for_close();
         },
         Failure::timeout, "no complete response within --timeout"},
        {"the end of the connection",
         [](Http2Wire& http2) {
             http2.read_request();
             http2.wire().shutdown_sending();  // where not all is read, the kernel resets a connection that is closed
             http2.wire().wait_for_close();
         },
         Failure::eof, "the target closed the connection before the response was complete"},
    };
    const LogFile log(posts(16));
    for (const Case& one : cases) {
        CAPTURE(one.name);
        Http2Server server(one.handler);
        replay::ReplayOptions options = http2_options(log, server.url());
        if (one.failure == Failure::timeout) options.timeout = 300ms;
        const ReplayStats stats = replayed(options);
        CHECK(stats.sent == 16);
        CHECK(stats.completed == 0);
        CHECK(failures(stats, one.failure) > 0);
        CHECK(stats.failure_cause.substr(0, std::string(one.cause).size()) == one.cause);
    }
}

TEST_CASE("a body that the target does not take is a timeout, not a hang") {
    Http2Server server([](Http2Wire& http2) {
        std::size_t received = 0;
        for (Frame frame; http2.read(frame);)
            if (frame.type == Frame::data) received += frame.payload.size();
        CHECK(received <= 65'535);  // the window of the connection, which is never opened
    });
    std::vector<Request> requests = posts(10);
    for (Request& request : requests) request.body = std::string(100'000, 'b');
    const LogFile log(requests);
    replay::ReplayOptions options = http2_options(log, server.url());
    options.timeout = 300ms;
    const ReplayStats stats = replayed(options);
    CHECK(failures(stats, Failure::timeout) == 10);
}

TEST_CASE("a target that does not speak HTTP/2 is named, with what to do") {
    struct Case {
        std::string name;
        LoopbackServer::Handler handler;
        const char* cause;
    };
    const Case cases[] = {
        {"HTTP/1",
         [](Wire& wire) {
             wire.read(24);
             wire.write("HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n");
             wire.wait_for_close();
         },
         "the target speaks HTTP/1, not HTTP/2; without --http2, HTTP/1.1 is sent"},
        {"another protocol",
         [](Wire& wire) {
             wire.write("220 mail.example.com ESMTP ready\r\n");
             wire.wait_for_close();
         },
         "the target does not speak HTTP/2; without --http2, HTTP/1.1 is sent"},
        {"the end", [](Wire& wire) { wire.read(24); },
         "the target closed the connection before an HTTP/2 frame; without --http2, HTTP/1.1 is sent"},
        {"silence", [](Wire& wire) { wire.wait_for_close(); }, "the target did not answer with HTTP/2; without --http2, HTTP/1.1 is sent"},
    };
    const LogFile log(posts(kRequests));
    for (const Case& one : cases) {
        CAPTURE(one.name);
        LoopbackServer server(one.handler);
        replay::ReplayOptions options = http2_options(log, server.url());
        if (one.name == "silence") options.timeout = 300ms;
        const ReplayStats stats = replayed(options);
        CHECK(stats.completed == 0);
        CHECK(stats.sent > 0);
        CHECK(stats.failure_cause == one.cause);
        CHECK_FALSE(stats.valid);
    }
}

TEST_CASE("a target that speaks HTTP/2 only is named, with the option that sends it") {
    LoopbackServer server([](Wire& wire) {
        wire.read_request();
        Http2Wire(wire).settings();
        wire.wait_for_close();
    });
    const LogFile log(posts(3));
    const ReplayStats stats = replayed(options_for(log, server.url()));
    CHECK(failures(stats, Failure::malformed) == 3);
    CHECK(stats.failure_cause == "the target speaks HTTP/2 only; --http2 sends it");
}

TEST_CASE("a response before the request is sent whole counts, and the connection goes on") {
    Http2Server server(
        [](Http2Wire& http2) {
            for (Frame frame; http2.read(frame);)
                if (frame.type == Frame::headers) http2.respond(frame.stream);
        },
        {{4, 0}});  // SETTINGS_INITIAL_WINDOW_SIZE
    std::vector<Request> requests = posts(kRequests);
    for (Request& request : requests) request.body = std::string(100'000, 'b');
    const LogFile log(requests);
    const ReplayStats stats = replayed(http2_options(log, server.url()));
    CHECK(stats.completed == kRequests);
    CHECK(stats.connections == 1);
}

TEST_CASE("interim responses precede the response that counts") {
    Http2Server server([](Http2Wire& http2) {
        while (const std::uint32_t stream = http2.read_request()) {
            http2.write(Frame::headers, Frame::kEndHeaders, stream, std::string("\x08\x03") + "103");
            http2.write(Frame::headers, Frame::kEndHeaders, stream, kStatus200);
            http2.write(Frame::data, 0, stream, "a part");
            http2.write(Frame::data, Frame::kEndStream, stream, " and the rest");
        }
    });
    const LogFile log(posts(kRequests));
    CHECK(replayed(http2_options(log, server.url())).statuses == std::map<int, std::uint64_t>{{200, kRequests}});
}

TEST_CASE("a connection carries as many requests as it is allowed to, also several at a time") {
    const LogFile log(posts(kRequests));
    for (const int streams : {1, 8}) {
        for (const int limit : {1, 5, 0}) {
            CAPTURE(streams);
            CAPTURE(limit);
            std::atomic<int> most{0};
            Http2Server server([&](Http2Wire& http2) {
                int carried = 0;
                while (const std::uint32_t stream = http2.read_request()) {
                    most = std::max(most.load(), ++carried);
                    http2.respond(stream);
                }
            });
            replay::ReplayOptions options = http2_options(log, server.url(), streams);
            options.requests_per_connection = limit;
            const ReplayStats stats = replayed(options);
            CHECK(stats.completed == kRequests);
            CHECK(stats.connections == (limit == 0 ? 1 : kRequests / limit));
            CHECK(most == (limit == 0 ? kRequests : limit));
        }
    }
}

TEST_CASE("connections of the log are the replay's over HTTP/2, too, and new in each round") {
    std::vector<Request> requests = posts(60);
    for (std::size_t i = 0; i < requests.size(); ++i) requests[i].connection = "c" + std::to_string(i % 3);
    requests[59].headers.emplace_back("Connection", "close");
    const LogFile log(requests);
    for (const int streams : {1, 4}) {
        Http2Server server(respond_to_all);
        replay::ReplayOptions options = http2_options(log, server.url(), streams);
        options.connections = 4;
        options.rounds = 2;
        options.after_round = [](int) { return true; };
        const ReplayStats stats = replayed(options);
        CHECK(stats.completed == 120);
        CHECK(stats.connections == 6);
        CHECK(server.connections() == 6);
    }
}

TEST_CASE("the status of gRPC in the trailers decides whether a request has succeeded") {
    std::vector<Request> requests = posts(20);
    for (Request& request : requests) {
        request.headers = {{"Content-Type", "application/grpc+proto"}};
        request.body = std::string("\0\0\0\0\2ab", 7);
    }
    const LogFile log(requests);
    std::atomic<int> seen{0};
    Http2Server server([&](Http2Wire& http2) {
        while (const std::uint32_t stream = http2.read_request()) {
            const int number = seen++;
            if (number % 4 == 3) {  // only trailers
                http2.write(Frame::headers, Frame::kEndHeaders | Frame::kEndStream, stream, kStatus200 + field("grpc-status", "14"));
                continue;
            }
            http2.write(Frame::headers, Frame::kEndHeaders, stream, kStatus200 + field("content-type", "application/grpc"));
            http2.write(Frame::data, 0, stream, std::string("\0\0\0\0\1x", 6));
            http2.write(Frame::headers, Frame::kEndHeaders | Frame::kEndStream, stream, field("grpc-status", number % 4 == 2 ? "5" : "0"));
        }
    });
    const ReplayStats stats = replayed(http2_options(log, server.url()));
    CHECK(stats.statuses == std::map<int, std::uint64_t>{{200, 20}});
    CHECK(stats.grpc_statuses == std::map<int, std::uint64_t>{{0, 10}, {5, 5}, {14, 5}});
    CHECK(stats.paths.begin()->second.errors == 10);
    CHECK(stats.valid);  // half of them succeeded

    replay::ReplayOptions options = http2_options(log, server.url());
    options.expect = replay::parse_status_check("2xx,404");
    CHECK(replayed(options).unexpected == 5);
}

TEST_CASE("statuses that gRPC does not define are counted, but no unbounded number of them") {
    std::vector<Request> requests = posts(6);
    for (Request& request : requests) request.headers = {{"Content-Type", "application/grpc"}};
    const LogFile log(requests);
    std::atomic<int> seen{0};
    Http2Server server([&](Http2Wire& http2) {
        while (const std::uint32_t stream = http2.read_request()) {
            static const char* const kTexts[] = {"17", "999", "1000", "-3", "5x", "99999999999"};
            http2.write(Frame::headers, Frame::kEndHeaders | Frame::kEndStream, stream,
                        kStatus200 + field("grpc-status", kTexts[seen++ % 6]));
        }
    });
    CHECK(replayed(http2_options(log, server.url())).grpc_statuses == std::map<int, std::uint64_t>{{2, 4}, {17, 1}, {999, 1}});
}

TEST_CASE("the report says when requests came over another version than they are sent over") {
    const std::string access =
        "10.0.0.1 - - [10/Oct/2023:13:55:36 +0000] \"GET /a HTTP/2.0\" 200 2 \"-\" \"x\"\n"
        "10.0.0.1 - - [10/Oct/2023:13:55:36 +0000] \"GET /b HTTP/1.1\" 200 2 \"-\" \"x\"\n";
    const std::string har =
        R"({"log":{"version":"1.2","entries":[{"startedDateTime":"2023-10-10T13:55:36.000Z","request":{"method":"GET","url":"http://h/a",)"
        R"("httpVersion":"h2","headers":[]},"response":{"status":200}}]}})";
    RecordingServer http1;
    Http2Server http2(respond_to_all);
    const LogFile access_log(access), har_log(har);
    const auto warnings = [](const ReplayStats& stats) {
        std::string text;
        for (const std::string& warning : stats.warnings)
            if (warning.find("recorded over") != std::string::npos) text += warning;
        return text;
    };
    CHECK(warnings(replayed(options_for(access_log, http1.url()))) ==
          "1 of 2 requests in the log was recorded over HTTP/2 or HTTP/3, and sent over HTTP/1.1; --http2 sends HTTP/2");
    CHECK(warnings(replayed(http2_options(access_log, http2.url()))) ==
          "1 of 2 requests in the log was recorded over HTTP/1, and sent over HTTP/2");
    CHECK(warnings(replayed(options_for(har_log, http1.url()))) ==
          "1 of 1 requests in the log was recorded over HTTP/2 or HTTP/3, and sent over HTTP/1.1; --http2 sends HTTP/2");
    CHECK(warnings(replayed(http2_options(har_log, http2.url()))) == "");
}

TEST_CASE("several requests at a time on a connection require HTTP/2") {
    const LogFile log(posts(1));
    replay::ReplayOptions options = options_for(log, "http://127.0.0.1:1");
    options.streams = 4;
    CHECK_THROWS_WITH_AS(replay::run(options),
                         "--streams: several requests at a time on one connection require HTTP/2\n  hint: --http2 --streams 4", Error);
}
