// Results of shards, added.
#include "replay/merge.hpp"

#include <doctest/doctest.h>

#include <random>

#include "base/error.hpp"
#include "replay/internal/histogram.hpp"
#include "report/json_read.hpp"
#include "report/report.hpp"
#include "support/loopback_server.hpp"
#include "support/replay_log.hpp"

using namespace leakline;
using namespace leakline::test;
using namespace leakline::replay;

namespace {

// As it is in the file.
ReplayStats stored(const ReplayStats& stats) { return report::read_replay(report::format_named("json").render(stats, {}), "a.json"); }

void check_same(const LatencySummary& found, const LatencySummary& expected) {
    CHECK(found.count == expected.count);
    CHECK(found.p50 == expected.p50);
    CHECK(found.p99 == expected.p99);
    CHECK(found.p999 == expected.p999);
    CHECK(found.max == expected.max);
    CHECK(found.buckets == expected.buckets);
    CHECK(found.mean == doctest::Approx(expected.mean));
}

std::string refusal(const std::vector<NamedStats>& parts) {
    try {
        merge(parts);
    } catch (const Error& error) {
        return error.what();
    }
    return "";
}

}  // namespace

TEST_CASE("histograms that went through text are added bucket by bucket") {
    std::mt19937_64 random(3);
    Histogram all, sum;
    for (int part = 0; part < 4; ++part) {
        Histogram one;
        for (int i = 0; i < 5000; ++i) {
            const Nanoseconds value(static_cast<std::int64_t>(random() >> (random() % 60)));
            one.record(value);
            all.record(value);
        }
        REQUIRE(sum.merge_text(one.summary()));
    }
    CHECK(sum.text() == all.text());
    CHECK(sum.count() == 20'000);
    CHECK(Histogram().summary().buckets.empty());
}

TEST_CASE("a text that is no histogram, or another count's, adds nothing") {
    Histogram histogram;
    histogram.record(100ns);
    LatencySummary summary = histogram.summary();
    CHECK(summary.buckets == "7 100 1");
    for (const char* text : {"", "7", "7 100", "7 100 2", "7 100 1 ", "7 100 1 1", "7 100 x", "5 100 1", "7 999999 1", "7 -1 1", "70 100 1",
                             "7 100 18446744073709551615 1 2"}) {
        summary.buckets = text;
        Histogram sum;
        CHECK_FALSE(sum.merge_text(summary));
        CHECK(sum.count() == 0);
    }
}

TEST_CASE("two shards of a log add up to the whole log, and the counts still hold") {
    RecordingServer server;
    const LogFile log(posts(300));
    ReplayOptions options = options_for(log, server.url());
    options.shape.key = parse_record_key("--by", "field:user_id");
    std::vector<NamedStats> parts;
    for (std::uint64_t i = 0; i < 2; ++i) {
        options.shape.shard = Shard{i, 2};
        parts.push_back({"shard" + std::to_string(i) + ".json", stored(run(options))});
        check_books(parts.back().stats);
    }
    const ReplayStats sum = merge(parts);
    check_books(sum);
    CHECK(sum.sent == 300);
    CHECK(sum.statuses == std::map<int, std::uint64_t>{{200, 300}});
    CHECK(sum.latency.count == 300);
    CHECK(sum.latency.max == std::max(parts[0].stats.latency.max, parts[1].stats.latency.max));
    CHECK(sum.paths.at("POST /api/track").latency.count == 300);
    CHECK(sum.rate == doctest::Approx(parts[0].stats.rate + parts[1].stats.rate));
    CHECK(sum.valid);
    // In another order, and one by one: the same.
    const ReplayStats reversed = merge({parts[1], parts[0]}), twice = merge({{"a", merge({parts[0]})}, {"b", stored(merge({parts[1]}))}});
    for (const ReplayStats* other : {&reversed, &twice}) {
        check_same(other->latency, sum.latency);
        check_same(other->service, sum.service);
        check_same(other->send_lag, sum.send_lag);
        check_same(other->paths.at("POST /api/track").latency, sum.paths.at("POST /api/track").latency);
    }
    // Percentiles are those of all latencies.
    Histogram all;
    for (const NamedStats& part : parts) REQUIRE(all.merge_text(part.stats.latency));
    check_same(sum.latency, all.summary());
}

TEST_CASE("what is wrong in a part is named with its file") {
    ReplayStats stats;
    stats.read = stats.sent = stats.completed = 1;
    stats.latency.count = 1;
    CHECK(refusal({{"a.json", stats}}) ==
          "a.json: it has no histogram of the latency\n  hint: write it again with leakline replay -o FILE.json");
    stats.latency.buckets = "7 1 2";
    CHECK(
        refusal({{"a.json", stats}}) ==
        "a.json: the histogram of the latency is damaged, or of another precision\n  hint: write it again with leakline replay -o FILE.json");
    stats.latency = {};
    stats.read = 2;
    CHECK(
        refusal({{"b.json", stats}}) ==
        "b.json: its counts do not add up: read is not bad + filtered + sent + unsent\n  hint: write it again with leakline replay -o FILE.json");
    stats.read = 1;
    stats.valid = false;
    stats.reasons = {"no"};
    stats.warnings = {"w"};
    const ReplayStats sum = merge({{"c.json", stats}});
    CHECK_FALSE(sum.valid);
    CHECK(sum.reasons == std::vector<std::string>{"c.json: no"});
    CHECK(sum.warnings == std::vector<std::string>{"c.json: w"});
    CHECK_THROWS_WITH_AS(
        report::read_replay("{\"schema\":1}", "d.json"),
        "d.json: not the result of a replay: it has no 'schema', 'read' and 'latency_us'\n  hint: this takes what leakline "
        "replay wrote with -o NAME.json",
        Error);
}
