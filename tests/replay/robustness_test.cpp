// Servers that misbehave: every request ends as one status or one failure, and the books stay exact.
#include <doctest/doctest.h>

#include <fcntl.h>
#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

#include <atomic>
#include <optional>
#include <thread>

#include "base/error.hpp"
#include "replay/replay.hpp"
#include "support/loopback_server.hpp"
#include "support/replay_log.hpp"
#include "system/byte_source.hpp"
#include "system/temporary_directory.hpp"

using namespace leakline;
using namespace leakline::test;
using namespace std::chrono_literals;

namespace {

// Replays count requests of the method to a server that treats each connection with handler.
ReplayStats replay_to(
    const LoopbackServer::Handler& handler, int count, const std::string& method = "GET",
    const std::function<void(replay::ReplayOptions&)>& change = [](replay::ReplayOptions&) {}) {
    LoopbackServer server(handler);
    std::vector<Request> requests = posts(count);
    for (Request& request : requests) {
        request.method = method;
        if (method != "POST") request.body.clear();
    }
    const LogFile log(requests);
    replay::ReplayOptions options = options_for(log, server.url());
    options.timeout = 300ms;
    options.max_failures = 1;
    change(options);
    const ReplayStats stats = replay::run(options);
    check_books(stats);
    return stats;
}

// Answers each request of a connection with the same bytes.
LoopbackServer::Handler answering(const std::string& response) {
    return [response](Wire& wire) {
        while (!wire.read_request().empty()) wire.write(response);
    };
}

}  // namespace

TEST_CASE("responses of every framing are told apart from what follows") {
    const std::pair<const char*, const char*> responses[] = {
        {"GET", "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello"},
        {"GET", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5;ext=1\r\nhello\r\n0\r\nTrailer: x\r\n\r\n"},
        {"GET", "HTTP/1.1 204 No Content\r\n\r\n"},
        {"GET", "HTTP/1.1 304 Not Modified\r\nContent-Length: 500\r\n\r\n"},
        {"HEAD", "HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\n"},
        {"HEAD", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"},
        {"GET", "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"},
    };
    for (const auto& [verb, answer] : responses) {
        const char *method = verb, *response = answer;  // clang 14 captures no structured binding
        CAPTURE(response);
        std::atomic<int> connections{0};
        const ReplayStats stats = replay_to(
            [&, text = std::string(response)](Wire& wire) {
                ++connections;
                answering(text)(wire);
            },
            40, method);
        CHECK(stats.completed == 40);
        CHECK(stats.retried == 0);
        CHECK(connections <= 4);  // kept alive: nothing of a response was left over
    }
}

TEST_CASE("a response that comes byte by byte is the same response") {
    const ReplayStats stats = replay_to(
        [](Wire& wire) {
            while (!wire.read_request().empty())
                for (const char c : std::string("HTTP/1.1 200 OK\r\nX-Long: ") + std::string(200, 'h') +
                                        "\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n")
                    wire.write(std::string(1, c));
        },
        8);
    CHECK(stats.statuses == std::map<int, std::uint64_t>{{200, 8}});
}

TEST_CASE("a body that ends with the connection is complete") {
    const ReplayStats stats = replay_to(
        [](Wire& wire) {
            if (!wire.read_request().empty()) wire.write("HTTP/1.1 200 OK\r\n\r\nuntil the end");
        },
        20, "POST");
    CHECK(stats.completed == 20);
}

TEST_CASE("Connection: close is obeyed without a failure or a retry") {
    const ReplayStats stats = replay_to(
        [](Wire& wire) {
            if (!wire.read_request().empty()) wire.write("HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nok");
        },
        20, "POST");
    CHECK(stats.completed == 20);
    CHECK(stats.retried == 0);
}

TEST_CASE("silence is a timeout") {
    const ReplayStats stats = replay_to([](Wire& wire) { wire.wait_for_close(); }, 6);
    CHECK(failures(stats, Failure::timeout) == 6);
    CHECK_FALSE(stats.valid);
}

TEST_CASE("a response that stops in the middle is a timeout, one that is cut an EOF") {
    CHECK(failures(replay_to(
                       [](Wire& wire) {
                           wire.read_request();
                           wire.write("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhal");
                           wire.wait_for_close();
                       },
                       4),
                   Failure::timeout) == 4);
    CHECK(failures(replay_to(
                       [](Wire& wire) {
                           wire.read_request();
                           wire.write("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhal");
                       },
                       4),
                   Failure::eof) == 4);
}

TEST_CASE("a half-closed connection without an answer is an EOF") {
    const ReplayStats stats = replay_to(
        [](Wire& wire) {
            wire.read_request();
            wire.shutdown_sending();
            wire.wait_for_close();
        },
        4, "POST");
    CHECK(failures(stats, Failure::eof) == 4);
}

TEST_CASE("a reset is a reset") {
    const ReplayStats stats = replay_to(
        [](Wire& wire) {
            wire.read_request();
            wire.reset();
        },
        4, "POST");
    CHECK(failures(stats, Failure::reset) == 4);
}

TEST_CASE("what is no HTTP, or has too large a head, is malformed") {
    CHECK(failures(replay_to(answering("SSH-2.0-OpenSSH_9.2\r\n"), 4), Failure::malformed) == 4);
    CHECK(failures(replay_to(answering("HTTP/1.1 200 OK\r\nX: " + std::string(400'000, 'x') + "\r\n\r\n"), 4), Failure::malformed) == 4);
    const ReplayStats large =
        replay_to(answering("HTTP/1.1 200 OK\r\nX: " + std::string(200'000, 'x') + "\r\nContent-Length: 0\r\n\r\n"), 4);
    CHECK(large.completed == 4);
}

TEST_CASE("on a stale kept-alive connection a GET is sent again, a POST is not sent twice") {
    // Answers one request, then closes on the second one without a word.
    std::atomic<int> received{0};
    const auto once = [&](Wire& wire) {
        if (wire.read_request().empty()) return;
        ++received;
        wire.write(kOk);
        if (!wire.read_request().empty()) ++received;
    };
    const auto one_connection = [](replay::ReplayOptions& options) { options.connections = 1; };
    const ReplayStats gets = replay_to(once, 10, "GET", one_connection);
    CHECK(gets.completed == 10);
    CHECK(gets.retried == 9);
    received = 0;
    const ReplayStats sent_posts = replay_to(once, 10, "POST", one_connection);
    CHECK(sent_posts.retried == 0);
    CHECK(sent_posts.completed == 5);
    CHECK(failures(sent_posts, Failure::eof) + failures(sent_posts, Failure::reset) == 5);
    CHECK(received == 10);
}

TEST_CASE("a server that is killed in the middle and stays away ends the replay with exact books") {
    std::atomic<int> answered{0};
    LoopbackServer server([&](Wire& wire) {
        while (!wire.read_request().empty()) {
            wire.write(kOk);
            ++answered;
        }
    });
    const LogFile log(posts(100'000));
    replay::ReplayOptions options = options_for(log, server.url());
    options.give_up = 300ms;
    std::thread killer([&] {
        while (answered < 200) std::this_thread::yield();
        server.stop();
    });
    const ReplayStats stats = replay::run(options);
    killer.join();
    check_books(stats);
    CHECK(stats.completed >= 190);
    CHECK(failures(stats, Failure::connect) > 0);
    CHECK(stats.sent < 100'000);
    CHECK_FALSE(stats.valid);
    REQUIRE_FALSE(stats.reasons.empty());
    CHECK(stats.reasons[0] == "stopped: no connection for 300ms: connection refused");
}

TEST_CASE("a stop lets what is under way finish, and the rest is unsent") {
    LoopbackServer server([](Wire& wire) {
        while (!wire.read_request().empty()) {
            std::this_thread::sleep_for(20ms);
            wire.write(kOk);
        }
    });
    const LogFile log(posts(2000));
    replay::ReplayOptions options = options_for(log, server.url());
    std::stop_source stop;
    options.stop = stop.get_token();
    replay::Progress progress;
    options.progress = &progress;
    std::thread stopper([&] {
        while (progress.completed < 20) std::this_thread::yield();
        stop.request_stop();
    });
    const ReplayStats stats = replay::run(options);
    stopper.join();
    check_books(stats);
    CHECK(stats.sent == stats.completed);
    CHECK(stats.unsent > 0);
    CHECK(stats.valid);
}

TEST_CASE("what is not answered within the grace is aborted") {
    LoopbackServer server([](Wire& wire) { wire.wait_for_close(); });
    const LogFile log(posts(50));
    replay::ReplayOptions options = options_for(log, server.url());
    options.duration = 200ms;
    options.grace = 50ms;
    const ReplayStats stats = replay::run(options);
    check_books(stats);
    // One for each connection, and fewer where a busy machine had not opened all by then.
    CHECK(stats.sent >= 1);
    CHECK(stats.sent <= 4);
    CHECK(failures(stats, Failure::aborted) == stats.sent);
    CHECK(stats.unsent == stats.read - stats.sent);
}

TEST_CASE("a Unix socket is a target like any other") {
    const TemporaryDirectory directory;
    LoopbackServer server(
        [](Wire& wire) {
            while (!wire.read_request().empty()) wire.write(kOk);
        },
        directory.path() + "/server.sock");
    const LogFile log(posts(30));
    const ReplayStats stats = replay::run(options_for(log, server.url()));
    check_books(stats);
    CHECK(stats.completed == 30);
}

TEST_CASE("nobody listening: every request is accounted for and the reason is named") {
    std::string url;
    {
        LoopbackServer gone([](Wire&) {});
        url = gone.url();
    }
    const LogFile log(posts(10));
    const ReplayStats stats = replay::run(options_for(log, url));
    check_books(stats);
    CHECK(failures(stats, Failure::connect) == 10);
    CHECK(stats.reasons == std::vector<std::string>{"no request was answered by " + url + " (connection refused)"});
}

TEST_CASE("a target that never ends its handshake is given up like one that refuses") {
    LoopbackServer server([](Wire& wire) { wire.wait_for_close(); });
    const LogFile log(posts(2000));
    replay::ReplayOptions options = options_for(log, "https" + server.url().substr(4));
    options.timeout = 200ms;
    options.give_up = 500ms;
    const ReplayStats stats = replay::run(options);
    check_books(stats);
    CHECK(stats.completed == 0);
    CHECK(failures(stats, Failure::timeout) + failures(stats, Failure::aborted) == stats.sent);
    CHECK(stats.unsent > 0);
    const std::string why = "the TLS handshake timed out";
    REQUIRE(stats.reasons.size() == 2);
    CHECK(stats.reasons[0] == "stopped: no connection for 500ms: " + why);
    CHECK(stats.reasons[1].find("no request was answered by https" + server.url().substr(4) + " (" + why + ")") == 0);
}

TEST_CASE("the reason for a replay that fails says what happened to most requests") {
    const auto reason_of = [](const LoopbackServer::Handler& handler) {
        LoopbackServer server(handler);
        const LogFile log(posts(10));
        const ReplayStats stats = replay::run(options_for(log, server.url()));
        check_books(stats);
        REQUIRE(stats.reasons.size() == 1);
        const std::string& reason = stats.reasons[0];
        return reason.substr(std::min(reason.find(" ("), reason.size()));
    };
    CHECK(reason_of([](Wire& wire) { wire.read_request(); }) ==
          " (eof: the target closed the connection before the response was complete)");
    CHECK(reason_of([](Wire& wire) {
              wire.read_request();
              wire.write("SSH-2.0-OpenSSH\r\n");
          }) == " (malformed: the response is not HTTP/1, or its headers are larger than 256 KiB)");
    CHECK(reason_of([](Wire& wire) {
              wire.read_request();
              wire.reset();
          }) == " (reset: the target reset the connection)");
}

TEST_CASE("a pipe is replayed as it comes, and one that is silent does not hold up a stop") {
    RecordingServer server;
    const TemporaryDirectory directory;
    const std::string pipe = directory.path() + "/pipe";
    REQUIRE(::mkfifo(pipe.c_str(), 0600) == 0);
    // How much its writer says before it falls silent; nothing: there is no writer.
    for (const std::optional<int> lines : {std::optional<int>(3), std::optional<int>(0), std::optional<int>()}) {
        const int writer = lines ? ::open(pipe.c_str(), O_RDWR | O_CLOEXEC) : -1;
        if (lines) {
            const std::string text = read_file(LogFile(posts(*lines)).path());
            REQUIRE(::write(writer, text.data(), text.size()) == static_cast<ssize_t>(text.size()));
        }
        std::stop_source stop;
        replay::ReplayOptions options = options_for(LogFile(posts(0)), server.url());
        options.logs = {pipe};
        options.stop = stop.get_token();
        const std::size_t before = server.requests().size();
        std::thread stopper([&] {
            for (int i = 0; i < 1000 && server.requests().size() < before + static_cast<std::size_t>(lines.value_or(0)); ++i)
                std::this_thread::sleep_for(10ms);
            std::this_thread::sleep_for(50ms);
            stop.request_stop();
        });
        const ReplayStats stats = replay::run(options);  // a test that hangs fails by its time
        stopper.join();
        check_books(stats);
        CHECK(stats.completed == static_cast<std::uint64_t>(lines.value_or(0)));
        if (writer >= 0) ::close(writer);
    }
}

TEST_CASE("impossible options are refused before anything is sent") {
    const LogFile log(posts(1));
    const auto refused = [&](const char* what, const std::function<void(replay::ReplayOptions&)>& change) {
        replay::ReplayOptions options = options_for(log, "http://127.0.0.1:1");
        change(options);
        CHECK_THROWS_WITH_AS(replay::run(options), doctest::Contains(what), Error);
    };
    refused("--connections", [](auto& options) { options.connections = 0; });
    refused("--speed", [](auto& options) { options.pace.speed = 0; });
    refused("a rate must be above 0", [](auto& options) { options.pace = {replay::Pace::Kind::rate, 1, 0}; });
    refused("standard input: the log is read several times, which is not possible with a pipe", [](auto& options) {
        options.logs = {"-"};
        options.rounds = 2;
    });
    refused("not a URL", [](auto& options) { options.target = "127.0.0.1:80"; });
    refused("no/such", [](auto& options) { options.logs = {"/no/such/log"}; });
}
