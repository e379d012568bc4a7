#include "analysis/verdict.hpp"

#include <doctest/doctest.h>

using namespace leakline;

namespace {

Diagnosis measured(Trend trend, bool line_leaks, std::int64_t line_growth = 8 << 20) {
    Diagnosis diagnosis;
    diagnosis.replay.read = diagnosis.replay.sent = diagnosis.replay.completed = 1000;
    diagnosis.replay.statuses[200] = 1000;
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
    diagnosis.lines.lines = {line};
    return diagnosis;
}

Verdict verdict_of(Diagnosis diagnosis) {
    analysis::conclude(diagnosis);
    CHECK_FALSE(diagnosis.reasons.empty());
    return diagnosis.verdict;
}

}  // namespace

TEST_CASE("the two witnesses are weighed as the header says") {
    CHECK(verdict_of(measured(Trend::growing, true)) == Verdict::leak);
    CHECK(verdict_of(measured(Trend::inconclusive, true)) == Verdict::leak);
    CHECK(verdict_of(measured(Trend::stable, true)) == Verdict::leak);
    CHECK(verdict_of(measured(Trend::growing, false)) == Verdict::leak);
    CHECK(verdict_of(measured(Trend::stable, false)) == Verdict::no_leak);
    CHECK(verdict_of(measured(Trend::shrinking, false)) == Verdict::no_leak);
    CHECK(verdict_of(measured(Trend::inconclusive, false)) == Verdict::inconclusive);
}

TEST_CASE("a few growing kilobytes in a service whose memory is stable are bookkeeping, or too little to tell") {
    Diagnosis crumbs = measured(Trend::stable, true, 4096);
    crumbs.lines.lines[0].bytes_per_request = Interval{0.04, 0.03, 0.05};
    CHECK(verdict_of(crumbs) == Verdict::no_leak);

    Diagnosis short_run = measured(Trend::stable, true, 4096);
    analysis::conclude(short_run);
    CHECK(short_run.verdict == Verdict::inconclusive);
    CHECK(short_run.reasons[0] ==
          "live heap bytes of track.cpp:31 grew in every round to the end, by 990 B a request, but by only 4 KiB in all, too "
          "little to tell from a service that still warms up: more requests would decide");
    CHECK(verdict_of(measured(Trend::growing, true, 4096)) == Verdict::leak);
}

TEST_CASE("the decisive reason names the line, and a leak outside of the heap says where to look") {
    Diagnosis leak = measured(Trend::growing, true);
    analysis::conclude(leak);
    CHECK(leak.reasons[0] == "live heap bytes of track.cpp:31 grew in every round to the end, by 990 B a request");
    CHECK(leak.reasons[1] == "memory, at the pace of the run: seen so");

    Diagnosis outside = measured(Trend::growing, false);
    analysis::conclude(outside);
    CHECK(outside.reasons[0] ==
          "memory grows to the end, but no line's live heap bytes do: it grows outside of what the recorder sees (mmap, "
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
    Diagnosis outside = measured(Trend::growing, false);
    outside.lines.lines[0].live_first_bytes = 5 << 20;
    outside.lines.lines[0].live_peak_bytes = 7 << 20;
    CHECK(verdict_of(outside) == Verdict::leak);
}

TEST_CASE("a leak none of whose blocks was freed says that timed cleaning would look the same") {
    const auto last_reason = [](std::int64_t kept) {
        Diagnosis leak = measured(Trend::growing, true);
        leak.lines.window_end = std::chrono::seconds(9);
        leak.lines.lines[0].allocations = 1000;
        leak.lines.lines[0].live_last_blocks = kept;
        CHECK(verdict_of(leak) == Verdict::leak);
        analysis::conclude(leak);
        return leak.reasons.back();
    };
    CHECK(last_reason(1000) ==
          "nothing from track.cpp:31 was freed in the 9s that were recorded; what a service frees by the clock after longer than that looks "
          "the same, so where this one does, give it longer rounds (--min-round) or a soak");
    CHECK(last_reason(900) == "memory, at the pace of the run: seen so");
}

TEST_CASE("no leak always says above what") {
    Diagnosis clean = measured(Trend::stable, false);
    analysis::conclude(clean);
    CHECK(clean.reasons[0] == "no line's live heap bytes grow to the end, and memory is stable: no leak above 50 B a request");
}

TEST_CASE("a run of too few requests to have seen a kept request does not say no leak") {
    Diagnosis coarse = measured(Trend::stable, false);
    coarse.trend.detectable_bytes_per_request = 3277;
    analysis::conclude(coarse);
    CHECK(coarse.verdict == Verdict::inconclusive);
    CHECK(coarse.reasons[0] ==
          "after 1,000 requests this run could only have seen growth above 3.2 KiB a request: more requests would decide");
}

TEST_CASE("time to limit is stated at the log's own rate, from the level before the traffic") {
    Diagnosis leak = measured(Trend::growing, true);
    analysis::conclude(leak);
    // 500 MiB of head room at 1000 B a request and 10 requests a second: 524288000 / 10000 s = 14.56 h.
    REQUIRE(leak.trend.time_to_limit_h.has_value());
    CHECK(leak.trend.time_to_limit_h->estimate == doctest::Approx(14.5636).epsilon(1e-4));
    CHECK(leak.trend.time_to_limit_h->low == doctest::Approx(524288000.0 / 1100 / 36000));
    CHECK(leak.trend.time_to_limit_h->high == doctest::Approx(524288000.0 / 900 / 36000));

    Diagnosis clean = measured(Trend::stable, false);
    clean.trend.time_to_limit_h = Interval{1, 1, 1};
    analysis::conclude(clean);
    CHECK_FALSE(clean.trend.time_to_limit_h.has_value());
}

TEST_CASE("traffic that did not land makes the run invalid, and a few failures a warning") {
    Diagnosis lost = measured(Trend::stable, false);
    lost.replay.statuses = {{200, 100}, {404, 900}};
    analysis::conclude(lost);
    CHECK(lost.verdict == Verdict::invalid);
    CHECK(lost.reasons[0] ==
          "the traffic did not land: 10 % of 1,000 requests succeeded, most often status 404 (900 times)");

    Diagnosis some = measured(Trend::stable, false);
    some.replay.statuses = {{200, 900}, {503, 60}};
    some.replay.failures[static_cast<std::size_t>(Failure::timeout)] = 40;
    analysis::conclude(some);
    CHECK(some.verdict == Verdict::no_leak);
    CHECK(some.warnings == std::vector<std::string>{"10.0 % of 1,000 requests did not succeed, most often status 503 (60 times)"});

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
    CHECK(with_budget(Trend::stable, false, 49) == Verdict::inconclusive);    // below what could be seen
    // 1000 B a request at 10 requests a second are 34.3 MiB/h.
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
    CHECK(analysis::memory_undecided(diagnosis) == std::optional<std::string>("this run could only have seen growth above 2 KiB a request"));
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
    CHECK(analysis::lines_undecided(diagnosis).has_value());
    diagnosis.max_growth = Growth{64, Growth::Per::request};
    CHECK_FALSE(analysis::lines_undecided(diagnosis).has_value());
    diagnosis.max_growth.reset();
    diagnosis.lines.lines[0].growth_bytes = 200'000;  // a leak by itself
    CHECK_FALSE(analysis::lines_undecided(diagnosis).has_value());
    diagnosis.lines.lines[0].growth_bytes = 20'000;
    diagnosis.lines.lines[0].bytes_per_request = Interval{0.1, 0, 0.2};  // odds and ends
    CHECK_FALSE(analysis::lines_undecided(diagnosis).has_value());
}

TEST_CASE("a replay that was not valid makes the diagnosis invalid, with the replay's reasons") {
    Diagnosis diagnosis;
    diagnosis.replay.sent = diagnosis.replay.completed = 100;
    diagnosis.replay.statuses[200] = 100;
    diagnosis.replay.valid = false;
    diagnosis.replay.reasons = {"send lag p99 2 s is above 100 ms"};
    analysis::conclude(diagnosis);
    CHECK(diagnosis.verdict == Verdict::invalid);
    CHECK(diagnosis.reasons.front() == "the traffic was not sent as it was meant to be: send lag p99 2 s is above 100 ms");
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
    elsewhere.lines.books.rss_delta_bytes = 8 << 20;
    elsewhere.lines.books.other_delta_bytes = 7 << 20;
    analysis::conclude(elsewhere);
    CHECK(elsewhere.verdict == Verdict::leak);
    CHECK(elsewhere.reasons[0] ==
          "memory grows by 845 B per request, of which lines explain 0 %: the growth is elsewhere, outside of malloc (mmap, thread "
          "stacks, an allocator of its own)");

    // malloc's own part of small blocks counts as explained: 22 bytes take 32.
    Diagnosis small = measured(Trend::growing, true);
    small.lines.lines[0].bytes_per_request = Interval{450, 440, 460};
    small.lines.books.live_delta_bytes = 22'000;
    small.lines.books.overhead_delta_bytes = 10'000;
    analysis::conclude(small);
    CHECK(small.reasons[0].starts_with("live heap bytes of track.cpp:31 grew in every round"));
}

TEST_CASE("the headline line stands in the decisive reason, and a program without native lines gets its own tool") {
    Diagnosis leak = measured(Trend::growing, true);
    leak.lines.headline.emplace();
    leak.lines.headline->line = leak.lines.lines[0];
    leak.lines.headline->line.at = {"handle", "/src/server.cpp", 80};
    analysis::conclude(leak);
    CHECK(leak.reasons[0] == "live heap bytes of server.cpp:80 grew in every round to the end, by 990 B a request");

    Diagnosis python = measured(Trend::growing, false);
    python.lines.unavailable = "lines of Python code cannot be recorded here; they can be had with `memray run` or tracemalloc";
    analysis::conclude(python);
    CHECK(python.verdict == Verdict::leak);
    CHECK(python.reasons[0] == "memory grows to the end; " + python.lines.unavailable);

    Diagnosis unrecorded = measured(Trend::stable, false);
    unrecorded.lines = {};
    unrecorded.lines.unavailable = "lines cannot be recorded: svc is linked statically";
    analysis::conclude(unrecorded);
    CHECK(unrecorded.verdict == Verdict::no_leak);
    CHECK(unrecorded.reasons[0].find("heap bytes") == std::string::npos);
}
