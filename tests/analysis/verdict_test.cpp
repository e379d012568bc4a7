#include <doctest/doctest.h>

#include <algorithm>

#include "analysis/collected_heap.hpp"
#include "analysis/verdict/verdict.hpp"
#include "verdict_fixture.hpp"

using namespace leakline;
using namespace leakline::test;

TEST_CASE("the two measurements are weighed as the header says") {
    CHECK(verdict_of(measured(Trend::growing, true)) == Verdict::leak);
    CHECK(verdict_of(measured(Trend::inconclusive, true)) == Verdict::leak);
    CHECK(verdict_of(measured(Trend::stable, true)) == Verdict::inconclusive);  // the longer run settled
    CHECK(verdict_of(outside(40)) == Verdict::leak);
    CHECK(verdict_of(outside(8)) == Verdict::inconclusive);
    CHECK(verdict_of(measured(Trend::stable, false)) == Verdict::no_leak);
    CHECK(verdict_of(measured(Trend::shrinking, false)) == Verdict::no_leak);
    CHECK(verdict_of(measured(Trend::inconclusive, false)) == Verdict::inconclusive);
}

TEST_CASE("what holds the growth is kept without a leaking line only where memory grows and may leak") {
    const auto keeps_holder = [](Diagnosis diagnosis) {
        diagnosis.held_by.emplace().holder.emplace().path = "app.cache";
        analysis::judge(diagnosis);
        return diagnosis.held_by.has_value();
    };
    CHECK(keeps_holder(measured(Trend::growing, true)));
    CHECK(keeps_holder(outside(40)));
    CHECK(keeps_holder(outside(8)));
    CHECK_FALSE(keeps_holder(measured(Trend::stable, false)));
    CHECK_FALSE(keeps_holder(measured(Trend::inconclusive, false)));
}

TEST_CASE("a few growing kilobytes in a service whose memory is stable are bookkeeping, or too little to decide") {
    Diagnosis crumbs = measured(Trend::stable, true, 4096);
    crumbs.lines.lines[0].bytes_per_request = Interval{0.04, 0.03, 0.05};
    CHECK(verdict_of(crumbs) == Verdict::no_leak);

    Diagnosis short_run = measured(Trend::inconclusive, true, 4096);
    analysis::judge(short_run);
    CHECK(short_run.verdict == Verdict::inconclusive);
    CHECK(short_run.reasons[0] ==
          "live heap allocated at track.cpp:31 grew in every round, by 990 B per request, but by only 4 KiB in total, "
          "which may still be warm-up: rerun with more requests");
    CHECK(verdict_of(measured(Trend::growing, true, 4096)) == Verdict::leak);
}

TEST_CASE("the decisive reason names the line, and a leak outside of the heap says where to look") {
    Diagnosis leak = measured(Trend::growing, true);
    analysis::judge(leak);
    CHECK(
        leak.reasons[0] ==
        "live heap allocated at track.cpp:31 grew in every round, by 990 B per request; a cache with a limit of more than 200,000 entries or data "
        "that a timer frees after more than 1s would look the same");
    CHECK(leak.reasons[1] == "memory during the run: seen so");

    Diagnosis mapped = outside(40);
    analysis::judge(mapped);
    CHECK(mapped.reasons[0] ==
          "memory keeps growing, but no source line does: it grows outside of what the recorder sees (mmap, "
          "thread stacks, fragmentation, a custom allocator)");
}

TEST_CASE("memory that a line held and let go of again is no leak outside of the heap") {
    Diagnosis timed = measured(Trend::growing, false);
    timed.lines.lines[0].live_first_bytes = 1 << 20;
    timed.lines.lines[0].live_peak_bytes = 7 << 20;  // of 8 MiB that memory grew by
    analysis::judge(timed);
    CHECK(timed.verdict == Verdict::inconclusive);
    CHECK(
        timed.reasons[0] ==
        "memory grew until the end of the first run, but in the recorded run the heap bytes that explain it (track.cpp:31, up to 7 MiB) stopped "
        "growing or were freed, as in a cache that a timer cleans: rerun with longer rounds (--min-round)");

    // It had filled before, and cannot be what memory grew by.
    Diagnosis mapped = outside(40);
    mapped.lines.lines[0].live_first_bytes = 5 << 20;
    mapped.lines.lines[0].live_peak_bytes = 7 << 20;
    CHECK(verdict_of(mapped) == Verdict::leak);
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
    analysis::judge(unknown);
    CHECK(unknown.verdict == Verdict::leak);
    CHECK(
        unknown.reasons[0] ==
        "memory keeps growing, and 7 MiB of it is live heap whose source lines are not known (no debug info, or names could not be read: see "
        "the warnings)");
}

TEST_CASE("memory that grows by less than what was allocated and not used before is no leak yet") {
    Diagnosis ring = outside(100);
    ring.lines.lines[0].live_first_bytes = ring.lines.lines[0].live_last_bytes = std::int64_t{1} << 30;
    analysis::judge(ring);
    CHECK(ring.verdict == Verdict::inconclusive);
    CHECK(ring.reasons[0].starts_with(
        "memory grows and no source line does, but at least 912 MiB of the live heap was not used yet (most was allocated at track.cpp:31, 1 GiB): "
        "its first use would look the same; to decide, run at least "));
    // What grows is live heap whose lines are not known, which is no first use.
    Diagnosis unknown = ring;
    unknown.lines.accounting.unattributed_bytes = 90 << 20;
    CHECK(verdict_of(unknown) == Verdict::leak);
    // All of it is in use, and memory goes on.
    ring.series.value = {1000 * kMiB, 1100 * kMiB};
    CHECK(verdict_of(ring) == Verdict::leak);
}

TEST_CASE("the mappings of a collected heap are no leak of their own: memory decides") {
    Diagnosis node = outside(100);
    node.command = "node server.js";
    ResourceGrowth& mappings = node.resources.counts.emplace_back();
    mappings.resource = Resource::mappings;
    mappings.verdict = Trend::growing;
    mappings.growth = 400;
    mappings.kinds = {{"anonymous memory rw-p", {}, 400, true}};
    mappings.reasons = {"memory mappings leak"};
    Diagnosis native = node, files = node, undecided = node, level = node;
    undecided.trend.verdict = Trend::inconclusive;
    CHECK(verdict_of(undecided) == Verdict::inconclusive);
    level.trend.verdict = Trend::stable;
    CHECK(verdict_of(level) == Verdict::leak);
    analysis::judge(node);
    CHECK(node.verdict == Verdict::inconclusive);
    CHECK(node.resources.counts.empty());
    CHECK(node.warnings.back() == "memory mappings grew: they are parts of the heap of node, which is judged as memory");
    native.command = "./server";
    CHECK(verdict_of(native) == Verdict::leak);
    files.resources.counts[0].kinds.push_back({"/tmp/upload-*", {}, 5, true});
    CHECK(verdict_of(files) == Verdict::leak);
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

namespace {

// Live objects that were counted in eight rounds of 4,000 requests, after eight others.
CollectedHeap counted_objects(double per_request, double noise = 2'000) {
    CollectedHeap heap;
    heap.runtime = "java";
    for (int mark = 0; mark <= 8; ++mark) {
        heap.mark_seconds.push_back(8 + mark);
        heap.mark_requests.push_back(32'000 + 4'000.0 * mark);
        heap.live_bytes.push_back(12e6 + 4'000.0 * mark * per_request + noise * (mark % 3));
        heap.memory_bytes.push_back(90e6 + 1e5 * ((mark * 5) % 4));
    }
    heap.classes = {{"byte[]", 32'000 * per_request * 0.9, 32'000}, {"java.util.HashMap$Node", 32'000 * per_request * 0.1, 32'000}};
    analysis::judge_collected_heap(heap);
    return heap;
}

}  // namespace

TEST_CASE("a JVM whose live objects were counted is judged by them") {
    Diagnosis java = measured(Trend::stable, false);
    java.command = "java -Xmx1g Server";
    java.replay.completed = 64'000;
    Diagnosis flat = java, leak = java, few = java, coarse = java, filled = java;

    flat.collected = counted_objects(0);
    CHECK(flat.collected->verdict == Trend::stable);
    analysis::judge(flat);
    CHECK(flat.verdict == Verdict::no_leak);
    CHECK(flat.reasons[0] ==
          "java's live objects do not grow (11.4 MiB after a full collection in each of 8 rounds), and memory is stable");
    CHECK(*flat.trend.detectable_bytes_per_request == 50);  // memory's, which is the coarser

    // A heap that was not collected yet had grown.
    Diagnosis warming = flat;
    warming.collected = counted_objects(0);
    warming.trend = java.trend;
    warming.trend.verdict = Trend::growing;
    warming.trend.bytes_per_request = Interval{900, 800, 1000};
    Diagnosis outside_heap = warming;
    analysis::judge(warming);
    CHECK(warming.verdict == Verdict::no_leak);
    CHECK(warming.trend.verdict == Trend::stable);
    CHECK(std::abs(warming.trend.bytes_per_request->estimate) < 30);
    CHECK(std::any_of(warming.reasons.begin(), warming.reasons.end(), [](const std::string& reason) {
        return reason == "memory during the run: after full collections it does not grow (85.8 MiB at the end)";
    }));
    for (std::size_t mark = 0; mark < 9; ++mark) outside_heap.collected->memory_bytes[mark] += 3e6 * static_cast<double>(mark);
    analysis::judge_collected_heap(*outside_heap.collected);
    CHECK(verdict_of(outside_heap) != Verdict::no_leak);

    leak.collected = counted_objects(1'000);
    leak.collected->mark_requests.front() = 60'000;
    for (std::size_t i = 0; i < 9; ++i) leak.collected->mark_requests[i] = 60'000 + 4'000.0 * static_cast<double>(i);
    analysis::judge_collected_heap(*leak.collected);
    CHECK(leak.collected->verdict == Trend::growing);
    CHECK(leak.collected->bytes_per_request->estimate == doctest::Approx(1'000).epsilon(.01));
    analysis::judge(leak);
    CHECK(leak.verdict == Verdict::leak);
    CHECK(leak.growth.source == StatedGrowth::Source::objects);
    CHECK(
        leak.reasons[0] ==
        "java's live objects grow by 1000 B per request, counted after a full collection in each of 8 rounds: per request, byte[] (900 B in 1 object), "
        "java.util.HashMap$Node (100 B in 1 object); a cache with a limit of more than 92,000 entries would look the same");

    few.collected = counted_objects(1'000);  // in 64,000 requests
    CHECK(analysis::objects_undecided(few).has_value());
    analysis::judge(few);
    CHECK(few.verdict == Verdict::inconclusive);
    CHECK(few.still_filling);

    coarse.collected = counted_objects(0, 2e6);
    CHECK(analysis::objects_undecided(coarse).has_value());
    CHECK(verdict_of(coarse) == Verdict::inconclusive);

    // A map that was full in the third round.
    filled.collected = counted_objects(0);
    for (std::size_t mark = 0; mark < 2; ++mark) filled.collected->live_bytes[mark] -= 4e6 * (2.0 - static_cast<double>(mark));
    analysis::judge_collected_heap(*filled.collected);
    CHECK(filled.collected->verdict == Trend::stable);
    CHECK(verdict_of(filled) == Verdict::no_leak);
}

TEST_CASE("a service killed at its limit before it grew is inconclusive, and one whose lines grew is a leak by those lines") {
    Diagnosis small = measured(Trend::inconclusive, false);
    small.oom_kill = OomKill{0.4, 20, {}, {}, "OOM-killed at its limit of 2 MiB (peak 2 MiB)"};
    analysis::judge(small);
    CHECK(small.verdict == Verdict::inconclusive);
    CHECK(small.reasons[0] ==
          "the service was OOM-killed at its limit of 2 MiB (peak 2 MiB) before growth could be measured: the limit may be too low; "
          "rerun with a higher --memory-limit");

    Diagnosis lines = measured(Trend::inconclusive, true);
    lines.oom_kill = small.oom_kill;
    analysis::judge(lines);
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
    analysis::judge(timer);
    CHECK_FALSE(timer.trend.bytes_per_request);
    CHECK(timer.projected_bytes_per_hour->estimate == 1.4e9);
    CHECK(timer.trend.time_to_limit_h->estimate == doctest::Approx(500 * kMiB / 1.4e9));

    Diagnosis both = measured(Trend::growing, false);
    both.series.value[1] = 80 * kMiB;
    both.split = {Follows::both, Interval{100, 90, 110}, Interval{1e6, 9e5, 1.1e6}};
    analysis::judge(both);
    CHECK(both.trend.bytes_per_request->estimate == 100);
    CHECK(both.projected_bytes_per_hour->estimate == doctest::Approx(100 * 36000 + 1e6));
}

TEST_CASE("one kind of request that leaks is named beside the average over all") {
    Diagnosis leak = measured(Trend::growing, true);
    leak.endpoints = {{"POST /api/track", {1980, 1970, 1990}, true}, {"GET /healthz", {0, -1, 1}, false}};
    analysis::judge(leak);
    CHECK(std::find(leak.reasons.begin(), leak.reasons.end(),
                    "POST /api/track leaks 1.93 KiB per request; the figures per request above are averages over all kinds") !=
          leak.reasons.end());
}

TEST_CASE("no leak says what was seen; the headline says above what") {
    Diagnosis clean = measured(Trend::stable, false);
    analysis::judge(clean);
    CHECK(clean.reasons[0] == "no source line keeps growing, and memory is stable");
}

TEST_CASE("a run of too few requests to have seen a kept request does not say no leak") {
    Diagnosis coarse = measured(Trend::stable, false);
    coarse.trend.detectable_bytes_per_request = 3277;
    analysis::judge(coarse);
    CHECK(coarse.verdict == Verdict::inconclusive);
    CHECK(coarse.reasons[0] ==
          "after 200,000 requests, this run could detect only growth above 3.2 KiB per request: rerun with more requests");
}

TEST_CASE("time to limit is stated at the log's own rate, from the level before the traffic") {
    Diagnosis leak = measured(Trend::growing, true);
    analysis::judge(leak);
    // 500 MiB of head room at 1000 B per request and 10 requests a second: 524288000 / 10000 s = 14.56 h.
    REQUIRE(leak.trend.time_to_limit_h.has_value());
    CHECK(leak.trend.time_to_limit_h->estimate == doctest::Approx(14.5636).epsilon(1e-4));
    CHECK(leak.trend.time_to_limit_h->low == doctest::Approx(524288000.0 / 1100 / 36000));
    CHECK(leak.trend.time_to_limit_h->high == doctest::Approx(524288000.0 / 900 / 36000));

    Diagnosis clean = measured(Trend::stable, false);
    clean.trend.time_to_limit_h = Interval{1, 1, 1};
    analysis::judge(clean);
    CHECK_FALSE(clean.trend.time_to_limit_h.has_value());
}

TEST_CASE("traffic of which most failed makes the run invalid, and a few failures a warning") {
    Diagnosis lost = measured(Trend::stable, false);
    lost.replay.sent = 1000;
    lost.replay.statuses = {{200, 100}, {404, 900}};
    for (const Trend trend : {Trend::stable, Trend::growing}) {
        lost.resources.counts.emplace_back().verdict = trend;
        lost.resources.counts.back().reasons = {"counted"};
    }
    lost.connections.emplace();
    analysis::judge(lost);
    CHECK(lost.verdict == Verdict::invalid);
    // Nothing says that something does not grow.
    CHECK(lost.trend.verdict == Trend::inconclusive);
    CHECK_FALSE(lost.trend.detectable_bytes_per_request);
    REQUIRE(lost.resources.counts.size() == 1);
    CHECK(lost.resources.counts[0].verdict == Trend::growing);
    CHECK_FALSE(lost.connections);
    CHECK(lost.reasons[0] ==
          "too many requests failed: 10 % of 1,000 succeeded; most frequent: status 404 (900 times); --rewrite-path '^/old=>/new' "
          "changes paths, if --target is the right service");

    Diagnosis some = measured(Trend::stable, false);
    some.replay.sent = 1000;
    some.replay.statuses = {{200, 900}, {503, 60}};
    some.replay.failures[static_cast<std::size_t>(Failure::timeout)] = 40;
    analysis::judge(some);
    CHECK(some.verdict == Verdict::no_leak);
    REQUIRE(some.caveats.size() == 1);
    CHECK(some.caveats[0].starts_with("10.0 % of 1,000 requests failed; most frequent: status 503 (60 times)"));

    // Errors that the log has too are none: a log of a scanner's requests is answered with 404 throughout.
    Diagnosis as_recorded = measured(Trend::stable, false);
    as_recorded.replay.sent = 1000;
    as_recorded.replay.statuses = {{200, 100}, {404, 900}};
    as_recorded.replay.paths["GET /admin"] = {.sent = 1000, .completed = 1000, .errors = 900, .failed_as_recorded = 900, .latency = {}};
    analysis::judge(as_recorded);
    CHECK(as_recorded.verdict == Verdict::no_leak);
    CHECK(as_recorded.caveats.empty());

    Diagnosis none = measured(Trend::stable, false);
    none.replay = {};
    CHECK(verdict_of(none) == Verdict::invalid);
}

TEST_CASE("a run that failed is invalid, for the reasons that it failed for") {
    Diagnosis dead = measured(Trend::growing, true);
    dead.failures = {"the target died", "its last output: out of memory"};
    const Conclusion conclusion = analysis::conclude(analysis::restate(dead));
    CHECK(conclusion.verdict == Verdict::invalid);
    CHECK(conclusion.reasons == dead.failures);
    CHECK(conclusion.growth.source == StatedGrowth::Source::none);
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
    CHECK(*analysis::memory_undecided(diagnosis) ==
          "the confidence interval of growth (60 B/request to 70 B/request) contains the budget of 64 B/request; run longer");
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

TEST_CASE("a recording of few samples is made again with more where they leave the rate of a line open, or memory unexplained") {
    Diagnosis diagnosis = test::measured(Trend::growing, true, 8 << 20);
    LineGrowth& line = diagnosis.lines.lines[0];
    line.follows = Follows::requests;
    CHECK_FALSE(analysis::finer_recording(diagnosis).has_value());  // every block was recorded
    diagnosis.lines.totals.sampling = Sampling{.interval = 65536};
    line.growth_error_bytes = 0.04 * (8 << 20);
    CHECK_FALSE(analysis::finer_recording(diagnosis).has_value());
    line.growth_error_bytes = 0.06 * (8 << 20);
    REQUIRE(analysis::finer_recording(diagnosis).has_value());
    CHECK(analysis::finer_recording(diagnosis)->requests == 200'000);
    CHECK(analysis::finer_recording(diagnosis)->why == "the growth of track.cpp:31, 8 MiB +- 963 KiB, is known from few samples");
    line.growth_error_bytes = 0.0;
    line.follows = Follows::unknown;
    CHECK(analysis::finer_recording(diagnosis).has_value());

    diagnosis = test::measured(Trend::growing, false);
    diagnosis.lines.totals.sampling = Sampling{.interval = 65536};
    REQUIRE(analysis::finer_recording(diagnosis).has_value());
    CHECK(analysis::finer_recording(diagnosis)->why ==
          "memory grows and no line does, in a recording of one block for each 64 KiB allocated");
    diagnosis.max_growth = Growth{64, Growth::Per::request};
    CHECK_FALSE(analysis::finer_recording(diagnosis).has_value());
    diagnosis = test::measured(Trend::stable, false);
    diagnosis.lines.totals.sampling = Sampling{.interval = 65536};
    CHECK_FALSE(analysis::finer_recording(diagnosis).has_value());
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
    diagnosis.endpoints = {{"GET /items", {0, -1, 1}, false}};
    analysis::judge(diagnosis);
    CHECK(diagnosis.verdict == Verdict::invalid);
    CHECK(diagnosis.endpoints.empty());
    CHECK(diagnosis.reasons.front() == "the traffic was not sent as planned: send lag p99 2 s is above 100 ms");
}

TEST_CASE("figures that round to the same text are told apart in bytes") {
    Diagnosis diagnosis;
    diagnosis.trend.verdict = Trend::growing;
    diagnosis.trend.bytes_per_request = Interval{1138, 1137.5, 1139};
    diagnosis.max_growth = Growth{1138, Growth::Per::request};
    CHECK(analysis::memory_undecided(diagnosis) ==
          std::optional<std::string>(
              "the confidence interval of growth (1137.5 B/request to 1139 B/request) contains the budget of 1138 B/request; run longer"));
}

TEST_CASE("lines that explain less than half of memory's growth are not named as the ones at fault") {
    Diagnosis elsewhere = measured(Trend::growing, true);
    elsewhere.lines.lines[0].bytes_per_request = Interval{4, 3, 5};
    elsewhere.trend.bytes_per_request = Interval{845, 840, 850};
    elsewhere.lines.accounting.rss_delta_bytes = 8 << 20;
    elsewhere.lines.accounting.other_delta_bytes = 7 << 20;
    analysis::judge(elsewhere);
    CHECK(elsewhere.verdict == Verdict::leak);
    CHECK(
        elsewhere.reasons[0] ==
        "memory grows by 845 B per request, of which the leaking lines explain 0 %: most of the growth is outside of malloc (mmap, thread "
        "stacks, a custom allocator)");

    // malloc's own part of small blocks counts as explained: 22 bytes take 32.
    Diagnosis small = measured(Trend::growing, true);
    small.lines.lines[0].bytes_per_request = Interval{450, 440, 460};
    small.lines.accounting.live_delta_bytes = 22'000;
    small.lines.accounting.overhead_delta_bytes = 10'000;
    analysis::judge(small);
    CHECK(small.reasons[0].starts_with("live heap allocated at track.cpp:31 grew in every round"));
}

TEST_CASE("the headline line stands in the decisive reason, and a program without native lines gets its own tool") {
    Diagnosis leak = measured(Trend::growing, true);
    leak.lines.headline.emplace();
    leak.lines.headline->line = leak.lines.lines[0];
    leak.lines.headline->line.at = {"handle", "/src/server.cpp", 80};
    analysis::judge(leak);
    CHECK(
        leak.reasons[0] ==
        "live heap allocated at server.cpp:80 grew in every round, by 990 B per request; a cache with a limit of more than 200,000 entries or data that a timer frees after more than 1s would look the same");

    Diagnosis python = outside(40);
    python.lines.unavailable = "lines of Python code cannot be recorded here; to get them, use `memray run` or tracemalloc";
    analysis::judge(python);
    CHECK(python.verdict == Verdict::leak);
    CHECK(python.reasons[0] == "memory keeps growing; " + python.lines.unavailable);
    // What an allocator may hold back is no leak yet; and of lines that were not recorded nothing is said.
    Diagnosis little = outside(8);
    little.lines.lines.clear();
    little.lines.unavailable = python.lines.unavailable;
    analysis::judge(little);
    CHECK(little.verdict == Verdict::inconclusive);
    CHECK(
        little.reasons[0] ==
        "memory grew by 8 MiB after the first round: an allocator may retain 32 MiB; only growth beyond that would be a leak; to decide, run at least 920,000 "
        "requests (--max-time 1m)");
    CHECK(little.reasons[1] == little.lines.unavailable);

    Diagnosis unrecorded = measured(Trend::stable, false);
    unrecorded.lines = {};
    unrecorded.lines.unavailable = "lines cannot be recorded: svc is linked statically";
    analysis::judge(unrecorded);
    CHECK(unrecorded.verdict == Verdict::no_leak);
    CHECK(unrecorded.reasons[0].find("heap bytes") == std::string::npos);
}

TEST_CASE("growth with time in a soak that an allocator may retain is no leak yet") {
    const auto soaked = [](double mib, double detectable_mib_per_hour) {
        Diagnosis diagnosis = outside(mib);
        diagnosis.trend.slope_bytes_per_hour = {mib * kMiB, 0.9 * mib * kMiB, 1.1 * mib * kMiB};
        diagnosis.trend.detectable_bytes_per_hour = detectable_mib_per_hour * kMiB;
        diagnosis.soak.emplace();
        diagnosis.soak->growth = Soak::Growth::with_time;
        diagnosis.soak->reason = "growth depends on time, not on requests";
        analysis::judge(diagnosis);
        return diagnosis;
    };
    const Diagnosis little = soaked(13, 1);
    CHECK(little.verdict == Verdict::inconclusive);
    CHECK(little.reasons[0].starts_with(
        "memory grew by 13 MiB after the warm-up without a source line that grows: an allocator may retain 32 MiB"));
    CHECK(little.reasons[0].ends_with("rerun with a longer soak (--soak-time)"));
    const Diagnosis unclear = soaked(60, 40);
    CHECK(unclear.verdict == Verdict::inconclusive);
    CHECK(unclear.reasons[0].find("less than twice the detection limit") != std::string::npos);
    const Diagnosis leak = soaked(60, 1);
    CHECK(leak.verdict == Verdict::leak);
    CHECK(leak.reasons[0] == "growth depends on time, not on requests");
}

TEST_CASE("one of several workers that grew much more than busier ones makes no leak inconclusive") {
    const auto with = [](double growth_mib, double cpu_s, const char* name = "worker") {
        Diagnosis diagnosis = measured(Trend::stable, false);
        ProcessTree& tree = diagnosis.resources.tree;
        tree.seen = tree.most = 3;
        tree.recorded_cpu_s = 4;
        const auto add = [&](int pid, double growth, double cpu, const char* of) {
            ProcessGrowth process;
            process.pid = pid;
            process.name = of;
            process.recorded = true;
            process.first_bytes = 9 * kMiB;
            process.last_bytes = (9 + growth) * kMiB;
            process.cpu_s = cpu;
            tree.processes.push_back(process);
        };
        add(11, growth_mib, cpu_s, name);
        add(12, 0.25, 2.1, "worker");
        add(13, 0.1, 1.3, "worker");
        return diagnosis;
    };
    Diagnosis uneven = with(3.5, 0.4);
    analysis::judge(uneven);
    CHECK(uneven.verdict == Verdict::inconclusive);
    CHECK(
        uneven.reasons[0] ==
        "worker (pid 11) grew by 3.5 MiB, and processes of that name that were twice as busy by at most 256 KiB: it may leak and have got few "
        "requests since; rerun with more connections (--connections 32) or --connection-per-request, so that each process gets requests in "
        "each round");
    CHECK(verdict_of(with(0.9, 0.4)) == Verdict::no_leak);            // too little for a leak that matters
    CHECK(verdict_of(with(3.5, 9)) == Verdict::no_leak);              // it did most of the work
    CHECK(verdict_of(with(3.5, 0.4, "master")) == Verdict::no_leak);  // not one of them
}
