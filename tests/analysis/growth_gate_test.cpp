#include "analysis/growth_gate.hpp"

#include <doctest/doctest.h>

#include <limits>

#include "report/sample.hpp"

using namespace leakline;
using namespace leakline::analysis;

namespace {

// Two kinds of requests, of which one keeps 1000 to 1040 bytes each.
Diagnosis two_kinds(Verdict verdict = Verdict::leak) {
    Diagnosis diagnosis = test::sample_diagnosis();
    diagnosis.verdict = verdict;
    diagnosis.growth.split.follows = Follows::requests;
    diagnosis.resources = {};
    diagnosis.connections.reset();
    diagnosis.gates.clear();
    diagnosis.replay.paths = {{"GET /a", {}}, {"POST /b", {}}};
    diagnosis.endpoints = {{"POST /b", {1020, 1000, 1040}, true}, {"GET /a", {0, -2, 3}, false}};
    return diagnosis;
}

Gate gate(Diagnosis& diagnosis, const std::string& endpoint, double bytes) {
    const EndpointBudget budget{endpoint, bytes};
    hold_against_budgets(diagnosis, {&budget, 1});
    return diagnosis.gates.back();
}

}  // namespace

TEST_CASE("a kind of request above its budget fails, and a leak within its budget is accepted") {
    Diagnosis above = two_kinds();
    const Gate failed = gate(above, "POST /b", 999);
    CHECK(failed.name == "growth of POST /b at most 999 B/request");
    CHECK(failed.outcome == GateOutcome::failed);
    CHECK(failed.message == "growth of 1000 B to 1.02 KiB/request is above the budget of 999 B/request");
    CHECK_FALSE(above.accepted);

    Diagnosis within = two_kinds();
    CHECK(gate(within, "POST /b", 1040).outcome == GateOutcome::passed);
    CHECK(within.accepted);
    CHECK(within.verdict == Verdict::leak);

    Diagnosis unclear = two_kinds();
    CHECK(gate(unclear, "POST /b", 1020).outcome == GateOutcome::inconclusive);
    CHECK_FALSE(unclear.accepted);
}

TEST_CASE("a budget of one kind does not accept what others, connections or timers keep") {
    const EndpointBudget budgets[] = {{"POST /b", 2000}};
    const auto accepted = [&](auto change) {
        Diagnosis diagnosis = two_kinds();
        change(diagnosis);
        hold_against_budgets(diagnosis, budgets);
        return diagnosis.accepted;
    };
    CHECK(accepted([](Diagnosis&) {}));
    CHECK_FALSE(accepted([](Diagnosis& d) { d.endpoints[1].leaks = true; }));
    CHECK_FALSE(accepted([](Diagnosis& d) { d.growth.split.follows = Follows::both; }));
    CHECK_FALSE(accepted([](Diagnosis& d) { d.connections.emplace().leaks = true; }));
    CHECK_FALSE(accepted([](Diagnosis& d) { d.resources.counts.emplace_back().verdict = Trend::growing; }));
}

TEST_CASE("growth above a budget is a leak even where memory shows none, and an unknown growth leaves the verdict open") {
    Diagnosis small = two_kinds(Verdict::no_leak);
    CHECK(gate(small, "POST /b", 64).outcome == GateOutcome::failed);
    CHECK(small.verdict == Verdict::leak);
    CHECK(small.reasons.front() == "POST /b: growth of 1000 B to 1.02 KiB/request is above the budget of 64 B/request");

    Diagnosis infinite = two_kinds(Verdict::no_leak);
    infinite.endpoints[0].bytes_per_request.high = std::numeric_limits<double>::infinity();
    CHECK(gate(infinite, "POST /b", 64).outcome == GateOutcome::inconclusive);
    CHECK(infinite.verdict == Verdict::inconclusive);

    Diagnosis mistyped = two_kinds();
    CHECK(gate(mistyped, "POST /bb", 64).message == "the traffic has no such requests; did you mean 'POST /b'?");
}

TEST_CASE("with one kind of request, growth of the whole run is that of the kind") {
    Diagnosis one = two_kinds(Verdict::no_leak);
    one.endpoints.clear();
    one.replay.paths = {{"POST /b", {}}};
    one.growth.split.bytes_per_request.reset();
    one.trend.verdict = Trend::stable;
    one.trend.bytes_per_request.reset();
    one.trend.detectable_bytes_per_request = 12;
    CHECK(gate(one, "POST /b", 16).outcome == GateOutcome::passed);
    CHECK(gate(one, "POST /b", 8).outcome == GateOutcome::inconclusive);
}
