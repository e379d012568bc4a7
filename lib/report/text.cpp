// The format for a terminal: the verdict first, then its evidence.
#include <fmt/format.h>

#include <algorithm>

#include "base/quantities.hpp"
#include "base/strings.hpp"
#include "report/internal/comparison_text.hpp"
#include "report/internal/history_text.hpp"
#include "report/internal/line_table.hpp"
#include "report/internal/lines_text.hpp"
#include "report/internal/path_results.hpp"
#include "report/internal/plot.hpp"
#include "report/internal/renderers.hpp"
#include "report/internal/resources_text.hpp"
#include "report/internal/soak_words.hpp"
#include "report/internal/summary.hpp"
#include "report/internal/terminal_text.hpp"
#include "report/internal/traffic_words.hpp"
#include "report/trends_text.hpp"

namespace leakline::report {

namespace {

Color verdict_color(Verdict verdict) {
    switch (verdict) {
        case Verdict::leak: return Color::red;
        case Verdict::no_leak: return Color::green;
        default: return Color::yellow;
    }
}

std::string share_text(std::int64_t part, std::int64_t whole) {
    if (whole <= 0 || part < 0) return {};
    return fmt::format(" ({:.1f} % of the growth)", 100.0 * static_cast<double>(part) / static_cast<double>(whole));
}

std::string latencies_text(const LatencySummary& latency) {
    if (latency.count == 0) return "none measured";
    return fmt::format("p50 {}, p90 {}, p99 {}, p99.9 {}, max {}", latency_text(latency.p50), latency_text(latency.p90),
                       latency_text(latency.p99), latency_text(latency.p999), latency_text(latency.max));
}

void add_replay(TerminalText& text, const ReplayStats& stats) {
    text.heading("Replay");
    text.field("requests", fmt::format("{} read = {} sent + {} unsent + {} bad + {} filtered; {} completed", format_count(stats.read),
                                       format_count(stats.sent), format_count(stats.unsent), format_count(stats.bad),
                                       format_count(stats.filtered), format_count(stats.completed)));
    std::string answers;
    for (const auto& [status, count] : stats.statuses)
        answers += fmt::format("{}{} x {}", answers.empty() ? "" : ", ", format_count(count), status);
    for (std::size_t i = 0; i < kFailureCount; ++i)
        if (stats.failures[i] != 0)
            answers += fmt::format("{}{} x {}", answers.empty() ? "" : ", ", format_count(stats.failures[i]),
                                   failure_text(static_cast<Failure>(i)));
    text.field("responses", answers.empty() ? "none" : answers);
    const double answered = stats.duration_s > 0 ? static_cast<double>(stats.completed) / stats.duration_s : 0;
    text.field("rate", fmt::format("{} sent{}, {} completed over {:.3g} s", format_per_second(stats.rate),
                                   stats.target_rate ? fmt::format(" of {} planned", format_per_second(*stats.target_rate)) : "",
                                   format_per_second(answered), stats.duration_s));
    text.field("latency", latencies_text(stats.latency) + " (from the due time)");
    text.field("send lag", latencies_text(stats.send_lag));
    if (stats.unexpected != 0) text.field("unexpected", format_count(stats.unexpected) + " responses with an unexpected status");
    text.field("connections", format_count(stats.connections) + " opened");
    if (const std::string fresh = fresh_text(stats); !fresh.empty()) text.field("identifiers", fresh);
    if (const std::string values = values_text(stats); !values.empty()) text.field("values", values);
    if (stats.retried != 0)
        text.field("retried", format_count(stats.retried) + (stats.retried == 1 ? " attempt" : " attempts") + " on stale connections");
    if (stats.late != 0) text.field("late records", format_count(stats.late) + " were too far out of order for --reorder");
    if (!stats.valid) {
        text.field("INVALID", stats.reasons.empty() ? "no reason was given" : stats.reasons.front());
        for (std::size_t i = 1; i < stats.reasons.size(); ++i) text.field("", stats.reasons[i]);
    }
}

// Memory over time in braille dots, its range at the left and its time below.
void add_plot(TerminalText& text, const Series& series, const TrendVerdict& trend, std::string_view metric) {
    constexpr int kRows = 8, kLabel = 12;
    const MemoryPlot plot = memory_plot(series, trend, 2000);
    if (plot.points.size() < 3) return;
    const int columns = std::clamp(text.options().width - kLabel - 3, 20, 100);
    text.heading(fmt::format("Memory over time ({})", metric));
    const std::vector<std::string> rows = braille(plot.points, plot.low, plot.high, columns, kRows);
    for (int row = 0; row < kRows; ++row) {
        const double share = static_cast<double>(kRows - 1 - row) / (kRows - 1);
        const bool labeled = row == 0 || row == kRows / 2 || row == kRows - 1;
        const std::string label = labeled ? tick_text(plot.low + (plot.high - plot.low) * share, Scale::bytes) : "";
        text.line(fmt::format("{:>{}} |{}", label, kLabel, rows[static_cast<std::size_t>(row)]));
    }
    const std::string begin = tick_text(plot.begin_s, Scale::seconds), end = tick_text(plot.end_s, Scale::seconds);
    text.line(fmt::format("{:{}}{}{:>{}}", "", kLabel + 2, begin, end, columns - static_cast<int>(begin.size())));
}

std::string render(const Diagnosis& diagnosis, const RenderOptions& options) {
    TerminalText text(options);
    const Summary summary = summarize(diagnosis);
    const Color color = verdict_color(diagnosis.verdict);
    text.line(text.paint(summary.verdict, color) + ": " + terminal_safe(summary.reason));
    text.line();
    text.field("growth", summary.growth);
    if (summary.top != nullptr) {
        const LineGrowth& top = *summary.top;
        text.field("top line", line_and_function(top.at));
        if (const std::string_view source = trim(top.source); !source.empty())
            text.line(fmt::format("{:19}{}", "",
                                  text.paint(text.cut(source, static_cast<std::size_t>(std::max(options.width - 19, 24))), Color::bold)));
        text.field("", fmt::format("{}{}, {} allocations, {}", growth_text(top.growth_bytes, top.growth_error_bytes),
                                   share_text(top.growth_bytes, diagnosis.lines.accounting.live_delta_bytes), format_count(top.allocations),
                                   growth_class_name(top.growth_class)));
        if (top.bytes_per_connection)
            text.field("", interval_text(*top.bytes_per_connection) + " per connection through this line");
        else if (top.bytes_per_request)
            text.field("", interval_text(*top.bytes_per_request) + " per request through this line");
        if (top.bytes_per_hour_by_time)
            text.field("", interval_text(*top.bytes_per_hour_by_time) + " per hour over time through this line, independent of requests");
        if (!summary.top_note.empty()) text.field("", summary.top_note);
        if (!summary.held_by.empty()) text.field("held by", summary.held_by);
    }
    if (!diagnosis.lines.unavailable.empty()) text.field("lines", diagnosis.lines.unavailable);
    const std::vector<std::string> endpoints = endpoint_words(diagnosis);
    for (const std::string& words : endpoints) text.field(&words == &endpoints.front() ? "by request" : "", words);
    for (const TrafficRow& row : traffic_rows(diagnosis)) text.field(row.name, row.text);
    if (!summary.limit.empty()) text.field("limit", summary.limit);
    const std::vector<std::string> soak = soak_words(diagnosis);
    for (const std::string& words : soak) text.field(&words == &soak.front() ? "soak" : "", words);
    text.field("detection limit", summary.detectable);
    const std::vector<std::string> resources = resource_lines(diagnosis), processes = process_lines(diagnosis);
    for (const std::string& words : resources) text.field(&words == &resources.front() ? "resources" : "", words);
    for (const std::string& words : processes) text.field(&words == &processes.front() ? "processes" : "", words);
    for (const Gate& gate : diagnosis.gates)
        text.field("gate",
                   fmt::format("{}: {}{}{}", outcome_name(gate.outcome), gate.name, gate.message.empty() ? "" : ": ", gate.message));
    if (diagnosis.gates.empty() && diagnosis.max_growth) text.field("budget", growth_text(*diagnosis.max_growth));
    for (std::size_t i = 1; i < diagnosis.reasons.size(); ++i) text.field(i == 1 ? "details" : "", diagnosis.reasons[i]);
    text.field("memory",
               fmt::format("{} ({}, {}); warm-up ends at {}", diagnosis.trend.growth_class.empty() ? "-" : diagnosis.trend.growth_class,
                           trend_name(diagnosis.trend.verdict), diagnosis.metric, tick_text(diagnosis.trend.warmup_end_s, Scale::seconds)));
    text.field("target", diagnosis.command);
    text.field("traffic", traffic_text(diagnosis));

    add_plot(text, diagnosis.series, diagnosis.trend, diagnosis.metric);
    add_tables(text, diagnosis.lines, summary.table);
    if (summary.top != nullptr) add_callers(text, *summary.top);
    add_ranking(text, diagnosis.lines.lines);
    add_accounting(text, diagnosis.lines);
    add_replay(text, diagnosis.replay);
    text.warnings(all_warnings(diagnosis));
    return text.take();
}

std::string render(const TrendReport& report, const RenderOptions& options) { return trends_text(report, options); }

std::string render(const ReplayStats& stats, const RenderOptions& options) {
    TerminalText text(options);
    text.append(stats.valid ? text.paint("valid", Color::green) : text.paint("INVALID", Color::red));
    if (!stats.valid && !stats.reasons.empty()) text.append(": " + terminal_safe(stats.reasons.front()));
    text.line();
    add_replay(text, stats);
    if (!stats.paths.empty()) {
        text.heading("By request");
        constexpr std::size_t kShown = 30;
        const PathResults results = busiest_paths(stats, kShown);
        for (const PathResult& path : results.shown)
            text.line(fmt::format("  {:>10} sent {:>8} errors  p50 {:>9}  p99 {:>9}  {}", path.sent, path.errors, path.p50, path.p99,
                                  text.cut(path.name, static_cast<std::size_t>(std::max(options.width - 58, 20)))));
        if (results.more > 0) text.line(fmt::format("  and {} more (--format json has all)", results.more));
    }
    text.warnings(stats.warnings);
    return text.take();
}

std::string render(const LineReport& report, const RenderOptions& options) { return lines_text(report, options); }

std::string render(const Comparison& comparison, const RenderOptions& options) { return comparison_text(comparison, options); }

std::string render(const History& history, const RenderOptions& options) { return history_text(history, options); }

std::string render(const Minimized& result, const RenderOptions& options) {
    return minimized_text(result) + (result.diagnosed == Minimized::Diagnosed::nothing ? "" : render(result.diagnosis, options));
}

std::string render(const DryRun& result, const RenderOptions&) { return dry_run_text(result); }

std::string render(const SelfTest& result, const RenderOptions&) { return self_test_text(result); }

std::string render(const HolderReport& report, const RenderOptions& options) { return holders_text(report, options); }

std::string render(const GateReport& gate, const RenderOptions& options) { return gate_text(gate, options); }

std::string render(const Audit& audit, const RenderOptions& options) { return audit_text(audit, options); }

std::string render(const Prerequisites& result, const RenderOptions& options) {
    std::string out;
    for (const Prerequisite& check : result.checks) {
        if (options.brief && check.state == Prerequisite::State::good) continue;
        const std::string_view state = check.state == Prerequisite::State::missing ? "MISSING" : state_name(check.state);
        out += fmt::format("{:<8} {}\n", state, check.what);
        if (!check.fix.empty()) out += fmt::format("          fix: {}\n", check.fix);
    }
    if (options.brief) return out;
    return out + (result.met() ? "\nall required prerequisites are met\n" : "\nsome prerequisites are missing\n");
}

}  // namespace

std::string render_text(const Document& document, const RenderOptions& options) {
    return std::visit([&](const auto& value) { return render(value, options); }, document);
}

}  // namespace leakline::report
