#include "analysis/per_connection.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <functional>
#include <random>

#include "analysis/verdict/verdict.hpp"
#include "profile_builder.hpp"

using namespace leakline;
using namespace leakline::analysis;
using namespace leakline::test;

namespace {

// What a service does in a block of so many requests over so many connections.
using Service =
    std::function<void(ProfileBuilder&, TraceId a, TraceId b, std::uint64_t requests, std::uint64_t connections, std::mt19937_64&)>;

struct Measured {
    HeapProfile profile;
    std::vector<ConnectionBlock> blocks;
    std::vector<LineGrowth> lines;  // that grow with time
    std::optional<ConnectionGrowth> growth() const { return growth_per_connection(profile, {}, "block 0", blocks, lines); }
};

// How long a block of so many requests over so many connections takes.
using Length = std::function<Nanoseconds(std::uint64_t requests, std::uint64_t connections)>;

Measured run(std::uint64_t seed, const Service& service, int count = 12, const Length& length = {}) {
    std::mt19937_64 random(seed);
    ProfileBuilder builder;
    Nanoseconds now{};
    const TraceId a = builder.trace({{"keep", "/app/a.cpp", 7}}), b = builder.trace({{"serve", "/app/b.cpp", 9}});
    const TraceId noise = builder.trace({{"log", "/app/log.cpp", 3}});
    Measured measured;
    for (int number = 0; number <= count; ++number) {
        ConnectionBlock block;
        block.label = "block " + std::to_string(number);
        block.requests = {500 + random() % 2000};
        block.connections = static_cast<std::uint64_t>(8 * std::pow(40, std::uniform_real_distribution<double>(0, 1)(random)));
        service(builder, a, b, block.requests[0], block.connections, random);
        builder.allocate(noise, random() % 512);
        now += length ? length(block.requests[0], block.connections) : std::chrono::milliseconds(100);
        builder.mark(HeapMark::Kind::interval, now).label = block.label;
        if (number > 0) measured.blocks.push_back(block);
    }
    measured.profile = builder.profile();
    return measured;
}

}  // namespace

TEST_CASE("a leak per connection is told from one per request, each with its bytes and its line") {
    const auto both = run(1, [](ProfileBuilder& builder, TraceId a, TraceId b, std::uint64_t requests, std::uint64_t connections, auto&) {
                          builder.allocate(a, 8192, connections);
                          builder.allocate(b, 100, requests);
                      }).growth();
    REQUIRE(both);
    CHECK(both->leaks);
    REQUIRE(both->lines.size() == 1);
    CHECK(both->lines[0].at.file == "/app/a.cpp");
    CHECK(both->lines[0].at.line == 7);
    CHECK(both->lines[0].bytes_per_connection.estimate == doctest::Approx(8192));
    CHECK(both->bytes_per_connection.estimate == doctest::Approx(8192));
    CHECK(both->bytes_per_request.estimate == doctest::Approx(100).epsilon(.02));
    CHECK(both->bytes_per_request.low <= 100);
    CHECK(both->bytes_per_request.high >= 100);

    const auto small = run(2, [](ProfileBuilder& builder, TraceId a, TraceId, std::uint64_t, std::uint64_t connections, auto&) {
                           builder.allocate(a, 24, connections);
                       }).growth();
    CHECK(small->leaks);
    CHECK(small->bytes_per_connection.estimate == doctest::Approx(24));
}

TEST_CASE("a leak per request, however it varies, is none per connection") {
    int false_leaks = 0;
    for (std::uint64_t seed = 0; seed < 300; ++seed) {
        const auto growth =
            run(seed, [](ProfileBuilder& builder, TraceId a, TraceId b, std::uint64_t requests, std::uint64_t, auto& random) {
                for (std::uint64_t i = 0; i < requests; i += 100) builder.allocate(a, random() % 400, 100);
                if (random() % 3 == 0) builder.allocate(b, 4096);
            }).growth();
        REQUIRE(growth);
        false_leaks += growth->leaks;
    }
    CHECK(false_leaks <= 1);  // 0.3 expected
}

TEST_CASE("a pool that grows to the most connections at a time is no leak per connection") {
    int false_leaks = 0;
    for (std::uint64_t seed = 0; seed < 300; ++seed) {
        std::uint64_t pool = 0;
        const auto growth =
            run(seed, [&](ProfileBuilder& builder, TraceId a, TraceId, std::uint64_t, std::uint64_t connections, auto& random) {
                // More connections a block: a better chance that some overlap.
                std::uint64_t most = 8;
                for (std::uint64_t i = 0; i < connections; ++i)
                    most = std::max(most,
                                    8 + static_cast<std::uint64_t>(-2 * std::log(std::uniform_real_distribution<double>(1e-9, 1)(random))));
                if (most <= pool) return;
                builder.allocate(a, 16384, most - pool);
                pool = most;
            }).growth();
        REQUIRE(growth);
        false_leaks += growth->leaks;
    }
    CHECK(false_leaks == 0);
}

TEST_CASE("a leak by a timer is none per connection, although blocks with many connections take longer") {
    const Length length = [](std::uint64_t requests, std::uint64_t connections) {
        return std::chrono::milliseconds(50) + std::chrono::microseconds(40 * requests + 300 * connections);
    };
    for (std::uint64_t seed = 0; seed < 100; ++seed) {
        Nanoseconds now{};
        std::int64_t ticks = 0;
        const bool also_per_connection = seed % 2 == 1;
        Measured measured = run(
            seed,
            [&](ProfileBuilder& builder, TraceId a, TraceId b, std::uint64_t requests, std::uint64_t connections, auto&) {
                now += length(requests, connections);
                for (; ticks < now / std::chrono::milliseconds(20); ++ticks) builder.allocate(a, 8192);
                if (also_per_connection) builder.allocate(b, 600, connections);
            },
            12, length);
        LineGrowth timer;
        timer.at = {"keep", "/app/a.cpp", 7};
        timer.bytes_per_hour_by_time = Interval{0.98 * 8192 * 50 * 3600, 0, 0};  // known to 2 %
        measured.lines = {timer};
        const auto growth = measured.growth();
        REQUIRE(growth);
        CHECK(growth->leaks == also_per_connection);
        for (const ConnectionGrowth::Line& line : growth->lines) {
            CHECK(line.at.file == "/app/b.cpp");
            CHECK(line.bytes_per_connection.estimate == doctest::Approx(600));
        }
    }
}

TEST_CASE("a service that closes each connection after its answer has no growth per connection of its own") {
    Measured closes = run(1, [](ProfileBuilder& builder, TraceId a, TraceId, std::uint64_t requests, std::uint64_t, auto&) {
        builder.allocate(a, 100, requests);
    });
    for (ConnectionBlock& block : closes.blocks) block.connections = block.requests[0];
    CHECK_FALSE(closes.growth());
}

TEST_CASE("blocks that are too few, or have lost their marks, say nothing") {
    const Service leaks = [](ProfileBuilder& builder, TraceId a, TraceId, std::uint64_t, std::uint64_t connections, auto&) {
        builder.allocate(a, 100, connections);
    };
    CHECK_FALSE(run(1, leaks, 5).growth());
    Measured torn = run(1, leaks, 12);
    torn.profile.marks.resize(4);
    CHECK_FALSE(torn.growth());
    CHECK_FALSE(growth_per_connection(torn.profile, {}, "block 0", {}));
}

TEST_CASE("the verdict says the bytes per connection, and per request first where both leak") {
    Diagnosis diagnosis;
    diagnosis.replay.read = diagnosis.replay.sent = diagnosis.replay.completed = 1000;
    diagnosis.replay.statuses[200] = 1000;
    diagnosis.requests_per_second = 10;
    diagnosis.trend.verdict = Trend::stable;
    diagnosis.trend.bytes_per_request = Interval{40, 30, 50};
    diagnosis.trend.detectable_bytes_per_request = 50;
    LineGrowth line;
    line.at = {"keep", "/app/a.cpp", 7};
    line.growth_bytes = 8 * 65536;
    line.growth_class = GrowthClass::linear;
    line.leaking = true;
    line.bytes_per_request = Interval{40, 39, 41};
    line.bytes_per_connection = Interval{8192, 8192, 8192};
    diagnosis.lines.lines = {line};
    diagnosis.connections = run(1, [](ProfileBuilder& builder, TraceId a, TraceId, std::uint64_t, std::uint64_t connections, auto&) {
                                builder.allocate(a, 8192, connections);
                            }).growth();
    diagnosis.connections->connections = 80'000;  // more than a cache of sessions holds
    Diagnosis both = diagnosis;
    judge(diagnosis);
    CHECK(diagnosis.verdict == Verdict::leak);
    CHECK(diagnosis.reasons[0] ==
          "a.cpp:7 leaks 8 KiB per connection: its live heap grew with the number of connections, over 12 blocks of traffic in "
          "which that number and the number of requests varied independently");
    CHECK_FALSE(diagnosis.projected_bytes_per_hour);  // the log's rate is one of requests

    line.at.line = 8;
    line.bytes_per_connection.reset();
    line.growth_bytes *= 10;
    line.live_last_blocks = line.kept_entries = 160'000;
    both.lines.mark_requests = {0, 160'000};
    both.lines.lines.insert(both.lines.lines.begin(), line);
    judge(both);
    CHECK(both.verdict == Verdict::leak);
    CHECK(both.reasons[0].find("a.cpp:8") != std::string::npos);
    CHECK(both.reasons[1].starts_with("a.cpp:7 leaks 8 KiB per connection"));
}
