// The open loop against servers on loopback. The accounting identity is checked in every run.
#include "replay/replay.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <atomic>
#include <map>
#include <mutex>
#include <set>
#include <tuple>

#include "base/error.hpp"
#include "model/request_jsonl.hpp"
#include "support/loopback_server.hpp"
#include "support/replay_log.hpp"

using namespace leakline;
using namespace leakline::test;
using namespace std::chrono_literals;

namespace {

std::string body_of(const std::string& request) { return request.substr(request.find("\r\n\r\n") + 4); }

}  // namespace

TEST_CASE("every record is sent once and answered") {
    RecordingServer server;
    const LogFile log(posts(500));
    const ReplayStats stats = replay::run(options_for(log, server.url()));
    check_books(stats);
    CHECK(stats.read == 500);
    CHECK(stats.completed == 500);
    CHECK(stats.statuses == std::map<int, std::uint64_t>{{200, 500}});
    CHECK(stats.valid);
    CHECK(stats.paths.count("POST /api/track") == 1);
    std::set<std::string> bodies;
    for (const std::string& request : server.requests()) bodies.insert(body_of(request));
    CHECK(bodies.size() == 500);
    CHECK(server.connections() <= 4);
}

TEST_CASE("bodies arrive byte by byte as they were recorded, text or not") {
    RecordingServer server;
    std::vector<Request> requests = posts(4);
    requests[0].body = "{\"a\":\"\xc3\xa9\\u00e9\\\\\\n\"}\r\n\ttail ";
    requests[1].body = std::string("\x00\x01\xff\xfe raw \n", 10);
    requests[2].body = std::string(300'000, 'x') + "\"\\";
    requests[3].body = "";
    const LogFile log(requests);
    replay::ReplayOptions options = options_for(log, server.url());
    options.connections = 1;
    const ReplayStats stats = replay::run(options);
    check_books(stats);
    const std::vector<std::string> received = server.requests();
    REQUIRE(received.size() == 4);
    for (std::size_t i = 0; i < 4; ++i) CHECK(body_of(received[i]) == requests[i].body);
    CHECK(received[3].find("Content-Length: 0\r\n") != std::string::npos);
}

TEST_CASE("rounds repeat the log, and the caller is told when all of one is answered") {
    RecordingServer server;
    const LogFile log(posts(50));
    replay::ReplayOptions options = options_for(log, server.url());
    replay::Progress progress;
    options.progress = &progress;
    options.rounds = 5;
    std::vector<std::uint64_t> completed;
    options.after_round = [&](int round) {
        CHECK(round == static_cast<int>(completed.size()) + 1);
        completed.push_back(progress.completed);
        return round < 3;  // ends the replay before its time
    };
    const ReplayStats stats = replay::run(options);
    check_books(stats);
    CHECK(completed == std::vector<std::uint64_t>{50, 100, 150});
    CHECK(stats.read == 150);
    CHECK(stats.completed == 150);
    CHECK(stats.unsent == 0);
}

TEST_CASE("a round does not wait for the answers to the one before, unless somebody is told of each") {
    std::atomic<int> under_way{0}, most{0};
    LoopbackServer server([&](Wire& wire) {
        while (!wire.read_request().empty()) {
            const int now = ++under_way;
            for (int before = most; before < now && !most.compare_exchange_weak(before, now);) {
            }
            std::this_thread::sleep_for(100ms);  // so that what is sent meanwhile is under way at the same time
            --under_way;
            wire.write("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
        }
    });
    const LogFile log(posts(2, 2ms));
    replay::ReplayOptions options = options_for(log, server.url());
    options.connections = 50;
    options.rounds = 20;
    for (const replay::Pace pace :
         {replay::Pace{replay::Pace::Kind::recorded, 1, 0}, {replay::Pace::Kind::rate, 1, 500}, {replay::Pace::Kind::max, 1, 0}}) {
        options.pace = pace;
        options.after_round = {};
        most = 0;
        const ReplayStats stats = replay::run(options);
        check_books(stats);
        CHECK(stats.completed == 40);
        CHECK(most > 2);  // more than a round has
        options.after_round = [](int round) { return round < 3; };
        most = 0;
        const ReplayStats waiting = replay::run(options);
        check_books(waiting);
        CHECK(waiting.completed == 6);
        CHECK(most <= 2);
    }
}

TEST_CASE("recorded pace takes the log's time divided by the speed, in every round") {
    RecordingServer server;
    const LogFile log(posts(21, 100ms));  // 2 s
    replay::ReplayOptions options = options_for(log, server.url());
    options.pace = {replay::Pace::Kind::recorded, 20, 0};
    options.rounds = 2;
    const ReplayStats stats = replay::run(options);
    check_books(stats);
    CHECK(stats.completed == 42);
    CHECK(stats.duration_s >= 0.2);  // a floor only: a busy machine may be late
    REQUIRE(stats.target_rate);
    CHECK(*stats.target_rate == doctest::Approx(200));
    CHECK(stats.send_lag.count == 42);
}

TEST_CASE("the rate is that of the sending: a last answer that is slow does not lower it") {
    std::atomic<int> left = 11;
    const auto begin = std::chrono::steady_clock::now();
    LoopbackServer server([&](Wire& wire) {
        while (!wire.read_request().empty()) {
            if (--left == 0) std::this_thread::sleep_for(3 * (std::chrono::steady_clock::now() - begin));  // of what the sending took
            wire.write("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
        }
    });
    const LogFile log(posts(11));
    replay::ReplayOptions options = options_for(log, server.url());
    options.pace = {replay::Pace::Kind::rate, 1, 100};
    const ReplayStats stats = replay::run(options);
    check_books(stats);
    CHECK(stats.completed == 11);
    // The ten intervals of 10 ms, less what a busy machine is late with the first.
    if (const double sending_s = 0.1 - stats.send_lag.max / 1e6; sending_s > 0) CHECK(stats.rate <= 10.1 / sending_s);
    CHECK(stats.rate * stats.duration_s > 1.5 * static_cast<double>(stats.completed));
}

TEST_CASE("a fixed rate needs no timestamps and drops nothing") {
    RecordingServer server;
    const LogFile log(R"({"method":"GET","url":"/a"})"
                      "\n"
                      R"({"method":"GET","url":"/b"})"
                      "\n");
    replay::ReplayOptions options = options_for(log, server.url());
    options.log_format = "jsonl";
    options.pace = {replay::Pace::Kind::rate, 1, 1000};
    options.rounds = 20;
    const ReplayStats stats = replay::run(options);
    check_books(stats);
    CHECK(stats.completed == 40);
    options.pace.kind = replay::Pace::Kind::recorded;
    CHECK_THROWS_WITH_AS(replay::run(options), doctest::Contains("the log has no timestamps"), Error);
}

TEST_CASE("requests of one session keep to one connection and their order") {
    std::mutex mutex;
    std::map<std::string, std::vector<std::string>> by_connection;  // guarded by mutex
    std::atomic<int> number{0};
    LoopbackServer server([&](Wire& wire) {
        const std::string name = std::to_string(number++);
        for (std::string request = wire.read_request(); !request.empty(); request = wire.read_request()) {
            {
                const std::lock_guard lock(mutex);
                by_connection[name].push_back(body_of(request));
            }
            wire.write(leakline::test::kOk);
        }
    });
    std::vector<Request> requests = posts(300);
    for (int i = 0; i < 300; ++i) {
        requests[static_cast<std::size_t>(i)].connection = "user-" + std::to_string(i % 7);
        requests[static_cast<std::size_t>(i)].body = std::to_string(i % 7) + ":" + std::to_string(1000 + i);
    }
    const LogFile log(requests);
    replay::ReplayOptions options = options_for(log, server.url());
    options.connections = 7;
    const ReplayStats stats = replay::run(options);
    server.stop();
    check_books(stats);
    CHECK(stats.completed == 300);
    std::map<char, std::string> home;
    std::map<char, std::string> newest;
    for (const auto& [connection, bodies] : by_connection) {
        for (const std::string& body : bodies) {
            const auto [place, first] = home.emplace(body[0], connection);
            CHECK(place->second == connection);
            CHECK(newest[body[0]] < body);
            newest[body[0]] = body;
        }
    }
    CHECK(home.size() == 7);
}

TEST_CASE("bad lines are counted and located, one too many ends the replay") {
    RecordingServer server;
    std::string text;
    for (const Request& request : posts(3)) append_jsonl(text, request);
    text += "{\"ts_ns\":1,\"method\":\"GET\"}\nnot json\n{\"ts_ns\":5,\"method\":\"GET\",\"url\":\"/a b\"}\n";
    const LogFile log(text);
    replay::ReplayOptions options = options_for(log, server.url());
    const ReplayStats stats = replay::run(options);
    check_books(stats);
    CHECK(stats.read == 6);
    CHECK(stats.bad == 3);
    CHECK(stats.sent == 3);
    REQUIRE(stats.warnings.size() == 3);
    CHECK(stats.warnings[0] == log.path() + ":4: no \"url\"");
    CHECK(stats.warnings[1] == log.path() + ":5: column 1: expected '{', found 'not json'");
    CHECK(stats.warnings[2] == log.path() + ":6: the request cannot be sent: the URL '/a b' contains a space or a control character");
    options.max_bad_lines = 2;
    CHECK_THROWS_WITH_AS(replay::run(options), doctest::Contains("more than 2 lines cannot be read"), Error);
}

TEST_CASE("a replay that is stopped names the bad lines that it has counted") {
    RecordingServer server;
    std::string text = "not json\n";
    for (const Request& request : posts(3, 10s)) append_jsonl(text, request);
    const LogFile log(text);
    replay::ReplayOptions options = options_for(log, server.url());
    options.log_format = "jsonl";
    options.pace.kind = replay::Pace::Kind::recorded;
    options.rounds = 0;
    options.duration = 100ms;
    const ReplayStats stats = replay::run(options);
    check_books(stats);
    CHECK(stats.bad >= 1);
    REQUIRE(!stats.warnings.empty());
    CHECK(stats.warnings[0] == log.path() + ":1: column 1: expected '{', found 'not json'");
}

TEST_CASE("answers without a recorded status to be compared with are counted") {
    RecordingServer server;
    std::vector<Request> requests = posts(3);
    requests[0].recorded_status = 200;
    const LogFile log(requests);
    replay::ReplayOptions options = options_for(log, server.url());
    options.expect = replay::parse_status_check("recorded");
    const ReplayStats stats = replay::run(options);
    CHECK(stats.unexpected == 0);
    CHECK(stats.warnings == std::vector<std::string>{"2 of 3 responses have no recorded status to be compared with"});
}

TEST_CASE("shards keep the log's time: one whose users come late begins late") {
    const LogFile log(posts(8, 50ms));  // users 0 to 7
    int late_shards = 0;
    for (const char* shard : {"0/4", "1/4", "2/4", "3/4"}) {
        RecordingServer server;
        replay::ReplayOptions options = options_for(log, server.url());
        options.pace.kind = replay::Pace::Kind::recorded;
        options.shape.shard = replay::parse_shard(shard);
        options.shape.key = replay::parse_record_key("--by", "field:user_id");
        const ReplayStats stats = replay::run(options);
        check_books(stats);
        std::vector<int> users;
        for (const std::string& request : server.requests()) users.push_back(body_of(request).at(11) - '0');
        if (users.empty()) continue;
        CHECK(stats.duration_s >= 0.05 * *std::max_element(users.begin(), users.end()));
        if (*std::min_element(users.begin(), users.end()) > 0) ++late_shards;
    }
    CHECK(late_shards >= 1);
}

TEST_CASE("a log that cannot be read on ends the replay, and what was sent is accounted for") {
    RecordingServer server;
    const std::vector<Request> requests = posts(400);  // more than a batch
    std::string text;
    for (const Request& request : requests) append_jsonl(text, request);
    std::string padded;  // the bad line comes when the first batch is long on its way
    for (int i = 0; i < 20; ++i) padded += text;
    const LogFile log(padded + "not json\n");
    for (const replay::Pace::Kind kind : {replay::Pace::Kind::max, replay::Pace::Kind::recorded}) {
        replay::ReplayOptions options = options_for(log, server.url());
        options.pace.kind = kind;
        options.max_bad_lines = 0;
        try {
            replay::run(options);
            FAIL("it was taken");
        } catch (const replay::ReplayEnded& ended) {
            check_books(ended.so_far());
            CHECK(ended.so_far().bad == 1);
            CHECK(ended.so_far().sent > 0);
            REQUIRE(!ended.so_far().reasons.empty());  // a busy machine may be late as well
            CHECK(ended.so_far().reasons[0] == "stopped: " + log.path() + ": a line cannot be read");
            CHECK(ended.message().find("a line cannot be read:\n") == 0);
        }
    }
}

TEST_CASE("a replay that sends nothing says why") {
    RecordingServer server;
    const auto reason = [&](const LogFile& log, const std::function<void(replay::ReplayOptions&)>& change) {
        replay::ReplayOptions options = options_for(log, server.url());
        change(options);
        const ReplayStats stats = replay::run(options);
        check_books(stats);
        CHECK(!stats.valid);
        return stats.reasons.empty() ? "" : stats.reasons[0];
    };
    CHECK(reason(LogFile(posts(3)), [](auto& options) { options.shape.methods = {"GET"}; }) ==
          "nothing was sent: 3 requests were filtered out");
    CHECK(reason(LogFile("{\"ts_ns\":1}\n"), [](auto& options) {
              options.log_format = "jsonl";
              options.max_bad_share = 1;
          }) == "nothing was sent: no line of the log could be read");
    CHECK(reason(LogFile("2 a 1\nHTTP/1.1 200 OK\r\n\r\n"), [](auto& options) { options.log_format = "gor"; }) ==
          "nothing was sent: the log has no requests");
}

TEST_CASE("a precise replay keeps its rate, and has the answers of what was under way when its duration ends it") {
    RecordingServer server;
    const LogFile log(posts(100));
    replay::ReplayOptions options = options_for(log, server.url());
    options.pace.kind = replay::Pace::Kind::rate;
    options.pace.rate = 1000;
    options.precise = true;
    options.rounds = 0;
    options.duration = 300ms;
    options.grace = 30s;  // waited out, it would show in duration_s; cut short, as aborted requests
    const ReplayStats stats = replay::run(options);
    check_books(stats);
    CHECK(stats.sent > 0);
    CHECK(stats.completed == stats.sent);
    CHECK(stats.duration_s < 20);
}

TEST_CASE("a sample of records that belong to nobody is the same in each round") {
    RecordingServer server;
    const LogFile log(posts(40));
    replay::ReplayOptions options = options_for(log, server.url());
    options.shape.sample = 0.3;
    options.rounds = 3;
    options.connections = 1;
    replay::run(options);
    const std::vector<std::string> sent = server.requests();
    REQUIRE(sent.size() % 3 == 0);
    REQUIRE(sent.size() > 0);
    for (std::size_t i = 0; i < sent.size(); ++i) CHECK(sent[i] == sent[i % (sent.size() / 3)]);
}

TEST_CASE("a replay whose requests are mostly refused is not valid, unless the log has the same errors or they are expected") {
    std::atomic<int> status{401};
    LoopbackServer server([&](Wire& wire) {
        while (!wire.read_request().empty()) wire.write("HTTP/1.1 " + std::to_string(status) + " No\r\nContent-Length: 0\r\n\r\n");
    });
    std::vector<Request> requests = posts(10);
    std::uint64_t as_recorded = 0;
    const auto reasons = [&](int answer, std::optional<int> recorded, const char* expected = "") {
        status = answer;
        for (Request& request : requests) request.recorded_status = recorded;
        const LogFile log(requests);
        replay::ReplayOptions options = options_for(log, server.url());
        if (*expected != '\0') options.expect = replay::parse_status_check(expected);
        const ReplayStats stats = replay::run(options);
        check_books(stats);
        CHECK(stats.completed == 10);
        CHECK(stats.valid == stats.reasons.empty());
        as_recorded = stats.paths.at("POST /api/track").failed_as_recorded;
        return stats.reasons.empty() ? std::string() : stats.reasons[0];
    };
    CHECK(reasons(401, std::nullopt)
              .starts_with(
                  "10 of 10 responses were errors or redirections (10 x 401); if they are expected, accept them with --expect-status"));
    CHECK(reasons(503, 200).starts_with("10 of 10 responses were errors"));
    CHECK(reasons(301, 200).starts_with("10 of 10 responses were errors"));
    CHECK(reasons(401, 401).empty());
    CHECK(reasons(401, std::nullopt, "4xx").empty());
    CHECK(reasons(302, std::nullopt).empty());
    CHECK(reasons(304, 200).empty());

    // Errors are as recorded if they are of the same kind. A login or a service that is broken answers everything.
    for (const auto& [answer, recorded, count] : {std::tuple(404, 404, 10), {410, 404, 10}, {500, 404, 0}, {403, 404, 0}, {503, 500, 10}}) {
        CAPTURE(answer);
        reasons(answer, recorded);
        CHECK(as_recorded == static_cast<std::uint64_t>(count));
    }
}
