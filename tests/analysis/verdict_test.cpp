#include "analysis/verdict/verdict.hpp"

#include <doctest/doctest.h>

#include <algorithm>

using namespace leakline;

namespace {

Diagnosis measured(Trend trend, bool line_leaks, std::int64_t line_growth = 8 << 20) {
    Diagnosis diagnosis;
    diagnosis.replay.read = diagnosis.replay.sent = diagnosis.replay.completed = 200'000;
    diagnosis.replay.statuses[200] = 200'000;
    diagnosis.lines.mark_requests = {0, 200'000};
    diagnosis.requests_per_second = 10;
    diagnosis.memory_limit = Bytes{512} << 20;
    diagnosis.series.seconds = {0, 1};
    diagnosis.series.value = {12.0 * kMiB, 20.0 * kMiB};
    diagnosis.trend.verdict = trend;
    diagnosis.trend.reasons = {"seen so"};
    diagnosis.trend.bytes_per_request = trend == Trend::growing ? Interval{1000, 900, 1100} : Interval{0, -20, 20};
    diagnosis.trend.detectable_bytes_per_request = 50;
    LineGrowth line;
    line.at = {"track_user_behavior", "/src/track.cpp", 31};
    line.growth_bytes = line_growth;
    line.bytes_per_request = Interval{990, 980, 1000};
    line.growth_class = line_leaks ? GrowthClass::linear : GrowthClass::filling_then_flat;
    line.leaking = line_leaks;
    line.live_last_blocks = line.kept_entries = 200'000;
    line.allocations = 200'000;
    diagnosis.lines.lines = {line};
    return diagnosis;
}

// A run of so many requests, bare and recorded, of which this share left an entry.
void run_of(Diagnosis& diagnosis, std::uint64_t requests, double share) {
    diagnosis.replay.read = diagnosis.replay.sent = diagnosis.replay.completed = requests;
    diagnosis.replay.statuses = {{200, requests}};
    diagnosis.lines.mark_requests = {0, requests};
    LineGrowth& line = diagnosis.lines.lines[0];
    line.live_last_blocks = line.kept_entries = static_cast<std::int64_t>(share * static_cast<double>(requests));
    line.allocations = static_cast<std::uint64_t>(line.kept_entries);
}

Verdict verdict_of(Diagnosis diagnosis) {
    analysis::conclude(diagnosis);
    CHECK_FALSE(diagnosis.reasons.empty());
    return diagnosis.verdict;
}

// Memory that grew by so many MiB, and no line did.
Diagnosis outside(double mib) {
    Diagnosis diagnosis = measured(Trend::growing, false);
    diagnosis.series.value[1] = (12 + mib) * kMiB;
    return diagnosis;
}

}  // namespace

TEST_CASE("the two witnesses are weighed as the header says") {
    CHECK(verdict_of(measured(Trend::growing, true)) == Verdict::leak);
    CHECK(verdict_of(measured(Trend::inconclusive, true)) == Verdict::leak);
    CHECK(verdict_of(measured(Trend::stable, true)) == Verdict::inconclusive);  // the longer run settled
    CHECK(verdict_of(outside(40)) == Verdict::leak);
    CHECK(verdict_of(outside(8)) == Verdict::inconclusive);
    CHECK(verdict_of(measured(Trend::stable, false)) == Verdict::no_leak);
    CHECK(verdict_of(measured(Trend::shrinking, false)) == Verdict::no_leak);
    CHECK(verdict_of(measured(Trend::inconclusive, false)) == Verdict::inconclusive);
}

TEST_CASE("a few growing kilobytes in a service whose memory is stable are bookkeeping, or too little to tell") {
    Diagnosis crumbs = measured(Trend::stable, true, 4096);
    crumbs.lines.lines[0].bytes_per_request = Interval{0.04, 0.03, 0.05};
    CHECK(verdict_of(crumbs) == Verdict::no_leak);

    Diagnosis short_run = measured(Trend::inconclusive, true, 4096);
    analysis::conclude(short_run);
    CHECK(short_run.verdict == Verdict::inconclusive);
    CHECK(short_run.reasons[0] ==
          "live heap of track.cpp:31 grew in every round, by 990 B per request, but by only 4 KiB in all, too "
          "little to tell from a service that still warms up: more requests would decide");
    CHECK(verdict_of(measured(Trend::growing, true, 4096)) == Verdict::leak);
}

TEST_CASE("the decisive reason names the line, and a leak outside of the heap says where to look") {
    Diagnosis leak = measured(Trend::growing, true);
    analysis::conclude(leak);
    CHECK(leak.reasons[0] ==
          "live heap of track.cpp:31 grew in every round, by 990 B per request; a cache bounded above 200,000 entries or data freed "
          "by a timer slower than 1s would look the same");
    CHECK(leak.reasons[1] == "memory during the run: seen so");

    Diagnosis mapped = outside(40);
    analysis::conclude(mapped);
    CHECK(mapped.reasons[0] ==
          "memory keeps growing, but no line's live heap does: it grows outside what the recorder sees (mmap, "
          "thread stacks, fragmentation, an allocator that is not malloc)");
}

TEST_CASE("memory that a line held and let go of again is no leak outside of the heap") {
    Diagnosis timed = measured(Trend::growing, false);
    timed.lines.lines[0].live_first_bytes = 1 << 20;
    timed.lines.lines[0].live_peak_bytes = 7 << 20;  // of 8 MiB that memory grew by
    analysis::conclude(timed);
    CHECK(timed.verdict == Verdict::inconclusive);
    CHECK(timed.reasons[0] ==
          "memory grew to the end of the first run, but in the recorded one the heap bytes behind it (track.cpp:31, up to 7 MiB) stopped "
          "growing or were freed again, as those of a cache that is cleaned by the clock: longer rounds (--min-round) would decide");

    // It had filled before, and cannot be what memory grew by.
    Diagnosis mapped = outside(40);
    mapped.lines.lines[0].live_first_bytes = 5 << 20;
    mapped.lines.lines[0].live_peak_bytes = 7 << 20;
    CHECK(verdict_of(mapped) == Verdict::leak);
}

TEST_CASE("a leak always says what would look the same, in its first reason") {
    Diagnosis leak = measured(Trend::growing, true);
    leak.lines.window_end = std::chrono::seconds(9);
    leak.lines.lines[0].allocations = 200'000;  // a temporary on the same line as well
    leak.lines.lines[0].live_last_blocks = 90'000;
    leak.lines.lines[0].kept_entries = 45'000;  // of two blocks
    leak.lines.mark_requests = {10'000, 60'000};
    CHECK(verdict_of(leak) == Verdict::leak);
    analysis::conclude(leak);
    CHECK(leak.reasons[0] ==
          "live heap of track.cpp:31 grew in every round, by 990 B per request; a cache bounded above 180,000 entries or data "
          "freed by a timer slower than 9s would look the same");
}

TEST_CASE("a short run of a line that grows says leak or a cache that is still filling, with the option that decides") {
    Diagnosis filling = measured(Trend::growing, true);
    run_of(filling, 20'000, 1);
    filling.rounds.resize(8);
    filling.series.seconds = {0, 4};
    filling.replay.fresh = {"field request_id"};
    Diagnosis accepted = filling, fixed = filling;
    analysis::conclude(filling);
    CHECK(filling.verdict == Verdict::inconclusive);
    CHECK(filling.still_filling);
    CHECK(filling.reasons[0] ==
          "live heap of track.cpp:31 grew in every round, by 990 B per request; 20,000 requests left about 20,000 entries there, none "
          "freed yet, and a cache with a larger bound would look the same: a run of 160,000 requests would decide (--max-time 2m)");
    CHECK(
        filling.reasons[1] ==
        "each pass over the log has new values of field request_id: with --no-fresh, growth that stops after the first round is that of a map with this "
        "key");
    analysis::conclude(accepted, {.filling_is_leak = true});
    CHECK(accepted.verdict == Verdict::leak);
    CHECK_FALSE(accepted.still_filling);
    analysis::conclude(fixed, {.extends = false});
    CHECK(fixed.reasons[0].ends_with("a run of 160,000 requests would decide (--rounds 63, about 2m)"));

    // No request fills what grows by itself.
    Diagnosis timer = measured(Trend::growing, true);
    run_of(timer, 20'000, 1);
    timer.lines.lines[0].follows = Follows::time;
    timer.lines.lines[0].bytes_per_hour_by_time = Interval{1e9, 9e8, 1.1e9};
    timer.lines.lines[0].bytes_per_request.reset();
    CHECK(verdict_of(timer) == Verdict::leak);
}

TEST_CASE("memory that grows by a few bytes per request, and no line, is no leak above what it may grow by") {
    Diagnosis full = measured(Trend::growing, false);
    full.trend.bytes_per_request = Interval{6.4, 5.9, 7};
    full.trend.detectable_bytes_per_request = 2.8;
    full.lines.mark_seconds = {0, 5};
    Diagnosis without_lines = full, undecided = full, more = full;
    analysis::conclude(full);
    CHECK(full.verdict == Verdict::no_leak);
    CHECK(full.trend.detectable_bytes_per_request == 7);
    undecided.trend.verdict = Trend::inconclusive;
    CHECK(verdict_of(undecided) == Verdict::no_leak);
    more.trend.bytes_per_request->high = 9;
    CHECK(verdict_of(more) == Verdict::inconclusive);
    without_lines.lines.unavailable = "lines cannot be had";
    CHECK(verdict_of(without_lines) == Verdict::inconclusive);
}

TEST_CASE("what rules out a cache is the number of entries, not of requests") {
    // One request in five fills it: after 200,000 requests a cache of 50,000 entries is not full yet.
    Diagnosis one_in_five = measured(Trend::growing, true);
    run_of(one_in_five, 200'000, 0.2);
    auto more = analysis::longer_run(one_in_five);
    REQUIRE(more.has_value());
    CHECK(more->requests == doctest::Approx(787'500));
    CHECK(verdict_of(one_in_five) == Verdict::inconclusive);
    run_of(one_in_five, 800'000, 0.2);
    CHECK_FALSE(analysis::longer_run(one_in_five).has_value());
    CHECK(verdict_of(one_in_five) == Verdict::leak);
    // Several blocks in a path are one entry per request at most.
    run_of(one_in_five, 100'000, 3);
    CHECK(verdict_of(one_in_five) == Verdict::inconclusive);

    // A block that grows in place: its elements are not counted, and not smaller than some bytes.
    Diagnosis in_place = measured(Trend::growing, true, 200'000 * 128);
    in_place.lines.lines[0].growth_class = GrowthClass::container_doubling;
    in_place.lines.lines[0].kept_entries = in_place.lines.lines[0].live_last_blocks = 1;
    CHECK(verdict_of(in_place) == Verdict::leak);
    in_place.lines.lines[0].growth_bytes = 200'000 * 8;
    CHECK(verdict_of(in_place) == Verdict::inconclusive);

    // Few entries, but more memory than a cache takes by default.
    Diagnosis large = measured(Trend::growing, true);
    run_of(large, 400'000, 0.05);
    CHECK(verdict_of(large) == Verdict::inconclusive);
    large.series.value[1] = 1100 * kMiB;
    CHECK(verdict_of(large) == Verdict::leak);
    run_of(large, 400'000, 0.01);
    CHECK(verdict_of(large) == Verdict::inconclusive);
}

TEST_CASE("a line that grew under the recorder is a cache that filled up, where the longer bare run grew and then settled") {
    Diagnosis filled = measured(Trend::stable, true);
    filled.lines.mark_requests = {0, 40'000};
    filled.lines.headline.emplace();
    filled.lines.headline->line = filled.lines.lines[0];
    Diagnosis short_bare = filled, no_growth = filled;
    CHECK_FALSE(analysis::longer_recording(filled).has_value());
    analysis::conclude(filled);
    CHECK(filled.verdict == Verdict::no_leak);
    CHECK_FALSE(filled.lines.lines[0].leaking);
    CHECK_FALSE(filled.lines.headline->line.leaking);
    CHECK(filled.growth.source == StatedGrowth::Source::memory);
    REQUIRE(filled.warnings.size() == 1);
    CHECK(
        filled.warnings[0] ==
        "track.cpp:31 still grew at the end of the recorded run, which is slower; memory had stopped growing within the 200,000 requests of the run "
        "without the recorder, as with a cache that is full");

    // A heap that still creeps up is no leak of what the line kept.
    Diagnosis creeps = measured(Trend::growing, true);
    creeps.lines.mark_requests = {0, 40'000};
    creeps.lines.mark_seconds = {0, 5};
    creeps.trend.bytes_per_request = Interval{6, 5, 7};
    CHECK_FALSE(analysis::longer_run(creeps).has_value());
    CHECK(verdict_of(creeps) == Verdict::no_leak);

    short_bare.replay.completed = 60'000;
    CHECK(analysis::longer_recording(short_bare).has_value());
    CHECK(verdict_of(short_bare) == Verdict::inconclusive);
    no_growth.series.value[1] = no_growth.series.value[0];  // what only the recorder shows is not explained
    CHECK(verdict_of(no_growth) == Verdict::inconclusive);
}

TEST_CASE("growth per connection is a leak only after more connections than a cache of sessions holds") {
    Diagnosis sessions = measured(Trend::growing, true);
    LineGrowth& line = sessions.lines.lines[0];
    line.bytes_per_connection = Interval{8192, 8190, 8194};
    line.live_last_blocks = line.kept_entries = 64;
    ConnectionGrowth growth;
    growth.bytes_per_connection = *line.bytes_per_connection;
    growth.connections = 2'000;
    growth.blocks = 24;
    growth.leaks = true;
    growth.lines = {{line.at, *line.bytes_per_connection}};
    sessions.connections = growth;
    const auto more = analysis::longer_connection_run(sessions);
    REQUIRE(more.has_value());
    CHECK(more->requests == doctest::Approx(78'750));
    Diagnosis undecided = sessions;
    analysis::conclude(undecided);
    CHECK(undecided.verdict == Verdict::inconclusive);
    CHECK(undecided.still_filling);
    CHECK(undecided.reasons[0].starts_with("track.cpp:31 leaks 8 KiB per connection"));
    CHECK(undecided.reasons[0].find("; a cache of more than 2,000 sessions would look the same: a run of ") != std::string::npos);

    sessions.connections->long_run = ConnectionGrowth::LongRun{80'000, 6.4e8, Trend::growing, Interval{8000, 7900, 8100}, {}};
    CHECK_FALSE(analysis::longer_connection_run(sessions).has_value());
    CHECK(verdict_of(sessions) == Verdict::leak);
    sessions.connections->long_run = ConnectionGrowth::LongRun{80'000, 1e8, Trend::growing, {}, {}};  // something else grew
    CHECK(verdict_of(sessions) == Verdict::inconclusive);

    sessions.trend.verdict = Trend::stable;
    sessions.connections->long_run = ConnectionGrowth::LongRun{80'000, 2e8, Trend::growing, Interval{20, 10, 30}, {}};
    analysis::conclude(sessions);
    CHECK(sessions.verdict == Verdict::no_leak);
    CHECK_FALSE(sessions.connections->leaks);
    CHECK(sessions.warnings[0].find("in a run of 80,000 connections memory stopped growing") != std::string::npos);
}

TEST_CASE("a leak per connection does not prove that another line is no cache which is still filling") {
    Diagnosis both = measured(Trend::growing, true);
    run_of(both, 20'000, 1);
    LineGrowth session = both.lines.lines[0];
    session.at.line = 90;
    session.bytes_per_connection = Interval{8192, 8190, 8194};
    both.lines.lines.push_back(session);
    ConnectionGrowth growth;
    growth.bytes_per_connection = *session.bytes_per_connection;
    growth.connections = 2'000;
    growth.leaks = true;
    growth.lines = {{session.at, *session.bytes_per_connection}};
    both.connections = growth;
    analysis::conclude(both);
    CHECK(both.verdict == Verdict::inconclusive);
    CHECK(both.reasons[0].find("20,000 requests left about 20,000 entries there") != std::string::npos);
    CHECK(both.reasons[1].starts_with("track.cpp:90 leaks 8 KiB per connection"));

    both.connections->connections = 200'000;
    both.reasons.clear();
    analysis::conclude(both);
    CHECK(both.verdict == Verdict::leak);
    CHECK_FALSE(both.still_filling);
    CHECK(both.reasons[0].starts_with("track.cpp:90 leaks 8 KiB per connection"));
}

TEST_CASE("growth is followed until most caches would be full, and without lines until allocators hold back no more") {
    Diagnosis grows;
    grows.trend.verdict = Trend::growing;
    grows.series.seconds = {0, 8};
    grows.series.value = {1e6, 2e7};
    grows.series.requests = {0, 40'000};
    const auto more = analysis::growth_unproven(grows);
    REQUIRE(more.has_value());
    CHECK(more->requests == 200'000);
    CHECK_FALSE(more->all_or_nothing);
    grows.series.requests = {0, 200'000};
    CHECK_FALSE(analysis::growth_unproven(grows).has_value());

    // 4 MiB of the 8 that an interpreter may hold back, in more requests than most caches have entries.
    grows.command = "python3 service.py";
    grows.series.value = {10 * kMiB, 14 * kMiB};
    const auto python = analysis::growth_unproven(grows);
    REQUIRE(python.has_value());
    CHECK(python->requests == doctest::Approx(200'000 * 2 * 1.15));
    CHECK(python->all_or_nothing);
    grows.series.value = {10 * kMiB, 19 * kMiB};
    CHECK_FALSE(analysis::growth_unproven(grows).has_value());
    grows.series.requests = {0, 40'000};
    CHECK(analysis::growth_unproven(grows)->requests == 75'000);
    grows.trend.verdict = Trend::stable;
    CHECK_FALSE(analysis::growth_unproven(grows).has_value());
}

TEST_CASE("memory alone in a run of few requests may be a cache, and workers hold back as much each as one process") {
    Diagnosis python = outside(40);
    python.lines.unavailable = "lines of Python code cannot be recorded here";
    CHECK(verdict_of(python) == Verdict::leak);
    python.replay.sent = python.replay.completed = python.replay.statuses[200] = 16'000;
    CHECK(analysis::longer_run(python)->requests == 75'000);
    analysis::conclude(python);
    CHECK(python.verdict == Verdict::inconclusive);
    CHECK(python.still_filling);
    CHECK(
        python.reasons[0] ==
        "memory grows, and a cache that had room for the 16,000 requests of this run would look the same: a run of 75,000 requests would decide "
        "(--max-time 1m)");

    Diagnosis workers = outside(64);
    for (int pid = 1; pid <= 5; ++pid) {
        ProcessGrowth process;
        process.pid = pid;
        process.name = "worker";
        process.recorded = pid == 1;
        process.first_bytes = 1e6;
        process.last_bytes = pid == 1 ? 1e6 : 17e6;
        workers.resources.tree.processes.push_back(process);
    }
    workers.resources.tree.seen = 5;
    workers.resources.tree.unrecorded_growth_bytes = 64e6;
    CHECK(verdict_of(workers) == Verdict::inconclusive);  // 4 x 32 MiB
    CHECK(analysis::longer_run(workers)->requests == doctest::Approx(200'000 * 1.15 * 2));
    workers.series.value[1] = 150 * kMiB;
    CHECK(verdict_of(workers) == Verdict::leak);
}

TEST_CASE("memory alone is a leak only well above the detection limit, and above what allocators and collectors hold back") {
    Diagnosis near = outside(40);
    near.trend.slope_bytes_per_hour = {1.5e9, 1e9, 2e9};
    near.trend.detectable_bytes_per_hour = 1e9;
    CHECK(verdict_of(near) == Verdict::inconclusive);
    near.trend.detectable_bytes_per_hour = 5e8;
    CHECK(verdict_of(near) == Verdict::leak);

    Diagnosis collected = outside(100);
    collected.command = "/usr/bin/node --max-old-space-size=200 server.js";
    CHECK(verdict_of(collected) == Verdict::inconclusive);
    collected.series.value[1] = 400 * kMiB;
    CHECK(verdict_of(collected) == Verdict::leak);

    // What grows while nothing is requested is no allocator that warms up.
    Diagnosis idle = outside(4);
    idle.split = {Follows::time, {}, Interval{1.4e9, 1.3e9, 1.5e9}};
    idle.idle = IdleTime{1, 400'000};
    CHECK(verdict_of(idle) == Verdict::leak);

    // Live heap without a source line is counted, and nothing that an allocator holds back.
    Diagnosis unknown = outside(8);
    unknown.lines.accounting.unattributed_bytes = 7 << 20;
    analysis::conclude(unknown);
    CHECK(unknown.verdict == Verdict::leak);
    CHECK(
        unknown.reasons[0] ==
        "memory keeps growing, and 7 MiB of it is live heap whose source lines are not known (no debug info, or names could not be read: see "
        "the warnings)");
}

TEST_CASE("a stable JVM is no proof: its heap takes growth in before memory grows") {
    Diagnosis java = measured(Trend::stable, false);
    java.command = "java -Xmx1g Server";
    CHECK(verdict_of(java) == Verdict::inconclusive);
    java.replay.completed = 10'000'000;
    CHECK(verdict_of(java) == Verdict::no_leak);
    Diagnosis native = measured(Trend::stable, false);
    native.command = "./java_like_name --port 1";
    CHECK(verdict_of(native) == Verdict::no_leak);
}

TEST_CASE("a service killed at its limit before it grew is inconclusive, and one whose lines grew is a leak by those lines") {
    Diagnosis small = measured(Trend::inconclusive, false);
    small.oom_kill = OomKill{0.4, 20, {}, {}, "OOM-killed at its limit of 2 MiB (peak 2 MiB)"};
    CHECK(verdict_of(small) == Verdict::inconclusive);

    Diagnosis lines = measured(Trend::inconclusive, true);
    lines.oom_kill = small.oom_kill;
    analysis::conclude(lines);
    CHECK(lines.verdict == Verdict::leak);
    CHECK(lines.growth.source == StatedGrowth::Source::lines);
    CHECK(lines.growth.split.bytes_per_request->estimate == 990);
    REQUIRE(lines.projected_bytes_per_hour);
    CHECK(lines.projected_bytes_per_hour->estimate == doctest::Approx(990 * 10 * 3600.0));
    CHECK(lines.trend.time_to_limit_h.has_value());
}

TEST_CASE("growth by time is stated as it is, without a price per request") {
    Diagnosis timer = measured(Trend::growing, false);
    timer.series.value[1] = 80 * kMiB;
    timer.split = {Follows::time, {}, Interval{1.4e9, 1.3e9, 1.5e9}};
    analysis::conclude(timer);
    CHECK_FALSE(timer.trend.bytes_per_request);
    CHECK(timer.projected_bytes_per_hour->estimate == 1.4e9);
    CHECK(timer.trend.time_to_limit_h->estimate == doctest::Approx(500 * kMiB / 1.4e9));

    Diagnosis both = measured(Trend::growing, false);
    both.series.value[1] = 80 * kMiB;
    both.split = {Follows::both, Interval{100, 90, 110}, Interval{1e6, 9e5, 1.1e6}};
    analysis::conclude(both);
    CHECK(both.trend.bytes_per_request->estimate == 100);
    CHECK(both.projected_bytes_per_hour->estimate == doctest::Approx(100 * 36000 + 1e6));
}

TEST_CASE("one kind of request that leaks is named beside the average over all") {
    Diagnosis leak = measured(Trend::growing, true);
    leak.endpoints = {{"POST /api/track", {1980, 1970, 1990}, true}, {"GET /healthz", {0, -1, 1}, false}};
    analysis::conclude(leak);
    CHECK(std::find(leak.reasons.begin(), leak.reasons.end(),
                    "POST /api/track leaks 1.93 KiB per request; the figures per request above are averages over all kinds") !=
          leak.reasons.end());
}

TEST_CASE("no leak says what was seen; the headline says above what") {
    Diagnosis clean = measured(Trend::stable, false);
    analysis::conclude(clean);
    CHECK(clean.reasons[0] == "no line's live heap keeps growing, and memory is stable");
}

TEST_CASE("a run of too few requests to have seen a kept request does not say no leak") {
    Diagnosis coarse = measured(Trend::stable, false);
    coarse.trend.detectable_bytes_per_request = 3277;
    analysis::conclude(coarse);
    CHECK(coarse.verdict == Verdict::inconclusive);
    CHECK(coarse.reasons[0] ==
          "after 200,000 requests this run could detect only growth above 3.2 KiB per request: more requests would decide");
}

TEST_CASE("time to limit is stated at the log's own rate, from the level before the traffic") {
    Diagnosis leak = measured(Trend::growing, true);
    analysis::conclude(leak);
    // 500 MiB of head room at 1000 B per request and 10 requests a second: 524288000 / 10000 s = 14.56 h.
    REQUIRE(leak.trend.time_to_limit_h.has_value());
    CHECK(leak.trend.time_to_limit_h->estimate == doctest::Approx(14.5636).epsilon(1e-4));
    CHECK(leak.trend.time_to_limit_h->low == doctest::Approx(524288000.0 / 1100 / 36000));
    CHECK(leak.trend.time_to_limit_h->high == doctest::Approx(524288000.0 / 900 / 36000));

    Diagnosis clean = measured(Trend::stable, false);
    clean.trend.time_to_limit_h = Interval{1, 1, 1};
    analysis::conclude(clean);
    CHECK_FALSE(clean.trend.time_to_limit_h.has_value());
}

TEST_CASE("traffic of which most failed makes the run invalid, and a few failures a warning") {
    Diagnosis lost = measured(Trend::stable, false);
    lost.replay.sent = 1000;
    lost.replay.statuses = {{200, 100}, {404, 900}};
    analysis::conclude(lost);
    CHECK(lost.verdict == Verdict::invalid);
    CHECK(lost.reasons[0] ==
          "too many requests failed: 10 % of 1,000 succeeded; most frequent: status 404 (900 times); --rewrite-path '^/old=>/new' "
          "changes paths, if --target is the right service");

    Diagnosis some = measured(Trend::stable, false);
    some.replay.sent = 1000;
    some.replay.statuses = {{200, 900}, {503, 60}};
    some.replay.failures[static_cast<std::size_t>(Failure::timeout)] = 40;
    analysis::conclude(some);
    CHECK(some.verdict == Verdict::no_leak);
    REQUIRE(some.warnings.size() == 1);
    CHECK(some.warnings[0].starts_with("10.0 % of 1,000 requests failed; most frequent: status 503 (60 times)"));

    Diagnosis none = measured(Trend::stable, false);
    none.replay = {};
    CHECK(verdict_of(none) == Verdict::invalid);
}

TEST_CASE("a verdict of invalid that stands already is kept") {
    Diagnosis dead = measured(Trend::growing, true);
    dead.verdict = Verdict::invalid;
    dead.reasons = {"the target died"};
    CHECK(verdict_of(dead) == Verdict::invalid);
}

TEST_CASE("a budget passes only what the run could have seen") {
    const auto with_budget = [](Trend trend, bool leaks, double bytes, Growth::Per per = Growth::Per::request) {
        Diagnosis diagnosis = measured(trend, leaks);
        diagnosis.max_growth = Growth{bytes, per};
        return verdict_of(diagnosis);
    };
    CHECK(with_budget(Trend::growing, true, 500) == Verdict::leak);
    CHECK(with_budget(Trend::growing, true, 2000) == Verdict::no_leak);
    CHECK(with_budget(Trend::growing, true, 1000) == Verdict::inconclusive);  // within the interval
    CHECK(with_budget(Trend::stable, false, 64) == Verdict::no_leak);
    CHECK(with_budget(Trend::stable, false, 49) == Verdict::inconclusive);  // below what could be seen
    // 1000 B per request at 10 requests a second are 34.3 MiB/h.
    CHECK(with_budget(Trend::growing, true, 10 * kMiB, Growth::Per::hour) == Verdict::leak);
    CHECK(with_budget(Trend::growing, true, 80 * kMiB, Growth::Per::hour) == Verdict::no_leak);
}

TEST_CASE("growth whose interval holds the budget asks for more traffic, growth beside it does not") {
    Diagnosis diagnosis;
    diagnosis.trend.verdict = Trend::growing;
    diagnosis.trend.bytes_per_request = Interval{64, 60, 70};
    diagnosis.max_growth = Growth{64, Growth::Per::request};
    REQUIRE(analysis::memory_undecided(diagnosis).has_value());
    CHECK(*analysis::memory_undecided(diagnosis) == "growth of 60 B/request to 70 B/request holds the budget of 64 B/request; run longer");
    diagnosis.max_growth->bytes = 59;
    CHECK_FALSE(analysis::memory_undecided(diagnosis).has_value());
    diagnosis.max_growth->bytes = 71;
    CHECK_FALSE(analysis::memory_undecided(diagnosis).has_value());
    diagnosis.max_growth.reset();
    CHECK_FALSE(analysis::memory_undecided(diagnosis).has_value());
}

TEST_CASE("memory that allows both answers, or could only have shown a large leak, asks for more traffic") {
    Diagnosis diagnosis;
    diagnosis.trend.verdict = Trend::inconclusive;
    diagnosis.trend.reasons = {"too short"};
    CHECK(analysis::memory_undecided(diagnosis) == std::optional<std::string>("too short"));
    diagnosis.trend.verdict = Trend::stable;
    diagnosis.trend.detectable_bytes_per_request = 2048;
    CHECK(analysis::memory_undecided(diagnosis) == std::optional<std::string>("this run could detect only growth above 2 KiB per request"));
    diagnosis.trend.detectable_bytes_per_request = 10;
    CHECK_FALSE(analysis::memory_undecided(diagnosis).has_value());
}

TEST_CASE("a line that leaks by too little in all asks for more traffic, unless a budget decides") {
    Diagnosis diagnosis;
    diagnosis.trend.verdict = Trend::stable;
    LineGrowth line;
    line.leaking = true;
    line.growth_bytes = 20'000;
    line.bytes_per_request = Interval{5, 4, 6};
    diagnosis.lines.lines = {line};
    diagnosis.lines.mark_requests = {0, 10'000};
    CHECK(analysis::longer_recording(diagnosis)->requests == 20'000);
    diagnosis.max_growth = Growth{64, Growth::Per::request};
    CHECK_FALSE(analysis::longer_recording(diagnosis).has_value());
    diagnosis.max_growth.reset();
    diagnosis.lines.lines[0].growth_bytes = 200'000;  // a leak by itself, but a cache could still be filling
    diagnosis.lines.lines[0].live_last_blocks = diagnosis.lines.lines[0].kept_entries = 5'000;
    CHECK(analysis::longer_recording(diagnosis)->requests == doctest::Approx(315'000));
    CHECK_FALSE(analysis::longer_recording(diagnosis, {.filling_is_leak = true}).has_value());
    diagnosis.lines.lines[0].kept_entries = 160'000;
    diagnosis.lines.mark_requests = {0, 160'000};
    CHECK_FALSE(analysis::longer_recording(diagnosis).has_value());
    diagnosis.lines.lines[0].growth_bytes = 20'000;
    diagnosis.lines.lines[0].bytes_per_request = Interval{0.1, 0, 0.2};  // odds and ends
    CHECK_FALSE(analysis::longer_recording(diagnosis).has_value());
}

TEST_CASE("a replay that was not valid makes the diagnosis invalid, with the replay's reasons") {
    Diagnosis diagnosis;
    diagnosis.replay.sent = diagnosis.replay.completed = 100;
    diagnosis.replay.statuses[200] = 100;
    diagnosis.replay.valid = false;
    diagnosis.replay.reasons = {"send lag p99 2 s is above 100 ms"};
    analysis::conclude(diagnosis);
    CHECK(diagnosis.verdict == Verdict::invalid);
    CHECK(diagnosis.reasons.front() == "the traffic was not sent as planned: send lag p99 2 s is above 100 ms");
}

TEST_CASE("figures that round to the same text are told apart in bytes") {
    Diagnosis diagnosis;
    diagnosis.trend.verdict = Trend::growing;
    diagnosis.trend.bytes_per_request = Interval{1138, 1137.5, 1139};
    diagnosis.max_growth = Growth{1138, Growth::Per::request};
    CHECK(analysis::memory_undecided(diagnosis) ==
          std::optional<std::string>("growth of 1137.5 B/request to 1139 B/request holds the budget of 1138 B/request; run longer"));
}

TEST_CASE("lines that explain less than half of memory's growth are not named as the ones at fault") {
    Diagnosis elsewhere = measured(Trend::growing, true);
    elsewhere.lines.lines[0].bytes_per_request = Interval{4, 3, 5};
    elsewhere.trend.bytes_per_request = Interval{845, 840, 850};
    elsewhere.lines.accounting.rss_delta_bytes = 8 << 20;
    elsewhere.lines.accounting.other_delta_bytes = 7 << 20;
    analysis::conclude(elsewhere);
    CHECK(elsewhere.verdict == Verdict::leak);
    CHECK(elsewhere.reasons[0] ==
          "memory grows by 845 B per request, of which lines explain 0 %: the growth is elsewhere, outside of malloc (mmap, thread "
          "stacks, an allocator of its own)");

    // malloc's own part of small blocks counts as explained: 22 bytes take 32.
    Diagnosis small = measured(Trend::growing, true);
    small.lines.lines[0].bytes_per_request = Interval{450, 440, 460};
    small.lines.accounting.live_delta_bytes = 22'000;
    small.lines.accounting.overhead_delta_bytes = 10'000;
    analysis::conclude(small);
    CHECK(small.reasons[0].starts_with("live heap of track.cpp:31 grew in every round"));
}

TEST_CASE("the headline line stands in the decisive reason, and a program without native lines gets its own tool") {
    Diagnosis leak = measured(Trend::growing, true);
    leak.lines.headline.emplace();
    leak.lines.headline->line = leak.lines.lines[0];
    leak.lines.headline->line.at = {"handle", "/src/server.cpp", 80};
    analysis::conclude(leak);
    CHECK(
        leak.reasons[0] ==
        "live heap of server.cpp:80 grew in every round, by 990 B per request; a cache bounded above 200,000 entries or data freed by a timer slower than 1s would look the same");

    Diagnosis python = outside(40);
    python.lines.unavailable = "lines of Python code cannot be recorded here; they can be had with `memray run` or tracemalloc";
    analysis::conclude(python);
    CHECK(python.verdict == Verdict::leak);
    CHECK(python.reasons[0] == "memory keeps growing; " + python.lines.unavailable);
    // What an allocator may hold back is no leak yet; and of lines that were not recorded nothing is said.
    Diagnosis little = outside(8);
    little.lines.lines.clear();
    little.lines.unavailable = python.lines.unavailable;
    analysis::conclude(little);
    CHECK(little.verdict == Verdict::inconclusive);
    CHECK(
        little.reasons[0] ==
        "memory grew by 8 MiB after the first round: an allocator may hold back 32 MiB, and growth beyond that would be a leak; a run of 920,000 "
        "requests would decide (--max-time 1m)");
    CHECK(little.reasons[1] == little.lines.unavailable);

    Diagnosis unrecorded = measured(Trend::stable, false);
    unrecorded.lines = {};
    unrecorded.lines.unavailable = "lines cannot be recorded: svc is linked statically";
    analysis::conclude(unrecorded);
    CHECK(unrecorded.verdict == Verdict::no_leak);
    CHECK(unrecorded.reasons[0].find("heap bytes") == std::string::npos);
}
