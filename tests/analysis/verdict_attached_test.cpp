// Verdicts about a process that ran before it was recorded.
#include <doctest/doctest.h>

#include "analysis/verdict/verdict.hpp"
#include "verdict_fixture.hpp"

using namespace leakline;
using namespace leakline::test;

namespace {

// in_use: growth of what malloc has handed out, as a share of the lines' growth; nothing: not known.
Diagnosis attached(Trend memory, std::optional<double> in_use, std::int64_t growth = 8 << 20) {
    Diagnosis diagnosis = measured(memory, true, growth);
    diagnosis.series.value[1] = 60 * kMiB;  // more than allocators retain
    diagnosis.lines.attached = true;
    diagnosis.lines.accounting.live_delta_bytes = growth;
    if (in_use) diagnosis.lines.accounting.older_freed_bytes = static_cast<std::int64_t>((1 - *in_use) * static_cast<double>(growth));
    analysis::judge(diagnosis);
    return diagnosis;
}

}  // namespace

TEST_CASE("what malloc has handed out confirms a line that grows since the attach") {
    CHECK(attached(Trend::growing, 0.9).verdict == Verdict::leak);
    CHECK(reported_line(attached(Trend::growing, 0.9)) != nullptr);
    CHECK(attached(Trend::growing, {}).verdict == Verdict::leak);
}

TEST_CASE("blocks that replace older ones are no leak, as in a cache that was full before the attach") {
    const Diagnosis full = attached(Trend::stable, 0.0);
    CHECK(full.verdict == Verdict::no_leak);
    REQUIRE(!full.warnings.empty());
    CHECK(full.warnings.back() ==
          "blocks allocated at track.cpp:31 since the attach grew by 8 MiB, but malloc has handed out no more memory: they replaced older "
          "blocks, as in a cache that is full");
}

TEST_CASE("growth since the attach that neither malloc nor memory confirms is undecided, never no leak") {
    const Diagnosis unknown = attached(Trend::stable, {});
    CHECK(unknown.verdict == Verdict::inconclusive);
    CHECK(unknown.reasons.front().find("but memory did not: either they replace older blocks") != std::string::npos);
    CHECK(attached(Trend::stable, 0.2).verdict == Verdict::inconclusive);
}

TEST_CASE("memory that grows while lines replace older blocks is a leak without a line") {
    const Diagnosis other = attached(Trend::growing, 0.1);
    CHECK(other.verdict == Verdict::leak);
    CHECK(reported_line(other) == nullptr);
    CHECK(other.lines.unavailable.find("so the line that leaks is not known") != std::string::npos);
}
