// Growth that a later part of the run takes back, or that only the log's first pass caused.
#include <doctest/doctest.h>

#include "analysis/lines/lines.hpp"
#include "analysis/verdict/verdict.hpp"
#include "profile_builder.hpp"
#include "verdict_fixture.hpp"

using namespace leakline;
using namespace leakline::test;

namespace {

// A log of 2,000 requests, a quarter of which are searches, replayed 100 times; the line kept so many entries in the first round.
Diagnosis kept_once(std::int64_t entries, double error = 0) {
    Diagnosis diagnosis = measured(Trend::stable, false, 0);
    diagnosis.replay.log_requests = 2000;
    diagnosis.replay.paths["GET /search"].sent = 50'000;
    diagnosis.replay.paths["GET /"].sent = 150'000;
    LineGrowth& line = diagnosis.lines.lines[0];
    line.first_entries = entries;
    line.first_entries_error = error;
    line.live_first_bytes = line.live_last_bytes = 250 * entries;
    return diagnosis;
}

std::string first_reason(Diagnosis diagnosis) {
    analysis::judge(diagnosis);
    return diagnosis.reasons.front();
}

}  // namespace

TEST_CASE("an entry for each request of the log, kept once, is no 'no leak': later rounds repeat the keys") {
    for (const std::int64_t entries : {2000, 1990, 500}) {
        INFO(entries);
        CHECK(verdict_of(kept_once(entries)) == Verdict::inconclusive);
    }
    CHECK(
        first_reason(kept_once(500)) ==
        "track.cpp:31 kept about 500 entries in the first round and none later: one for each of the log's 500 GET /search requests, which "
        "all rounds repeat. A map with an entry per search text, client address or pair of users would look like this, and leaks if such "
        "values are not limited; to decide, rerun with a log that is several times as long: the entries of a leak grow with it");
}

TEST_CASE("fewer or more entries than requests, and ones that come and go, are those of a cache") {
    for (const std::int64_t entries : {1000, 1800, 4096, 300, 0}) {
        INFO(entries);
        CHECK(verdict_of(kept_once(entries)) == Verdict::no_leak);
    }
    // The log did not come again.
    Diagnosis once = kept_once(2000);
    once.replay.log_requests = 150'000;
    once.lines.lines[0].first_entries = 150'000;
    CHECK(verdict_of(once) == Verdict::no_leak);
    Diagnosis freed = kept_once(2000);
    freed.lines.lines[0].growth_bytes = -100'000;
    CHECK(verdict_of(freed) == Verdict::no_leak);
}

TEST_CASE("a sampled number of entries is compared as far as it is known") {
    CHECK(verdict_of(kept_once(1850, 100)) == Verdict::inconclusive);
    CHECK(verdict_of(kept_once(1850, 20)) == Verdict::no_leak);
    CHECK(verdict_of(kept_once(1850, 400)) == Verdict::no_leak);  // it may be any
    Diagnosis sampled = kept_once(2000, 100);
    sampled.lines.lines[0].growth_bytes = 40'000;
    sampled.lines.lines[0].growth_error_bytes = 30'000;
    CHECK(verdict_of(sampled) == Verdict::inconclusive);
}

TEST_CASE("the entries at the start of the window are those of the path that has most") {
    ProfileBuilder builder;
    const TraceId node = builder.trace({{"keep()", "/src/a.cpp", 1}}),
                  value = builder.trace({{"copy()", "/src/a.cpp", 9}, {"keep()", "/src/a.cpp", 1}});
    builder.allocate(node, 48, 2000);
    builder.allocate(value, 200, 1990);
    for (int round = 0; round < 8; ++round) builder.round_end();
    const LineReport report = analysis::grow_lines(builder.profile());
    std::int64_t most = 0;
    for (const LineGrowth& line : report.lines) most = std::max(most, line.first_entries);
    CHECK(most == 2000);
}

namespace {

// A line that grows by 8 MiB per second under load, and by so much in the second without requests after it.
Diagnosis grew_and_freed(std::int64_t idle_growth) {
    Diagnosis diagnosis = measured(Trend::growing, true, 160 << 20);
    diagnosis.lines.idle_seconds = 1;
    LineGrowth& line = diagnosis.lines.lines[0];
    line.bytes_per_hour = Interval{8.0 * 3600 * kMiB, 7.9 * 3600 * kMiB, 8.1 * 3600 * kMiB};
    line.idle_growth_bytes = idle_growth;
    return diagnosis;
}

}  // namespace

TEST_CASE("a queue that is worked off as soon as no requests come is no leak, and the reason says how to decide") {
    CHECK(verdict_of(grew_and_freed(-(2 << 20))) == Verdict::inconclusive);
    CHECK(
        first_reason(grew_and_freed(-(2 << 20))) ==
        "live heap allocated at track.cpp:31 grew in every round, by 990 B per request, but freed 2 MiB in the 1.0 s without requests after "
        "the last round: the queue of a worker that is slower than the requests of this run would look like this; to decide, rerun at the log's own rate (--pace recorded), or "
        "with --quiet-time 97s");
    CHECK(verdict_of(grew_and_freed(0)) == Verdict::leak);
    CHECK(verdict_of(grew_and_freed(-(256 << 10))) == Verdict::leak);  // the little that a leak frees by the way
    // Another line leaks beside the queue.
    Diagnosis both = grew_and_freed(-(2 << 20));
    both.lines.lines.push_back(both.lines.lines[0]);
    both.lines.lines.back().idle_growth_bytes = 0;
    CHECK(verdict_of(both) == Verdict::leak);
    // By a clock that runs faster than ours, timers free much within a second.
    Diagnosis scaled = grew_and_freed(-(2 << 20));
    analysis::Policy policy;
    policy.scaled_clock = true;
    analysis::judge(scaled, policy);
    CHECK(scaled.verdict == Verdict::leak);
}
