// How many connections a replay opens, and which requests go over which.
#include <doctest/doctest.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <map>
#include <mutex>
#include <semaphore>
#include <set>
#include <thread>

#include "base/error.hpp"
#include "replay/internal/recorded_connections.hpp"
#include "replay/replay.hpp"
#include "support/loopback_server.hpp"
#include "support/replay_log.hpp"

using namespace leakline;
using namespace leakline::test;

namespace {

// Answers 200, and remembers the requests of each connection in order.
class ConnectionServer {
  public:
    ConnectionServer()
        : server_([this](Wire& wire) {
              std::size_t own = 0;
              {
                  const std::lock_guard lock(mutex_);
                  own = requests_.size();
                  requests_.emplace_back();
              }
              for (std::string request; !(request = wire.read_request()).empty();) {
                  const bool closes = request.find("Connection: close\r\n") != std::string::npos;
                  {
                      const std::lock_guard lock(mutex_);
                      requests_[own].push_back(request);
                      if (++count_ == 20) twentieth_ = true;
                  }
                  wire.write(kOk);
                  if (closes) return;
              }
          }) {}
    std::string url() const { return server_.url(); }
    std::atomic<bool>& twentieth() { return twentieth_; }  // set before the twentieth request is answered
    void stop() { server_.stop(); }
    // Of the connections that carried any.
    std::vector<std::vector<std::string>> requests() const {
        const std::lock_guard lock(mutex_);
        std::vector<std::vector<std::string>> used;
        for (const auto& list : requests_)
            if (!list.empty()) used.push_back(list);
        return used;
    }

  private:
    mutable std::mutex mutex_;
    std::vector<std::vector<std::string>> requests_;  // guarded by mutex_
    int count_ = 0;                                   // guarded by mutex_
    std::atomic<bool> twentieth_{false};
    LoopbackServer server_;
};

std::vector<std::size_t> sizes(const ConnectionServer& server) {
    std::vector<std::size_t> out;
    for (const auto& list : server.requests()) out.push_back(list.size());
    std::sort(out.begin(), out.end());
    return out;
}

}  // namespace

TEST_CASE("a recorded Connection: close is sent, and ends its connection") {
    ConnectionServer server;
    std::vector<Request> requests = posts(9);
    for (const int closing : {2, 5}) requests[static_cast<std::size_t>(closing)].headers.emplace_back("connection", "TE, Close");
    requests[7].headers.emplace_back("Connection", "keep-alive");
    const LogFile log(requests);
    replay::ReplayOptions options = options_for(log, server.url());
    options.connections = 1;
    const ReplayStats stats = replay::run(options);
    check_books(stats);
    CHECK(stats.completed == 9);
    CHECK(stats.connections == 3);
    CHECK(stats.retried == 0);
    CHECK(sizes(server) == std::vector<std::size_t>{3, 3, 3});
    CHECK(server.requests()[0][2].find("Connection: close\r\n") != std::string::npos);
    CHECK(server.requests()[2][1].find("Connection:") == std::string::npos);
}

TEST_CASE("a connection carries as many requests as it is allowed to") {
    const LogFile log(posts(12));
    const std::map<int, std::vector<std::size_t>> expected_by_limit = {{1, std::vector<std::size_t>(12, 1)}, {5, {2, 5, 5}}, {0, {12}}};
    for (const auto& each : expected_by_limit) {
        const auto& [limit, expected] = each;
        CAPTURE(each.first);
        ConnectionServer server;
        replay::ReplayOptions options = options_for(log, server.url());
        options.connections = 1;
        options.requests_per_connection = limit;
        const ReplayStats stats = replay::run(options);
        check_books(stats);
        CHECK(stats.completed == 12);
        CHECK(stats.connections == expected.size());
        CHECK(sizes(server) == expected);
    }
}

TEST_CASE("connections are closed after a round where the caller asks for it") {
    ConnectionServer server;
    const LogFile log(posts(5));
    replay::ReplayOptions options = options_for(log, server.url());
    options.connections = 1;
    options.rounds = 4;
    options.after_round = [](int) { return true; };
    options.closes_after_round = [](int round) { return round % 2 == 0; };
    const ReplayStats stats = replay::run(options);
    check_books(stats);
    CHECK(stats.connections == 2);
    CHECK(sizes(server) == std::vector<std::size_t>{10, 10});
}

TEST_CASE("connections that the target serves only when others are closed are left out, and no request times out") {
    std::counting_semaphore<8> workers(2);
    LoopbackServer server([&](Wire& wire) {
        workers.acquire();
        while (!wire.read_request().empty()) wire.write(kOk);
        workers.release();
    });
    const LogFile log(posts(200));
    replay::ReplayOptions options = options_for(log, server.url());
    options.connections = 4;
    options.rounds = 6;
    options.timeout = 100s;
    options.closes_after_round = [](int) { return true; };
    options.after_round = [](int) { return true; };
    const ReplayStats stats = replay::run(options);
    check_books(stats);
    CHECK(stats.completed == 1200);
    CHECK(stats.warnings ==
          std::vector<std::string>{"the target handled 2 of 4 connections at a time, and the others waited until these were closed: the "
                                   "later rounds had 2 (--connections 2)"});
}

TEST_CASE("a pause within a round comes when all is answered, closes the connections, and moves what is due by its length") {
    ConnectionServer server;
    std::vector<Request> requests = posts(40);
    for (std::size_t i = 0; i < requests.size(); ++i) requests[i].at = std::chrono::milliseconds(10 * i);
    const LogFile log(requests);
    replay::ReplayOptions options = options_for(log, server.url());
    options.pace = {replay::Pace::Kind::recorded, 1, 0};
    options.connections = 2;
    replay::Progress progress;
    options.progress = &progress;
    options.pause = &server.twentieth();
    constexpr auto kPause = std::chrono::milliseconds(300);
    int pauses = 0;
    bool drained = true;
    options.at_pause = [&] {
        ++pauses;
        drained = drained && progress.sent == progress.completed && progress.completed < 40;
        std::this_thread::sleep_for(kPause);
    };
    const auto begin = std::chrono::steady_clock::now();
    const ReplayStats stats = replay::run(options);
    const std::chrono::duration<double> took = std::chrono::steady_clock::now() - begin;
    check_books(stats);
    CHECK(stats.completed == 40);
    CHECK(pauses == 1);
    CHECK(drained);
    CHECK(sizes(server).size() >= 2);                                                         // other connections afterwards
    CHECK(stats.duration_s <= took.count() - std::chrono::duration<double>(kPause).count());  // the pause is no traffic
}

TEST_CASE("each connection of the log is one of the replay's, in order, and a new one in each round") {
    ConnectionServer server;
    std::vector<Request> requests = posts(60);
    for (std::size_t i = 0; i < requests.size(); ++i)
        requests[i].connection = "c" + std::to_string(i / 20 * 4 + i % 4);  // 4 at a time, 12 in all
    const LogFile log(requests);
    replay::ReplayOptions options = options_for(log, server.url());
    options.rounds = 2;
    options.after_round = [](int) { return true; };
    const ReplayStats stats = replay::run(options);
    check_books(stats);
    CHECK(stats.completed == 120);
    CHECK(stats.connections == 24);
    CHECK(sizes(server) == std::vector<std::size_t>(24, 5));
    for (const auto& list : server.requests()) {  // user_id counts up within a connection
        std::vector<int> users;
        for (const std::string& request : list) users.push_back(std::stoi(request.substr(request.find("user_id\":") + 9)));
        CHECK(std::is_sorted(users.begin(), users.end()));
        CHECK(users[1] - users[0] == 4);
    }
}

TEST_CASE("a log with more connections at a time than the replay has opens no more than the log did") {
    ConnectionServer server;
    std::vector<Request> requests = posts(90);
    for (std::size_t i = 0; i < requests.size(); ++i) requests[i].connection = "c" + std::to_string(i % 30);
    const LogFile log(requests);
    replay::ReplayOptions options = options_for(log, server.url());
    const ReplayStats stats = replay::run(options);
    check_books(stats);
    CHECK(stats.completed == 90);
    CHECK(stats.connections == 30);
}

TEST_CASE("the connection that was silent longest gives its place up, and goes on over the one that took it") {
    replay::RecordedConnections table(2);
    const auto a = table.place(1), b = table.place(2);
    CHECK(a.opens);
    CHECK(b.opens);
    CHECK(a.connection != b.connection);
    CHECK(table.place(1).connection == a.connection);
    CHECK_FALSE(table.place(1).opens);
    const auto c = table.place(3);
    CHECK(c.connection == b.connection);
    CHECK(c.opens);
    CHECK(table.place(2).connection == b.connection);
    CHECK_FALSE(table.place(2).opens);
    table.begin_round();
    CHECK(table.place(2).opens);
}
