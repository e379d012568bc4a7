// A diagnosis with something in every member, for the renderers' tests.
#pragma once

#include <cmath>

#include "model/diagnosis.hpp"
#include "report/report.hpp"

namespace leakline::test {

inline Diagnosis sample_diagnosis() {
    Diagnosis d;
    d.command = "trackd --mode leaky";
    d.target = "http://127.0.0.1:8080";
    d.traffic = "users.jsonl";
    d.started = "2024-06-07T08:09:10Z";
    d.series.name = "trackd";
    for (int i = 0; i <= 120; ++i) {
        d.series.seconds.push_back(i * 0.5);
        d.series.value.push_back(20e6 + (i < 10 ? i * 3e5 : 3e6 + (i - 10) * 6e4) + 2e4 * std::sin(i));
        d.series.requests.push_back(i * 50);
        d.series.process.push_back(4711);
    }
    for (int round = 0; round < 6; ++round) d.rounds.push_back({round * 10.0, round * 10.0 + 9.5, 1000});
    d.trend.verdict = Trend::growing;
    d.trend.growth_class = "linear";
    d.trend.p_leak = 0.999;
    d.trend.slope_bytes_per_hour = {432e6, 430e6, 434e6};
    d.trend.bytes_per_request = Interval{1200, 1190, 1210};
    d.trend.detectable_bytes_per_hour = 1.1e6;
    d.trend.detectable_bytes_per_request = 12;
    d.trend.warmup_end_s = 5;
    d.trend.level_bytes = 29.6e6;
    d.trend.time_to_limit_h = Interval{1.25, 1.2, 1.5};
    d.trend.reasons = {"grows in every round", "no plateau in sight"};

    LineGrowth top;
    top.at = {"track_user_behavior", "apps/trackd/track_user_behavior.cpp", 42};
    top.source = "    cache.append(user_id, events);";
    top.growth_bytes = 6'000'000;
    top.live_first_bytes = 1'000'000;
    top.live_last_bytes = 7'000'000;
    top.live_peak_bytes = 7'000'000;
    top.live_first_blocks = 1000;
    top.live_last_blocks = 7000;
    top.allocations = 6000;
    top.bytes_per_request = Interval{1200, 1199.5, 1200.5};
    top.bytes_per_hour = Interval{432e6, 431e6, 433e6};
    top.growth_class = GrowthClass::linear;
    top.leaking = true;
    top.p_value = 1e-6;
    top.live_at_marks = {1e6, 2.2e6, 3.4e6, 4.6e6, 5.8e6, 7e6};
    top.callers = {{{"handle", "lib/service/routes.cpp", 77}, 5'900'000, {{{"run", "lib/http/server.cpp", 9}, 5'900'000, {}}}},
                   {{"warm_up", "lib/service/routes.cpp", 12}, 100'000, {}}};
    LineGrowth other;
    other.at = {"process_and_save_events", "apps/trackd/event_store.cpp", 30};
    other.source = "    statement.bind(1, text);";
    other.growth_bytes = 16'384;
    other.live_last_bytes = 16'384;
    other.allocations = 12;
    other.growth_class = GrowthClass::filling_then_flat;
    other.payload_bytes = Interval{12'000, 8'192, 16'384};
    other.live_at_marks = {0, 8'192, 16'384, 16'384, 16'384, 16'384};
    LineGrowth unknown;
    unknown.growth_bytes = 512;
    unknown.allocations = 1;
    unknown.user_code = false;
    d.lines.lines = {top, other, unknown};
    d.lines.window_begin = std::chrono::milliseconds(9500);
    d.lines.window_end = std::chrono::milliseconds(59500);
    d.lines.mark_seconds = {9.5, 19.5, 29.5, 39.5, 49.5, 59.5};
    d.lines.mark_requests = {1000, 2000, 3000, 4000, std::nullopt, 6000};
    d.lines.completeness = "complete";
    d.lines.command = "trackd --mode leaky --port-file p";
    d.lines.totals = {123'456, 7'016'896, 7012, 0, 7'100'000, std::chrono::seconds(61)};
    LineTable table;
    table.file = top.at.file;
    table.function = top.at.function;
    table.rows = {{40, "Response track_user_behavior(const Request& request) {", std::nullopt},
                  {41, "    const auto [user_id, events] = parse(request);", LineCells{23e6, 0, 12}},
                  {42, top.source, LineCells{29e6, 6e6, 6000}},
                  {43, "}", std::nullopt}};
    d.lines.tables = {table};
    d.lines.accounting = {6'020'000, 6'016'384, 3'616, 6'500'000, 300'000, 180'000};
    d.lines.warnings = {"no source code: /build/x.cpp was not found; give its directory with --source DIR"};

    d.replay.read = 6005;
    d.replay.bad = 2;
    d.replay.filtered = 3;
    d.replay.sent = 6000;
    d.replay.completed = 5999;
    d.replay.statuses = {{200, 5990}, {400, 9}};
    d.replay.failures[static_cast<std::size_t>(Failure::timeout)] = 1;
    d.replay.latency = {812, 1500, 4200, 9100, 12000, 900, 5999, {}};
    d.replay.service = {700, 1400, 4000, 9000, 11000, 800, 5999, {}};
    d.replay.send_lag = {20, 60, 200, 900, 2000, 30, 6000, {}};
    d.replay.duration_s = 57.5;
    d.replay.rate = 104.3;
    d.replay.target_rate = 105;
    d.replay.retried = 1;
    d.replay.paths["POST /api/track"] = {6000, 5999, 10, 0, 0, d.replay.latency};
    d.memory_limit = Bytes{512} << 20;
    d.max_growth = Growth{64, Growth::Per::request};
    d.gates = {{"growth at most 64 B/request", GateOutcome::failed, "1.17 KiB/request (at least 1.16 KiB)"},
               {"no new leaks compared with baseline.json", GateOutcome::passed, ""}};
    d.requests_per_second = 104.5;
    d.projected_bytes_per_hour = Interval{451.44e6, 447.7e6, 455.2e6};
    d.verdict = Verdict::leak;
    d.reasons = {"live bytes grow by 1.2 KiB per request in every round after warm-up", "memory grows: linear"};
    d.warnings = {"2 log lines could not be read"};
    return d;
}

inline TrendReport sample_trends() {
    const Diagnosis d = sample_diagnosis();
    TrendReport report;
    report.items.push_back({"/data/runs/leaky.csv", d.series, d.trend});
    TrendVerdict stable;
    stable.verdict = Trend::stable;
    stable.growth_class = "const";
    stable.p_leak = 0.01;
    stable.slope_bytes_per_hour = {100, -2000, 2200};
    stable.detectable_bytes_per_hour = 2200;
    stable.plateau_bytes = 2e7;
    stable.reasons = {"settled, \"for good\", at 19.1 MiB"};
    Series flat;
    flat.name = "flat.csv";
    flat.seconds = {0, 1, 2};
    flat.value = {2e7, 2e7, 2e7};
    report.items.push_back({"flat.csv", flat, stable});
    return report;
}

}  // namespace leakline::test
