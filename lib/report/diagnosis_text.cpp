// A diagnosis for a terminal. By default what fits on a screen: the verdict, its key figures, the table of the function at
// fault. In full: all evidence, and the verdict again at the end, which is in view when the rest has scrolled away.
#include <fmt/format.h>

#include <algorithm>

#include "base/quantities.hpp"
#include "report/internal/line_table.hpp"
#include "report/internal/lines_text.hpp"
#include "report/internal/plot.hpp"
#include "report/internal/renderers.hpp"
#include "report/internal/replay_text.hpp"
#include "report/internal/resources_text.hpp"
#include "report/internal/short_text.hpp"
#include "report/internal/soak_words.hpp"
#include "report/internal/summary.hpp"
#include "report/internal/terminal_text.hpp"
#include "report/internal/traffic_words.hpp"
#include "report/internal/type_words.hpp"

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

// Memory over time in dots, its range at the left and its time below.
void add_plot(TerminalText& text, const Series& series, const TrendVerdict& trend, std::string_view metric) {
    constexpr int kRows = 8, kLabel = 12;
    const MemoryPlot plot = memory_plot(series, trend, 2000);
    if (plot.points.size() < 3) return;
    const int columns = std::clamp(text.options().width - kLabel - 3, 20, 100);
    text.heading(fmt::format("Memory over time ({}{})", metric, plot.cropped ? "; the axis does not begin at 0" : ""));
    const std::vector<std::string> rows = dots(plot.points, plot.low, plot.high, columns, kRows, text.options().characters);
    for (int row = 0; row < kRows; ++row) {
        const double share = static_cast<double>(kRows - 1 - row) / (kRows - 1);
        const bool labeled = row == 0 || row == kRows / 2 || row == kRows - 1;
        const std::string label = labeled ? tick_text(plot.low + (plot.high - plot.low) * share, Scale::bytes) : "";
        text.line(fmt::format("{:>{}} |{}", label, kLabel, rows[static_cast<std::size_t>(row)]));
    }
    const std::string begin = tick_text(plot.begin_s, Scale::seconds), end = tick_text(plot.end_s, Scale::seconds);
    text.line(fmt::format("{:{}}{}{:>{}}", "", kLabel + 2, begin, end, columns - static_cast<int>(begin.size())));
}

void add_fields(TerminalText& text, std::string_view label, const std::vector<std::string>& texts) {
    for (const std::string& words : texts) text.field(&words == &texts.front() ? label : "", words);
}

void add_verdict(TerminalText& text, const Diagnosis& diagnosis, const Summary& summary) {
    text.paragraph(summary.verdict, verdict_color(diagnosis.verdict), ": " + summary.reason);
}

void add_gates(TerminalText& text, const Diagnosis& diagnosis) {
    for (const Gate& gate : diagnosis.gates)
        text.field("gate",
                   fmt::format("{}: {}{}{}", outcome_name(gate.outcome), gate.name, gate.message.empty() ? "" : ": ", gate.message));
    if (diagnosis.gates.empty() && diagnosis.max_growth) text.field("budget", growth_text(*diagnosis.max_growth));
}

std::string render_short(const Diagnosis& diagnosis, const RenderOptions& options) {
    TerminalText text(options);
    const Summary summary = summarize(diagnosis);
    add_verdict(text, diagnosis, summary);
    text.line();
    text.field("growth", summary.growth);
    if (summary.top != nullptr) {
        add_top_line(text, *summary.top);
        if (!summary.held_by.empty()) text.field("held by", summary.held_by);
        if (!summary.types.empty()) text.field("by type", summary.types);
        if (!summary.audited.empty()) text.field("source", summary.audited);
    } else if (!summary.held_by.empty()) {
        text.field("held by", summary.held_by);
    }
    if (!diagnosis.lines.unavailable.empty()) text.field("lines", diagnosis.lines.unavailable);
    if (diagnosis.verdict != Verdict::no_leak) {
        std::vector<std::string> endpoints = endpoint_words(diagnosis);
        if (endpoints.size() > 3) {
            endpoints.resize(2);
            endpoints.push_back("(--full lists all)");
        }
        add_fields(text, "by request", endpoints);
    }
    if (!summary.limit.empty()) text.field("limit", summary.limit);
    if (const auto soak = soak_words(diagnosis); !soak.empty()) text.field("soak", soak.front());
    text.field("detection limit", summary.detection.text());
    if (only_resources_leak(diagnosis)) add_fields(text, "resources", resource_lines(diagnosis));
    for (const ResourceLineRow& row : resource_line_rows(diagnosis)) text.field(row.name, row.text);
    add_gates(text, diagnosis);
    if (diagnosis.verdict == Verdict::inconclusive || diagnosis.verdict == Verdict::invalid)
        for (std::size_t i = 1; i < std::min<std::size_t>(diagnosis.reasons.size(), 4); ++i)
            text.field(i == 1 ? "details" : "", diagnosis.reasons[i]);
    if (diagnosis.verdict != Verdict::invalid && diagnosis.lines.accounting.live_delta_bytes != 0)
        text.field("accounting", accounting_text(diagnosis.lines.accounting));
    const std::size_t hidden = add_some_warnings(text, all_warnings(diagnosis));
    if (summary.table != nullptr && summary.top != nullptr) add_excerpt(text, *summary.table, summary.top->at.line);
    add_what_more(text, "--full prints the evidence", hidden);
    return text.take();
}

std::string render_full(const Diagnosis& diagnosis, const RenderOptions& options) {
    TerminalText text(options);
    const Summary summary = summarize(diagnosis);
    add_verdict(text, diagnosis, summary);
    text.line();
    text.field("growth", summary.growth);
    if (summary.top != nullptr) {
        const LineGrowth& top = *summary.top;
        add_top_line(text, top);
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
        if (!summary.audited.empty()) text.field("source", summary.audited);
    } else if (!summary.held_by.empty()) {
        text.field("held by", summary.held_by);
    }
    if (!diagnosis.lines.unavailable.empty()) text.field("lines", diagnosis.lines.unavailable);
    add_fields(text, "by request", endpoint_words(diagnosis));
    for (const TrafficRow& row : traffic_rows(diagnosis)) text.field(row.name, row.text);
    if (!summary.limit.empty()) text.field("limit", summary.limit);
    add_fields(text, "soak", soak_words(diagnosis));
    text.field("detection limit", summary.detection.text());
    add_fields(text, "resources", resource_lines(diagnosis));
    for (const ResourceLineRow& row : resource_line_rows(diagnosis)) text.field(row.name, row.text);
    add_fields(text, "processes", process_lines(diagnosis));
    add_gates(text, diagnosis);
    for (std::size_t i = 1; i < diagnosis.reasons.size(); ++i) text.field(i == 1 ? "details" : "", diagnosis.reasons[i]);
    text.field("memory",
               fmt::format("{} ({}, {}); warm-up ends at {}", diagnosis.trend.growth_class.empty() ? "-" : diagnosis.trend.growth_class,
                           trend_name(diagnosis.trend.verdict), diagnosis.metric, tick_text(diagnosis.trend.warmup_end_s, Scale::seconds)));
    text.field("target", diagnosis.command);
    text.field("traffic", traffic_text(diagnosis));
    if (!diagnosis.commit.empty()) text.field("commit", diagnosis.commit);

    add_plot(text, diagnosis.series, diagnosis.trend, diagnosis.metric);
    add_tables(text, diagnosis.lines, summary.table);
    if (summary.top != nullptr) add_callers(text, *summary.top);
    add_ranking(text, diagnosis.lines.lines, options.top);
    add_type_growth(text, diagnosis.types);
    add_accounting(text, diagnosis.lines);
    add_replay(text, diagnosis.replay);
    text.warnings(all_warnings(diagnosis));
    text.line();
    add_verdict(text, diagnosis, summary);
    return text.take();
}

}  // namespace

std::string diagnosis_text(const Diagnosis& diagnosis, const RenderOptions& options) {
    return options.full ? render_full(diagnosis, options) : render_short(diagnosis, options);
}

}  // namespace leakline::report
