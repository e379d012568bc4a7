#include "analysis/coverage.hpp"

#include <doctest/doctest.h>

#include "analysis/verdict/verdict.hpp"

using namespace leakline;
using namespace leakline::analysis;

namespace {

Diagnosis served(const std::map<std::string, ReplayStats::PathStats>& paths, const std::vector<LeftOut>& left_out = {}) {
    Diagnosis diagnosis;
    ReplayStats& replay = diagnosis.replay;
    replay.paths = paths;
    replay.left_out = left_out;
    for (const auto& [name, path] : paths) {
        replay.sent += path.sent;
        replay.completed += path.sent;
        replay.statuses[200] += path.sent - path.errors;
        replay.statuses[404] += path.errors;
        replay.log_requests += path.sent / 8;
    }
    for (const LeftOut& left : left_out) replay.log_requests += left.requests;
    replay.read = replay.sent;
    diagnosis.trend.verdict = Trend::stable;
    diagnosis.trend.detectable_bytes_per_request = 50;
    diagnosis.coverage = coverage_of(replay);
    judge(diagnosis);
    return diagnosis;
}

ReplayStats::PathStats path(std::uint64_t sent, std::uint64_t errors = 0, std::uint64_t as_recorded = 0) {
    ReplayStats::PathStats stats;
    stats.sent = stats.completed = sent;
    stats.errors = errors;
    stats.failed_as_recorded = as_recorded;
    return stats;
}

}  // namespace

TEST_CASE("a log whose requests were all served is covered") {
    const Diagnosis all = served({{"GET /a", path(8000)}, {"POST /b", path(800)}});
    CHECK(all.verdict == Verdict::no_leak);
    CHECK(all.coverage.kinds.empty());
}

TEST_CASE("requests that were left out for want of a body make no leak inconclusive") {
    const Diagnosis lost = served({{"GET /a", path(8000)}}, {{"POST /b", LeftOutWhy::no_body, 412}, {"PUT /c", LeftOutWhy::no_body, 8}});
    CHECK(lost.verdict == Verdict::inconclusive);
    CHECK(
        lost.reasons[0] ==
        "420 of the log's 1,420 requests were not sent, because the log does not have their bodies: POST /b (412), PUT /c (8); they were not tested (use a log with bodies, or --allow-empty-body to send them without)");
    // One in a thousand is said, and no more.
    const Diagnosis few = served({{"GET /a", path(80'000)}}, {{"POST /b", LeftOutWhy::no_body, 10}});
    CHECK(few.verdict == Verdict::no_leak);
    CHECK(few.reasons[1].starts_with("10 of the log's 10,010 requests were not sent"));
}

TEST_CASE("a kind of request of which most failed is named, and a frequent one makes no leak inconclusive") {
    const Diagnosis often = served({{"GET /a", path(8000)}, {"POST /login", path(800, 700)}, {"POST /b", path(400, 100)}});
    CHECK(often.verdict == Verdict::inconclusive);
    CHECK(often.reasons[0] == "most requests of these kinds failed, so they were not tested: POST /login (700 of 800 failed)");
    const Diagnosis rare = served({{"GET /a", path(80'000)}, {"GET /favicon.ico", path(80, 80)}});
    CHECK(rare.verdict == Verdict::no_leak);
    CHECK(rare.reasons[1].ends_with("GET /favicon.ico (80 of 80 failed)"));
    // An error that the log has too is the service's answer.
    CHECK(served({{"GET /a", path(8000)}, {"GET /gone", path(2000, 2000, 2000)}}).coverage.kinds.empty());
}

TEST_CASE("no leak covers recorded identifiers alone where the service refused new ones") {
    const auto refused = [](std::uint64_t sent, std::uint64_t errors, std::uint64_t for_fresh) {
        ReplayStats replay;
        replay.paths["GET /items/*"] = path(sent, errors);
        replay.paths["GET /items/*"].refused_fresh = for_fresh;
        replay.paths["POST /orders"] = path(80'000);
        replay.not_fresh = {"GET /items/*"};
        Diagnosis diagnosis;
        diagnosis.replay = replay;
        diagnosis.replay.sent = diagnosis.replay.completed = diagnosis.replay.read = 80'000 + sent;
        diagnosis.replay.statuses = {{200, 80'000 + sent - errors}, {404, errors}};
        diagnosis.trend.verdict = Trend::stable;
        diagnosis.trend.detectable_bytes_per_request = 50;
        diagnosis.coverage = coverage_of(replay);
        judge(diagnosis);
        return diagnosis;
    };
    const Diagnosis served = refused(8000, 1000, 1000);
    CHECK(served.verdict == Verdict::no_leak);
    CHECK(served.coverage.kinds.empty());
    CHECK(served.reasons.back() ==
          "the verdict does not cover growth per new identifier for GET /items/*: the service rejected new identifiers, so "
          "these requests were sent with the recorded ones");
    // With the log's identifiers it fails as well, for another reason.
    const Diagnosis failed = refused(8000, 6000, 1000);
    CHECK(failed.verdict == Verdict::inconclusive);
    REQUIRE(failed.coverage.kinds.size() == 1);
    CHECK(failed.coverage.kinds[0].failed == 5000);
    CHECK(failed.coverage.kinds[0].sent == 7000);
}

TEST_CASE("what filters left out is named, and the verdict is that on the rest") {
    const Diagnosis filtered = served({{"GET /a", path(8000)}}, {{"GET /b", LeftOutWhy::filter, 500}});
    CHECK(filtered.verdict == Verdict::no_leak);
    CHECK(filtered.reasons[1] == "excluded by filters, and not covered by the verdict: GET /b (500)");
}

TEST_CASE("a leak stays a leak, whatever was not served") {
    // In so many requests a cache that is still filling is ruled out.
    Diagnosis leak = served({{"GET /a", path(160'000)}}, {{"POST /b", LeftOutWhy::no_body, 2000}});
    leak.lines.mark_requests = {0, 160'000};
    leak.reasons.clear();
    leak.verdict = Verdict::inconclusive;
    LineGrowth line;
    line.at = {"keep", "/app/a.cpp", 7};
    line.growth_bytes = 1 << 20;
    line.growth_class = GrowthClass::linear;
    line.leaking = true;
    line.bytes_per_request = Interval{100, 99, 101};
    line.live_last_blocks = line.kept_entries = 160'000;
    leak.lines.lines = {line};
    judge(leak);
    CHECK(leak.verdict == Verdict::leak);
    CHECK(leak.reasons[0].find("a.cpp:7") != std::string::npos);
    CHECK(leak.reasons.back().find("POST /b (2,000)") != std::string::npos);
}
