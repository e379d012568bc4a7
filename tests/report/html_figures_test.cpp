// The figures that pages of HTML begin with.
#include <doctest/doctest.h>
#include <fmt/format.h>

#include "rendered.hpp"
#include "report/internal/summary.hpp"
#include "report/report.hpp"
#include "sample.hpp"

using namespace leakline;
using namespace leakline::report;
using test::contains, test::render;
using namespace std::chrono_literals;

namespace {

// Label, value and note of the figures that a page begins with.
std::string tile(std::string_view style, std::string_view label, std::string_view value, std::string_view note = "") {
    return fmt::format("<div class=\"tile {}\"><span class=\"label\">{}</span><strong>{}</strong><span class=\"below\">{}</span></div>",
                       style, label, value, note);
}

}  // namespace

TEST_CASE("the page of a trend begins with figures: of one series its own, of several how many grow and the most urgent") {
    TrendReport report;
    TrendReport::Item item;
    item.file = "api.csv";
    item.series = test::sample_diagnosis().series;
    item.verdict = test::sample_diagnosis().trend;
    report.items = {item};
    const std::string one = render("html", report);
    CHECK(contains(one, "<title>growing: api.csv - leakline</title>"));
    CHECK(contains(one, tile("leak", "Verdict", "growing", "linear")));
    CHECK(contains(one, tile("", "Growth per request", "1.17 KiB", "(1.16 KiB to 1.18 KiB)")));
    CHECK(contains(one, tile("", "Time to limit", "1h15m")));
    CHECK(contains(one, tile("", "Detection limit", "12 B", "per request")));
    item.file = "db.csv";
    item.verdict = {};
    item.verdict.verdict = Trend::stable;
    report.items.push_back(item);
    const std::string two = render("html", report);
    CHECK(contains(two, tile("leak", "Growing", "1", "of 2 series")));
    CHECK(contains(two, tile("place", "Most urgent", "api.csv", "+412 MiB per hour, limit in 1h15m")));
    report.items.erase(report.items.begin());
    CHECK(contains(render("html", report), tile("no_leak", "Verdict", "stable")));
}

TEST_CASE("the page of a replay begins with figures: validity, responses, rate, latency, errors") {
    ReplayStats stats;
    stats.sent = 1200;
    stats.completed = 1190;
    stats.rate = 100;
    stats.target_rate = 120;
    stats.statuses = {{200, 1180}, {503, 10}};
    stats.failures[0] = 4;
    stats.latency.count = 1190;
    stats.latency.p50 = 1500;
    stats.latency.p99 = 20000;
    const std::string valid = render("html", stats);
    CHECK(contains(valid, tile("no_leak", "Replay", "valid", "paced as planned")));
    CHECK(contains(valid, tile("", "Responses", "1,190", "to 1,200 requests")));
    CHECK(contains(valid, tile("", "Rate", "100/s", "of 120/s planned")));
    CHECK(contains(valid, tile("", "Latency, p99", "20 ms", "median 1.5 ms")));
    CHECK(contains(valid, tile("", "Errors", "14", "mostly status 503")));
    stats.valid = false;
    stats.reasons = {"most requests failed"};
    const std::string invalid = render("html", stats);
    CHECK(contains(invalid, tile("invalid", "Replay", "not valid")));
    CHECK(contains(invalid, "<p class=\"lead\">most requests failed</p>"));
}

TEST_CASE("the page of a history begins with figures: verdict, runs, lines that leak, are new or grow slowly") {
    History history;
    history.runs.resize(2);
    history.runs[1].started = "2024-06-07T08:09:10Z";
    history.lines.resize(3);
    for (History::Line& line : history.lines) line.growth = {Interval{16, 16, 16}, Interval{16, 16, 16}};
    history.lines[0].change = History::Change::appeared;
    history.lines[1].change = History::Change::gone;
    const std::string html = render("html", history);
    CHECK(contains(html, tile("leak", "Verdict", "worse")));
    CHECK(contains(html, tile("", "Runs", "2", "newest 2024-06-07")));
    CHECK(contains(html, tile("", "Leaking lines", "2", "1 line gone")));
    CHECK(contains(html, tile("", "New or jumped", "1")));
    CHECK(contains(html, tile("", "Growing slowly", "0")));
    CHECK(contains(render("html", History{}), "<h1>Leaks over 0 runs</h1>"));
}

TEST_CASE("the page of a diagnosis names the container in the source, and gRPC as it is written") {
    Diagnosis diagnosis = test::sample_diagnosis();
    diagnosis.replay.grpc_statuses = {{0, 7}};
    AuditFinding found;
    found.subject = "Store::entries_";
    found.growth = {{{"keep", "store.cpp", 7}, "push_back", "entries_.push_back(e);"}};
    found.doubts = {"it may be small"};
    diagnosis.audited = found;
    const std::string html = render("html", diagnosis);
    CHECK(contains(html, "<dt>In the source</dt><dd>" + summarize(diagnosis).audited + "</dd>"));
    CHECK(contains(summarize(diagnosis).audited, "Store::entries_"));
    CHECK(contains(html, "<dt>gRPC</dt>"));
}
