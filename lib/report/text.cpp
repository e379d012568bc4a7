// The form for a terminal: the verdict first, then what supports it, in the order in which one asks.
#include <fmt/format.h>

#include <algorithm>

#include "report/caller_tree.hpp"
#include "report/comparison_text.hpp"
#include "report/history_text.hpp"
#include "report/line_table.hpp"
#include "report/plot.hpp"
#include "report/renderers.hpp"
#include "report/soak_words.hpp"
#include "report/summary.hpp"

namespace leakline::report {

namespace {

enum class Colour { red, green, yellow, bold, dim };

class Text {
  public:
    explicit Text(RenderOptions options) : options_(options) {
        options_.width = std::max(options_.width, kNarrowest);
    }

    std::string paint(std::string_view text, Colour colour) const {
        if (!options_.colour) return std::string(text);
        const char* code = "";
        switch (colour) {
            case Colour::red:
                code = "1;31";
                break;
            case Colour::green:
                code = "1;32";
                break;
            case Colour::yellow:
                code = "1;33";
                break;
            case Colour::bold:
                code = "1";
                break;
            case Colour::dim:
                code = "2";
                break;
        }
        return fmt::format("\x1b[{}m{}\x1b[0m", code, text);
    }

    void line(std::string_view text = {}) {
        out_ += text;
        out_ += '\n';
    }
    void heading(std::string_view text) {
        line();
        line(paint(text, Colour::bold));
    }
    // "label      text", wrapped at the width between words, with a hanging indent.
    void field(std::string_view label, std::string_view text) {
        const std::string safe = terminal_safe(text);
        std::size_t room = static_cast<std::size_t>(std::max(options_.width - kIndent, 24));
        std::string first = fmt::format("  {:<{}} ", label, kIndent - 3);
        for (std::string_view rest = safe; !rest.empty() || !first.empty();) {
            std::size_t cut = rest.size();
            if (cut > room) {
                cut = rest.rfind(' ', room);
                if (cut == std::string_view::npos || cut == 0)
                    cut = std::min(rest.find(' ', room), rest.size());
            }
            line(first + std::string(rest.substr(0, cut)));
            rest.remove_prefix(std::min(cut + 1, rest.size()));
            first = rest.empty() ? "" : std::string(kIndent, ' ');
        }
    }
    // Text that has to stay in one piece: cut at the width, never wrapped.
    std::string cut(std::string_view text, std::size_t room) const {
        const std::string safe = terminal_safe(text);
        if (safe.size() <= room) return safe;
        std::size_t end = room > 3 ? room - 3 : 0;
        while (end > 0 && (static_cast<unsigned char>(safe[end]) & 0xc0) == 0x80)
            --end;  // not inside a character
        return safe.substr(0, end) + "...";
    }
    // The same for a place, whose end tells more than its beginning.
    std::string cut_front(std::string_view text, std::size_t room) const {
        const std::string safe = terminal_safe(text);
        if (safe.size() <= room) return safe;
        std::size_t begin = safe.size() - std::min(safe.size(), room > 3 ? room - 3 : 0);
        while (begin < safe.size() && (static_cast<unsigned char>(safe[begin]) & 0xc0) == 0x80) ++begin;
        return "..." + safe.substr(begin);
    }
    const RenderOptions& options() const { return options_; }
    std::string take() { return std::move(out_); }
    void append(std::string_view text) { out_ += text; }

  private:
    static constexpr int kIndent = 16, kNarrowest = 40;
    RenderOptions options_;
    std::string out_;
};

Colour verdict_colour(Verdict verdict) {
    switch (verdict) {
        case Verdict::leak:
            return Colour::red;
        case Verdict::no_leak:
            return Colour::green;
        default:
            return Colour::yellow;
    }
}

Colour trend_colour(Trend trend) {
    switch (trend) {
        case Trend::growing:
            return Colour::red;
        case Trend::inconclusive:
            return Colour::yellow;
        default:
            return Colour::green;
    }
}

std::string share_text(std::int64_t part, std::int64_t whole) {
    if (whole <= 0 || part < 0) return {};
    return fmt::format(" = {:.1f} % of the growth",
                       100.0 * static_cast<double>(part) / static_cast<double>(whole));
}

void add_warnings(Text& text, const std::vector<std::string>& warnings) {
    if (warnings.empty()) return;
    text.heading("Warnings");
    for (const std::string& warning : warnings) text.field("-", warning);
}

void add_books(Text& text, const Books& books) {
    text.heading("Books (heap growth within the window)");
    const auto row = [&](std::string_view name, std::int64_t bytes, std::string_view note) {
        text.line(text.cut(fmt::format("  {:>16}  {:<24}{}", fmt::format("{:+} B", bytes), name, note),
                           static_cast<std::size_t>(text.options().width)));
    };
    row("attributed", books.attributed_bytes, "to a source line or function");
    row("unattributed", books.unattributed_bytes, "allocated where there are no symbols");
    row("live heap bytes", books.live_delta_bytes, "the sum of both");
    if (books.rss_delta_bytes) row("resident memory", *books.rss_delta_bytes, "RSS");
    if (books.retention_delta_bytes)
        row("kept by the allocator", *books.retention_delta_bytes, "freed, not returned");
    if (books.other_delta_bytes)
        row("other", *books.other_delta_bytes, "RSS - live - kept: stacks, mappings, the recorder");
}

void add_ranking(Text& text, const std::vector<LineGrowth>& lines) {
    const std::size_t shown = std::min(lines.size(), text.options().top);
    text.heading(fmt::format("Lines by growth of live bytes ({} of {})", shown, lines.size()));
    if (shown == 0) {
        text.line("  none");
        return;
    }
    // A narrow terminal gets the columns that decide.
    const bool wide = text.options().width >= 100;
    const auto columns = [&](std::string_view growth, std::string_view request, std::string_view live,
                             std::string_view allocations, std::string_view growth_class) {
        return wide ? fmt::format("  {:>11} {:>11} {:>11} {:>12} {:<18} ", growth, request, live, allocations,
                                  growth_class)
                    : fmt::format("  {:>11} {:>11} ", growth, request);
    };
    const std::string header = columns("growth", "per request", "live", "allocations", "class");
    text.line(header + "line");
    const std::size_t room = static_cast<std::size_t>(text.options().width) - header.size();
    for (std::size_t i = 0; i < shown; ++i) {
        const LineGrowth& line = lines[i];
        const std::string function = short_function(line.at.function);
        std::string place;
        if (line.at.line == 0 && !function.empty() && !line.at.file.empty()) {
            place = text.cut(fmt::format("{} ({})", function, file_name(line.at.file)), room);
        } else {
            place = text.cut_front(place_text(line.at), room);
            if (!line.at.file.empty() && !function.empty() && place.size() + 10 < room)
                place += " " + text.cut(function, room - place.size() - 1);
        }
        const std::string row =
            columns(format_signed_bytes(static_cast<double>(line.growth_bytes)),
                    line.bytes_per_request ? format_bytes(line.bytes_per_request->estimate) : "-",
                    format_bytes(static_cast<double>(line.live_last_bytes)), format_count(line.allocations),
                    growth_class_name(line.growth_class)) +
            place;
        text.line(line.leaking ? text.paint(row, Colour::red) : row);
        if (const std::string_view source = trim(line.source); !source.empty())
            text.line(text.paint(fmt::format("{:{}}{}", "", header.size() + 2, text.cut(source, room - 2)),
                                 Colour::dim));
        if (line.growth_class == GrowthClass::container_doubling && line.payload_bytes) {
            std::string bounds =
                fmt::format("one block that doubles: {} to {} in use", format_bytes(line.payload_bytes->low),
                            format_bytes(line.payload_bytes->high));
            if (line.bytes_per_request)
                bounds += fmt::format(", {} to {} per request", format_bytes(line.bytes_per_request->low),
                                      format_bytes(line.bytes_per_request->high));
            text.line(text.paint(fmt::format("{:{}}{}", "", header.size() + 2, bounds), Colour::dim));
        }
    }
}

void add_tables(Text& text, const LineReport& lines, const LineTable* first) {
    const auto add = [&](const LineTable& table) {
        text.heading(fmt::format("Function {}", terminal_safe(table.function)));
        text.append(line_table(table, text.options()));
    };
    if (first != nullptr) add(*first);
    for (const LineTable& table : lines.tables)
        if (&table != first) add(table);
}

// Every branch of the callers, for the lines at fault (the first line where none is).
void add_caller_trees(Text& text, const std::vector<LineGrowth>& lines) {
    constexpr std::size_t kMostTrees = 5;
    std::size_t shown = 0;
    for (const LineGrowth& line : lines) {
        const bool first =
            &line == &lines.front() &&
            std::none_of(lines.begin(), lines.end(), [](const LineGrowth& l) { return l.leaking; });
        if ((!line.leaking && !first) || line.callers.empty()) continue;
        if (++shown > kMostTrees) break;
        text.heading(fmt::format("Callers of {}", terminal_safe(place_text(line.at))));
        for (const std::string& row : caller_tree(line, static_cast<std::size_t>(text.options().width)))
            text.line(row);
    }
}

void add_callers(Text& text, const LineGrowth& line) {
    if (line.callers.empty()) return;
    text.heading("Called from (largest growth first)");
    const CallerNode* node = &line.callers.front();
    for (int depth = 0; depth < 12; ++depth) {
        text.line(fmt::format("  {:>11}  {}", format_signed_bytes(static_cast<double>(node->growth_bytes)),
                              text.cut(fmt::format("{:{}}{} {}", "", depth, place_text(node->at),
                                                   short_function(node->at.function)),
                                       static_cast<std::size_t>(std::max(text.options().width - 15, 30)))));
        if (node->callers.empty()) break;
        node = &node->callers.front();
    }
}

std::string milliseconds(double us) {
    return fmt::format("{:.3g} ms", us / 1000);
}

std::string latency_text(const LatencySummary& latency) {
    if (latency.count == 0) return "none measured";
    return fmt::format("p50 {}, p90 {}, p99 {}, p99.9 {}, max {}", milliseconds(latency.p50),
                       milliseconds(latency.p90), milliseconds(latency.p99), milliseconds(latency.p999),
                       milliseconds(latency.max));
}

void add_replay(Text& text, const ReplayStats& stats) {
    text.heading("Replay");
    text.field("requests", fmt::format("{} read = {} sent + {} unsent + {} bad + {} filtered; {} completed",
                                       format_count(stats.read), format_count(stats.sent),
                                       format_count(stats.unsent), format_count(stats.bad),
                                       format_count(stats.filtered), format_count(stats.completed)));
    std::string answers;
    for (const auto& [status, count] : stats.statuses)
        answers += fmt::format("{}{} x {}", answers.empty() ? "" : ", ", format_count(count), status);
    for (std::size_t i = 0; i < kFailureCount; ++i)
        if (stats.failures[i] != 0)
            answers += fmt::format("{}{} x {}", answers.empty() ? "" : ", ", format_count(stats.failures[i]),
                                   failure_name(static_cast<Failure>(i)));
    text.field("answers", answers.empty() ? "none" : answers);
    text.field("rate", stats.target_rate
                           ? fmt::format("{:.4g}/s of {:.4g}/s due, over {:.3g} s", stats.rate,
                                         *stats.target_rate, stats.duration_s)
                           : fmt::format("{:.4g}/s over {:.3g} s", stats.rate, stats.duration_s));
    text.field("latency", latency_text(stats.latency) + " (from the due time)");
    text.field("send lag", latency_text(stats.send_lag));
    if (stats.retried != 0)
        text.field("retried", format_count(stats.retried) + " attempts on stale connections");
    if (stats.late != 0)
        text.field("late records",
                   format_count(stats.late) + " came after the reorder window had passed them");
    if (!stats.valid) {
        text.field("NOT VALID", stats.reasons.empty() ? "no reason was given" : stats.reasons.front());
        for (std::size_t i = 1; i < stats.reasons.size(); ++i) text.field("", stats.reasons[i]);
    }
}

// Memory over time in braille dots, its range at the left and its time below.
void add_plot(Text& text, const Series& series, const TrendVerdict& trend, std::string_view metric) {
    constexpr int kRows = 8, kLabel = 12;
    const MemoryPlot plot = memory_plot(series, trend, 2000);
    if (plot.points.size() < 3) return;
    const int columns = std::clamp(text.options().width - kLabel - 3, 20, 100);
    text.heading(fmt::format("Memory over time ({})", metric));
    const std::vector<std::string> rows = braille(plot.points, plot.low, plot.high, columns, kRows);
    for (int row = 0; row < kRows; ++row) {
        const double share = static_cast<double>(kRows - 1 - row) / (kRows - 1);
        const bool labelled = row == 0 || row == kRows / 2 || row == kRows - 1;
        const std::string label =
            labelled ? tick_text(plot.low + (plot.high - plot.low) * share, Scale::bytes) : "";
        text.line(fmt::format("{:>{}} |{}", label, kLabel, rows[static_cast<std::size_t>(row)]));
    }
    const std::string begin = tick_text(plot.begin_s, Scale::seconds),
                      end = tick_text(plot.end_s, Scale::seconds);
    text.line(
        fmt::format("{:{}}{}{:>{}}", "", kLabel + 2, begin, end, columns - static_cast<int>(begin.size())));
}

std::string render(const Diagnosis& diagnosis, const RenderOptions& options) {
    Text text(options);
    const Summary summary = summarise(diagnosis);
    const Colour colour = verdict_colour(diagnosis.verdict);
    text.line(text.paint(summary.verdict, colour) + ": " + terminal_safe(summary.reason));
    text.line();
    text.field("growth", summary.growth);
    if (summary.top != nullptr) {
        const LineGrowth& top = *summary.top;
        const std::string function = short_function(top.at.function);
        text.field("top line", place_text(top.at) + (function.empty() ? "" : " in " + function));
        if (const std::string_view source = trim(top.source); !source.empty())
            text.line(fmt::format(
                "{:16}{}", "",
                text.paint(text.cut(source, static_cast<std::size_t>(std::max(options.width - 16, 24))),
                           Colour::bold)));
        text.field("", fmt::format("{}{}, {} allocations, {}",
                                   format_signed_bytes(static_cast<double>(top.growth_bytes)),
                                   share_text(top.growth_bytes, diagnosis.lines.books.live_delta_bytes),
                                   format_count(top.allocations), growth_class_name(top.growth_class)));
        if (top.bytes_per_request)
            text.field("", interval_text(*top.bytes_per_request) + " per request through this line");
    }
    for (const EndpointGrowth& endpoint : diagnosis.endpoints)
        text.field(&endpoint == &diagnosis.endpoints.front() ? "by endpoint" : "",
                   fmt::format("{}: {} of heap per request{}", terminal_safe(endpoint.endpoint),
                               interval_text(endpoint.bytes_per_request), endpoint.leaks ? ", leaks" : ""));
    if (!summary.limit.empty()) text.field("limit", summary.limit);
    const std::vector<std::string> soak = soak_words(diagnosis);
    for (const std::string& words : soak) text.field(&words == &soak.front() ? "soak" : "", words);
    text.field("resolution", summary.detectable);
    for (const Gate& gate : diagnosis.gates)
        text.field(fmt::format("gate {}", outcome_name(gate.outcome)),
                   gate.name + (gate.message.empty() ? "" : ": " + gate.message));
    if (diagnosis.gates.empty() && diagnosis.max_growth)
        text.field("budget", growth_text(*diagnosis.max_growth));
    for (std::size_t i = 1; i < diagnosis.reasons.size(); ++i)
        text.field(i == 1 ? "also" : "", diagnosis.reasons[i]);
    text.field(
        "memory",
        fmt::format("{} ({}, {}); warm-up ends at {:.3g} s",
                    diagnosis.trend.growth_class.empty() ? "-" : diagnosis.trend.growth_class,
                    trend_name(diagnosis.trend.verdict), diagnosis.metric, diagnosis.trend.warmup_end_s));
    text.field("target", diagnosis.command);
    text.field("traffic", traffic_text(diagnosis));

    add_plot(text, diagnosis.series, diagnosis.trend, diagnosis.metric);
    add_tables(text, diagnosis.lines, summary.table);
    if (summary.top != nullptr) add_callers(text, *summary.top);
    add_ranking(text, diagnosis.lines.lines);
    add_books(text, diagnosis.lines.books);
    add_replay(text, diagnosis.replay);
    std::vector<std::string> warnings = diagnosis.warnings;
    warnings.insert(warnings.end(), diagnosis.lines.warnings.begin(), diagnosis.lines.warnings.end());
    warnings.insert(warnings.end(), diagnosis.replay.warnings.begin(), diagnosis.replay.warnings.end());
    add_warnings(text, warnings);
    return text.take();
}

std::string render(const LineReport& report, const RenderOptions& options) {
    if (options.strict) {
        std::string out;
        for (const LineTable& table : report.tables) out += line_table(table, options);
        return out;
    }
    Text text(options);
    const auto at = [](Nanoseconds time) {
        return format_duration(std::chrono::duration_cast<std::chrono::milliseconds>(time));
    };
    text.line(fmt::format(
        "{} between {} and {}{}{}",
        text.paint(format_signed_bytes(static_cast<double>(report.books.live_delta_bytes)), Colour::bold) +
            " of live heap",
        at(report.window_begin), at(report.window_end), report.completeness.empty() ? "" : "; recording ",
        report.completeness));
    if (!report.command.empty()) text.field("command", report.command);
    text.field("recording",
               fmt::format("{} allocations, peak {} of live heap, {} in {} blocks live at its end",
                           format_count(report.totals.allocations),
                           format_bytes(static_cast<double>(report.totals.peak_bytes)),
                           format_bytes(static_cast<double>(report.totals.leaked_bytes)),
                           report.totals.leaked_blocks));
    add_tables(text, report, nullptr);
    add_ranking(text, report.lines);
    add_caller_trees(text, report.lines);
    add_books(text, report.books);
    add_warnings(text, report.warnings);
    return text.take();
}

std::string render(const TrendReport& report, const RenderOptions& options) {
    Text text(options);
    for (const TrendReport::Item& item : report.items) {
        const TrendVerdict& trend = item.verdict;
        if (&item != &report.items.front()) text.line();
        text.line(fmt::format("{}  {}", text.paint(trend_name(trend.verdict), trend_colour(trend.verdict)),
                              terminal_safe(item.series.name.empty() ? item.file : item.series.name)));
        for (const std::string& reason : trend.reasons)
            text.field(&reason == &trend.reasons.front() ? "because" : "", reason);
        text.field("slope", slope_text(trend));
        if (!trend.growth_class.empty()) text.field("shape", trend.growth_class);
        text.field("p(leak)", fmt::format("{:.3f}", trend.p_leak));
        if (trend.time_to_limit_h)
            text.field("limit", "reached in " + hours_interval_text(*trend.time_to_limit_h));
        if (trend.warmup_end_s > 0)
            text.field("warm-up", fmt::format("ends at {:.3g} s", trend.warmup_end_s));
        if (trend.plateau_bytes) text.field("plateau", format_bytes(*trend.plateau_bytes));
        text.field("resolution", detectable_text(trend));
        text.field("data", fmt::format("{} samples over {}", format_count(item.samples()),
                                       hours_text(item.series.duration() / 3600)));
    }
    add_warnings(text, report.warnings);
    return text.take();
}

std::string render(const ReplayStats& stats, const RenderOptions& options) {
    Text text(options);
    text.append(stats.valid ? text.paint("valid", Colour::green) : text.paint("NOT VALID", Colour::red));
    if (!stats.valid && !stats.reasons.empty()) text.append(": " + terminal_safe(stats.reasons.front()));
    text.line();
    add_replay(text, stats);
    if (!stats.paths.empty()) {
        text.heading("By request");
        for (const auto& [path, value] : stats.paths)
            text.line(fmt::format(
                "  {:>10} sent {:>8} errors  p50 {:>9}  p99 {:>9}  {}", format_count(value.sent),
                format_count(value.errors), milliseconds(value.latency.p50), milliseconds(value.latency.p99),
                text.cut(path, static_cast<std::size_t>(std::max(options.width - 58, 20)))));
    }
    add_warnings(text, stats.warnings);
    return text.take();
}

std::string render(const Comparison& comparison, const RenderOptions& options) {
    return comparison_text(comparison, options);
}

std::string render(const History& history, const RenderOptions& options) {
    return history_text(history, options);
}

}  // namespace

std::string render_text(const Document& document, const RenderOptions& options) {
    return std::visit([&](const auto& value) { return render(value, options); }, document);
}

}  // namespace leakline::report
