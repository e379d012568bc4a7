// A leak or a cache that is still filling.
#include <doctest/doctest.h>

#include <algorithm>

#include "analysis/verdict/verdict.hpp"
#include "verdict_fixture.hpp"

using namespace leakline;
using namespace leakline::test;

TEST_CASE("a leak always says what would look the same, in its first reason") {
    Diagnosis leak = measured(Trend::growing, true);
    leak.lines.window_end = std::chrono::seconds(9);
    leak.lines.lines[0].allocations = 200'000;  // a temporary on the same line as well
    leak.lines.lines[0].live_last_blocks = 90'000;
    leak.lines.lines[0].kept_entries = 45'000;  // of two blocks
    leak.lines.mark_requests = {10'000, 60'000};
    CHECK(verdict_of(leak) == Verdict::leak);
    analysis::judge(leak);
    CHECK(
        leak.reasons[0] ==
        "live heap allocated at track.cpp:31 grew in every round, by 990 B per request; a cache with a limit of more than 180,000 entries "
        "or data that a timer frees after more than 9s would look the same");
}

TEST_CASE("a short run of a line that grows says leak or a cache that is still filling, with the option that decides") {
    Diagnosis filling = measured(Trend::growing, true);
    run_of(filling, 20'000, 1);
    filling.rounds.resize(8);
    filling.series.seconds = {0, 4};
    filling.replay.fresh = {"field request_id"};
    Diagnosis accepted = filling, fixed = filling;
    analysis::judge(filling);
    CHECK(filling.verdict == Verdict::inconclusive);
    CHECK(filling.still_filling);
    CHECK(
        filling.reasons[0] ==
        "live heap allocated at track.cpp:31 grew in every round, by 990 B per request; 20,000 requests left about 20,000 entries there, none "
        "freed yet; a cache with a higher limit would look the same; to decide, run at least 160,000 requests (--max-time 2m)");
    CHECK(
        filling.reasons[1] ==
        "field request_id gets new values each time the log is repeated; if growth stops after the first round with --no-fresh, the cause is a map "
        "with this key");
    analysis::judge(accepted, {.filling_is_leak = true});
    CHECK(accepted.verdict == Verdict::leak);
    CHECK_FALSE(accepted.still_filling);
    analysis::judge(fixed, {.extends = false});
    CHECK(fixed.reasons[0].ends_with("to decide, run at least 160,000 requests (--rounds 63, about 2m)"));

    // No request fills what grows by itself.
    Diagnosis timer = measured(Trend::growing, true);
    run_of(timer, 20'000, 1);
    timer.lines.lines[0].follows = Follows::time;
    timer.lines.lines[0].bytes_per_hour_by_time = Interval{1e9, 9e8, 1.1e9};
    timer.lines.lines[0].bytes_per_request.reset();
    CHECK(verdict_of(timer) == Verdict::leak);
    // Nor the vector of pointers to it, whose doublings follow nothing.
    LineGrowth pointers = timer.lines.lines[0];
    pointers.at.line = 33;
    pointers.growth_class = GrowthClass::container_doubling;
    pointers.follows = Follows::unknown;
    pointers.bytes_per_hour_by_time.reset();
    pointers.growth_bytes /= 1000;
    timer.lines.lines.push_back(pointers);
    CHECK(verdict_of(timer) == Verdict::leak);
    timer.lines.lines[1].growth_bytes *= 500;
    CHECK(verdict_of(timer) == Verdict::inconclusive);
}

TEST_CASE("what would decide has the memory that it takes, where a run may not use as much") {
    Diagnosis filling = measured(Trend::growing, true);
    run_of(filling, 20'000, 0.1);
    filling.lines.lines[0].allocations = 20'000;
    filling.series.value = {100 * kMiB, 600 * kMiB};  // 10 times as much for 150,000 entries; 1 GiB of large entries would decide sooner
    using analysis::MemoryRoom;
    const auto decides = [&](std::optional<MemoryRoom> room) {
        Diagnosis judged = filling;
        analysis::judge(judged, {.room = room});
        REQUIRE(judged.verdict == Verdict::inconclusive);
        const std::string& reason = judged.reasons[0];
        return reason.substr(std::min(reason.find("to decide, "), reason.size()));
    };
    constexpr auto gib = static_cast<Bytes>(1024 * kMiB);
    CHECK(decides(std::nullopt) == "to decide, run at least 110,000 requests (--max-time 1m)");
    CHECK(decides(MemoryRoom{8 * gib, 16 * gib}) == "to decide, run at least 110,000 requests (--max-time 1m)");
    CHECK(decides(MemoryRoom{2 * gib, 16 * gib}) == "to decide, run at least 110,000 requests (--max-time 1m, --max-memory 4GiB)");
    CHECK(decides(MemoryRoom{gib, 2 * gib}) ==
          "to decide, run at least 110,000 requests on a machine with at least 4GiB of free memory (--max-time 1m, --max-memory 4GiB)");
    filling.series.value = {10 * kMiB, 20 * kMiB};
    CHECK(decides(MemoryRoom{100 << 20, 16 * gib}).ends_with(", --max-memory 997MiB)"));
}

TEST_CASE("a leak that accelerates has its average and its rate at the end") {
    Diagnosis leak = measured(Trend::growing, true);
    leak.trend.growth_class = "accelerating";
    leak.series.value = {12 * kMiB, 212 * kMiB};
    leak.series.requests = {0, 200'000};
    leak.trend.bytes_per_request = Interval{2000, 1900, 2100};
    Diagnosis even = leak;
    analysis::judge(leak);
    CHECK(leak.verdict == Verdict::leak);
    CHECK(std::count(
              leak.reasons.begin(), leak.reasons.end(),
              "growth accelerates: lines grew by 990 B per request on average, memory by 1.95 KiB per request at the end of the run") == 1);
    even.trend.bytes_per_request = Interval{1000, 900, 1100};
    analysis::judge(even);
    for (const std::string& reason : even.reasons) CHECK(reason.find("accelerates") == std::string::npos);
}

TEST_CASE("memory that grows by a few bytes per request, and no line, is no leak above what it may grow by") {
    Diagnosis full = measured(Trend::growing, false);
    full.trend.bytes_per_request = Interval{6.4, 5.9, 7};
    full.trend.detectable_bytes_per_request = 2.8;
    full.lines.mark_seconds = {0, 5};
    Diagnosis without_lines = full, undecided = full, more = full;
    analysis::judge(full);
    CHECK(full.verdict == Verdict::no_leak);
    CHECK(full.trend.detectable_bytes_per_request == 7);
    undecided.trend.verdict = Trend::inconclusive;
    CHECK(verdict_of(undecided) == Verdict::no_leak);
    more.trend.bytes_per_request->high = 9;
    CHECK(verdict_of(more) == Verdict::inconclusive);
    without_lines.lines.unavailable = "lines cannot be recorded";
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
    analysis::judge(filled);
    CHECK(filled.verdict == Verdict::no_leak);
    CHECK_FALSE(filled.lines.lines[0].leaking);
    CHECK_FALSE(filled.lines.headline->line.leaking);
    CHECK(filled.growth.source == StatedGrowth::Source::memory);
    REQUIRE(filled.warnings.size() == 1);
    CHECK(
        filled.warnings[0] ==
        "track.cpp:31 still grew at the end of the recorded run, which is slower; memory stopped growing within the 200,000 requests of the run "
        "without the recorder, as it does when a cache is full");

    // A heap that still grows a little does not mean that what the line kept leaks.
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
    // More requests would decide nothing, unless another line leaks by them.
    run_of(sessions, 50'000, 0.1);
    line.live_last_blocks = line.kept_entries = 64;
    CHECK_FALSE(analysis::longer_run(sessions).has_value());
    Diagnosis by_both = sessions;
    by_both.lines.lines.push_back(line);
    by_both.lines.lines[1].bytes_per_connection.reset();
    CHECK(analysis::longer_run(by_both).has_value());
    Diagnosis undecided = sessions;
    analysis::judge(undecided);
    CHECK(undecided.verdict == Verdict::inconclusive);
    CHECK(undecided.still_filling);
    CHECK(undecided.reasons[0].starts_with("track.cpp:31 leaks 8 KiB per connection"));
    CHECK(undecided.reasons[0].find("; a cache of more than 2,000 sessions would look the same: to decide, run at least ") !=
          std::string::npos);

    sessions.connections->long_run = LongConnectionRun{80'000, 6.4e8, Trend::growing, Interval{8000, 7900, 8100}, {}};
    CHECK_FALSE(analysis::longer_connection_run(sessions).has_value());
    CHECK(verdict_of(sessions) == Verdict::leak);
    sessions.connections->long_run = LongConnectionRun{80'000, 1e8, Trend::growing, {}, {}};  // something else grew
    CHECK(verdict_of(sessions) == Verdict::inconclusive);

    sessions.trend.verdict = Trend::stable;
    sessions.connections->long_run = LongConnectionRun{80'000, 2e8, Trend::growing, Interval{20, 10, 30}, {}};
    analysis::judge(sessions);
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
    analysis::judge(both);
    CHECK(both.verdict == Verdict::inconclusive);
    CHECK(both.reasons[0].find("20,000 requests left about 20,000 entries there") != std::string::npos);
    CHECK(both.reasons[1].starts_with("track.cpp:90 leaks 8 KiB per connection"));

    both.connections->connections = 200'000;
    both.reasons.clear();
    analysis::judge(both);
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
    grows.lines.unavailable = "lines of Python code cannot be recorded here";
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

TEST_CASE("more entries than the log has requests, which were sent again as they are, are no cache with a key from them") {
    Diagnosis repeated = measured(Trend::growing, true);
    run_of(repeated, 20'000, 1);
    repeated.replay.log_requests = 200;
    Diagnosis fresh = repeated, distinct = repeated;
    analysis::judge(repeated);
    CHECK(repeated.verdict == Verdict::inconclusive);
    CHECK(repeated.reasons[0].find("; a queue or history with a higher limit would look the same; ") != std::string::npos);
    CHECK(repeated.reasons[1] ==
          "a cache whose keys are in the requests is ruled out: the 200 requests of the log were repeated unchanged, and left more "
          "entries than the log has requests");
    fresh.replay.fresh = {"field request_id"};
    distinct.replay.log_requests = 15'000;
    for (Diagnosis* keyed : {&fresh, &distinct}) {
        analysis::judge(*keyed);
        CHECK(keyed->reasons[0].find("; a cache with a higher limit would look the same; ") != std::string::npos);
    }
}

TEST_CASE("growth by time asks for no more requests: nothing fills a cache by itself") {
    Diagnosis timer = measured(Trend::growing, true);
    run_of(timer, 20'000, 0.01);
    LineGrowth& line = timer.lines.lines[0];
    line.follows = Follows::time;
    line.bytes_per_hour_by_time = Interval{1e9, 9e8, 1.1e9};
    line.bytes_per_request.reset();
    CHECK_FALSE(analysis::longer_run(timer).has_value());
    CHECK(verdict_of(timer) == Verdict::leak);
    line.follows = Follows::requests;
    line.bytes_per_hour_by_time.reset();
    line.bytes_per_request = Interval{990, 980, 1000};
    CHECK(analysis::longer_run(timer).has_value());

    // The same of the bare run, whose quiet times show it before lines are known.
    Diagnosis bare;
    bare.trend.verdict = Trend::growing;
    bare.series.seconds = {0, 8};
    bare.series.value = {1e6, 2e7};
    bare.series.requests = {0, 40'000};
    bare.split.follows = Follows::both;
    CHECK(analysis::growth_unproven(bare).has_value());
    bare.split.follows = Follows::time;
    CHECK_FALSE(analysis::growth_unproven(bare).has_value());
}

TEST_CASE("where memory seems to follow requests and time, and lines that explain nearly all of it follow one, it follows that one") {
    Diagnosis timer = measured(Trend::growing, true);
    timer.trend.slope_bytes_per_hour = Interval{1e9, 9e8, 1.1e9};
    timer.split = {Follows::both, Interval{13, 4, 22}, Interval{7e8, 3e8, 1.1e9}};
    LineGrowth& line = timer.lines.lines[0];
    Diagnosis requests = timer;
    line.follows = Follows::time;
    line.bytes_per_request.reset();
    line.bytes_per_hour_by_time = Interval{9.5e8, 9e8, 1e9};
    Diagnosis half = timer;
    half.lines.lines[0].bytes_per_hour_by_time = Interval{5e8, 4e8, 6e8};
    requests.lines.lines[0].follows = Follows::requests;
    for (Diagnosis* diagnosis : {&timer, &half, &requests}) analysis::judge(*diagnosis);
    CHECK(timer.growth.split.follows == Follows::time);
    CHECK_FALSE(timer.growth.split.bytes_per_request);
    CHECK(timer.growth.split.bytes_per_hour_by_time->estimate == 1e9);
    CHECK(half.growth.split.follows == Follows::both);
    CHECK(requests.growth.split.follows == Follows::requests);
    CHECK(requests.growth.split.bytes_per_request->estimate == 1000);
}

TEST_CASE("memory alone in a run of few requests may be a cache, and workers hold back as much each as one process") {
    Diagnosis python = outside(40);
    python.lines.unavailable = "lines of Python code cannot be recorded here";
    CHECK(verdict_of(python) == Verdict::leak);
    python.replay.sent = python.replay.completed = python.replay.statuses[200] = 16'000;
    CHECK(analysis::longer_run(python)->requests == 75'000);
    analysis::judge(python);
    CHECK(python.verdict == Verdict::inconclusive);
    CHECK(python.still_filling);
    CHECK(
        python.reasons[0] ==
        "memory grows, but a cache that is not full after the 16,000 requests of this run would look the same; to decide, run at least 75,000 requests "
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

TEST_CASE("a line that grew to the end in too few rounds to be significant asks for more of them") {
    Diagnosis few = measured(Trend::growing, true);
    LineGrowth& line = few.lines.lines[0];
    line.leaking = false;
    line.growth_class = GrowthClass::linear;
    line.live_first_bytes = 0;
    line.live_last_bytes = line.live_peak_bytes = line.growth_bytes = static_cast<std::int64_t>(few.series.value[1] - few.series.value[0]);
    few.lines.mark_requests = {0, 200'000};
    few.lines.mark_seconds = {0, 5};
    Diagnosis freed = few;
    const auto more = analysis::longer_recording(few);
    REQUIRE(more.has_value());
    CHECK(more->requests == 400'000);
    CHECK(more->why.find("track.cpp:31 grew to the end of the run, by ") == 0);
    analysis::judge(few);
    CHECK(few.verdict == Verdict::inconclusive);
    CHECK(few.reasons[0].ends_with("chance is not excluded: rerun with more rounds (--rounds)"));

    freed.lines.lines[0].live_last_bytes = 0;
    CHECK_FALSE(analysis::longer_recording(freed).has_value());
    analysis::judge(freed);
    CHECK(freed.reasons[0].find("stopped growing or were freed") != std::string::npos);
}

TEST_CASE("what nothing refers to any more is neither in a cache nor on a timer's list") {
    Diagnosis lost = measured(Trend::growing, true);
    lost.held_by = HeldBy{{}, 200'000, 8 << 20, false, {}};
    analysis::judge(lost);
    CHECK(lost.verdict == Verdict::leak);
    CHECK(lost.reasons[0] == "live heap allocated at track.cpp:31 grew in every round, by 990 B per request");
    // Python's collector may still free a cycle.
    lost.held_by->lost_in_cycles = true;
    lost.lines.runtime = Runtime::python;
    analysis::judge(lost);
    CHECK(lost.reasons[0].find(" would look the same") != std::string::npos);
}

TEST_CASE("what requests allocate for themselves explains no growth, however much of it a mark has met") {
    Diagnosis grows = outside(40);
    LineGrowth& line = grows.lines.lines[0];
    line.growth_bytes = 0;
    line.live_peak_bytes = 64 << 20;
    grows.lines.mark_requests = {0, {}, 100'000, {}, 200'000};
    line.live_at_marks = {0, 60e6, 0, 64e6, 0};
    CHECK(verdict_of(grows) == Verdict::leak);
    line.live_at_marks = {0, 60e6, 60e6, 64e6, 0};
    CHECK(verdict_of(grows) == Verdict::inconclusive);
}
