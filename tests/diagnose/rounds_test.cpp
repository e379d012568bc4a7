#include "diagnose/internal/rounds.hpp"
#include "support/loopback_server.hpp"
#include "support/replay_log.hpp"
#include "system/clock.hpp"

#include <doctest/doctest.h>

#include <atomic>
#include <thread>

using namespace leakline;
using namespace leakline::test;

TEST_CASE("no round is shorter than asked for, although the first pass over the log was that of a cold service") {
    // Each request of the first pass takes as long as many later passes.
    constexpr int kRequests = 10;
    std::atomic<int> answered{0};
    LoopbackServer server([&](Wire& wire) {
        while (!wire.read_request().empty()) {
            if (answered++ < kRequests) std::this_thread::sleep_for(30ms);
            wire.write("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
        }
    });
    const LogFile log(posts(kRequests));
    diagnose::RoundPlan plan;
    plan.replay = options_for(log, server.url());
    plan.replay.connections = 1;
    plan.rounds = 3;
    plan.minimum_round = 150ms;
    plan.quiet = 2ms;
    replay::Progress progress;
    const diagnose::RoundsResult result = diagnose::run_rounds(plan, progress, system_clock().monotonic(), {});
    REQUIRE(result.rounds.size() == 3);
    for (const Round& round : result.rounds) CHECK(round.answered_s - round.begin_s >= 0.15);
}
