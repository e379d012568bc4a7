// Markdown for a pull request: the verdict, a small table, and the rest folded away; under 60 kB, because
// GitHub cuts comments at 65,536 characters.
#include <fmt/format.h>

#include <algorithm>

#include "base/quantities.hpp"
#include "base/strings.hpp"
#include "base/utf8.hpp"
#include "model/grpc_status.hpp"
#include "report/internal/history_text.hpp"
#include "report/internal/line_table.hpp"
#include "report/internal/markdown.hpp"
#include "report/internal/path_results.hpp"
#include "report/internal/renderers.hpp"
#include "report/internal/resources_text.hpp"
#include "report/internal/soak_words.hpp"
#include "report/internal/summary.hpp"
#include "report/internal/traffic_words.hpp"

namespace leakline::report {

namespace {

constexpr std::size_t kLimit = 60'000;
constexpr std::size_t kLongestText = 300;  // of one name or source line
constexpr std::size_t kLongestTable = 20'000;

// text in at most kLongestText bytes, safe for a terminal, without HTML; some characters are escaped by a backslash,
// others as a numeric entity.
std::string escaped(std::string_view text, std::string_view after_backslash, std::string_view as_number) {
    std::string out;
    for (char c : terminal_safe(utf8_cut(text, kLongestText))) {
        if (c == '<' || c == '>' || c == '&' || as_number.find(c) != std::string_view::npos) {
            out += fmt::format("&#{};", static_cast<int>(c));
            continue;
        }
        if (after_backslash.find(c) != std::string_view::npos) out += '\\';
        out += c == '\t' ? ' ' : c;
    }
    return out;
}

}  // namespace

namespace markdown {

std::string plain(std::string_view text) { return escaped(text, "\\`*_[]|#~", "@"); }

std::string code(std::string_view text) {
    if (trim(text).empty()) return "";
    return "<code>" + escaped(trim(text), "", "|\\`*_[]#@~:") + "</code>";
}

std::string details(std::string_view title, const std::string& body) {
    return fmt::format("\n<details><summary>{}</summary>\n\n{}\n</details>\n", title, body);
}

std::string fit(const std::vector<std::string>& parts) {
    std::string out;
    std::size_t left = 0;
    for (const std::string& part : parts) {
        if (left == 0 && out.size() + part.size() <= kLimit - 100)
            out += part;
        else if (!part.empty())
            ++left;
    }
    if (left > 0) out += fmt::format("\n_{} more parts are left out: a comment holds no more. The JSON report has them._\n", left);
    return out;
}

}  // namespace markdown

namespace {

using namespace markdown;

// A fenced block whose fence is longer than any run of backquotes in it.
std::string fenced(const std::string& text) {
    std::size_t longest = 2, run = 0;
    for (char c : text) {
        run = c == '`' ? run + 1 : 0;
        longest = std::max(longest, run);
    }
    const std::string fence(longest + 1, '`');
    return fence + "text\n" + text + (text.ends_with('\n') ? "" : "\n") + fence + "\n";
}

std::string signed_bytes(std::int64_t bytes) { return format_signed_bytes(static_cast<double>(bytes)); }

std::string ranking(const std::vector<LineGrowth>& lines, std::size_t top) {
    std::string out = "| growth | per request | class | line | source |\n| ---: | ---: | --- | --- | --- |\n";
    for (std::size_t i = 0; i < std::min(lines.size(), top); ++i) {
        const LineGrowth& line = lines[i];
        out +=
            fmt::format("| {} | {} | {}{} | {} | {} |\n", growth_text(line.growth_bytes, line.growth_error_bytes),
                        line.bytes_per_request ? format_bytes(line.bytes_per_request->estimate) : "-", growth_class_name(line.growth_class),
                        line.leaking ? ", **leaks**" : "", code(place_text(line.at)), code(line.source));
    }
    return out;
}

std::string accounting(const LineReport& report) {
    const Accounting& accounting = report.accounting;
    std::string out;
    if (const std::string sampling = sampling_text(report); !sampling.empty())
        out = fmt::format("Heap bytes are {} ({}, 95 %).\n\n", sampling, error_text(accounting.live_delta_error_bytes));
    out += "| memory accounting | bytes |\n| --- | ---: |\n";
    const auto row = [&](std::string_view name, std::int64_t bytes) { out += fmt::format("| {} | {:+} |\n", name, bytes); };
    row("attributed to lines", accounting.attributed_bytes);
    row("unattributed", accounting.unattributed_bytes);
    row("live heap bytes", accounting.live_delta_bytes);
    if (accounting.rss_delta_bytes) row("resident memory", *accounting.rss_delta_bytes);
    if (accounting.overhead_delta_bytes) row("added by malloc", *accounting.overhead_delta_bytes);
    if (accounting.retention_delta_bytes) row("kept by the allocator", *accounting.retention_delta_bytes);
    if (accounting.file_delta_bytes) row("pages of mapped files", *accounting.file_delta_bytes);
    if (accounting.other_delta_bytes) row("other", *accounting.other_delta_bytes);
    return out;
}

std::string table(const LineTable& value, const RenderOptions& options) {
    const std::string text = line_table(value, options);
    if (text.size() <= kLongestTable) return fenced(text);
    // Only the growing lines of a huge function (or a huge line) are shown.
    LineTable rows = value;
    std::erase_if(rows.rows, [](const LineTable::Row& row) { return !row.cells; });
    if (rows.rows.size() > 60) rows.rows.resize(60);
    for (LineTable::Row& row : rows.rows) row.text = utf8_cut(row.text, 200);
    return fenced(line_table(rows, options)) + "\nOnly lines with allocations are shown.\n";
}

std::string replay(const ReplayStats& stats) {
    std::string out = "| replay | |\n| --- | ---: |\n";
    const auto row = [&](std::string_view name, const std::string& value) { out += fmt::format("| {} | {} |\n", name, value); };
    row("read = sent + unsent + bad + filtered",
        fmt::format("{} = {} + {} + {} + {}", format_count(stats.read), format_count(stats.sent), format_count(stats.unsent),
                    format_count(stats.bad), format_count(stats.filtered)));
    for (const auto& [status, count] : stats.statuses) row(fmt::format("status {}", status), format_count(count));
    for (const auto& [code, count] : stats.grpc_statuses) row("gRPC " + grpc_status_name(code), format_count(count));
    for (std::size_t i = 0; i < kFailureCount; ++i)
        if (stats.failures[i] != 0) row(failure_text(static_cast<Failure>(i)), format_count(stats.failures[i]));
    row("rate", format_per_second(stats.rate) + (stats.target_rate ? " of " + format_per_second(*stats.target_rate) + " due" : ""));
    row("latency p50 / p99 / max",
        fmt::format("{} / {} / {}", latency_text(stats.latency.p50), latency_text(stats.latency.p99), latency_text(stats.latency.max)));
    row("send lag p50 / p99 / max",
        fmt::format("{} / {} / {}", latency_text(stats.send_lag.p50), latency_text(stats.send_lag.p99), latency_text(stats.send_lag.max)));
    row("valid", stats.valid ? "yes" : "**no**: " + plain(stats.reasons.empty() ? "" : stats.reasons.front()));
    return out;
}

std::string paths(const ReplayStats& stats) {
    constexpr std::size_t kShown = 30;
    const PathResults results = busiest_paths(stats, kShown);
    std::string out = "\n| sent | errors | p50 | p99 | request |\n| ---: | ---: | ---: | ---: | --- |\n";
    for (const PathResult& path : results.shown)
        out += fmt::format("| {} | {} | {} | {} | {} |\n", path.sent, path.errors, path.p50, path.p99, plain(path.name));
    if (results.more > 0) out += fmt::format("\nand {} more\n", results.more);
    return out;
}

std::string bullets(const std::vector<std::string>& texts, std::size_t top = 20) {
    std::string out;
    for (std::size_t i = 0; i < std::min(texts.size(), top); ++i) out += "- " + plain(texts[i]) + "\n";
    if (texts.size() > top) out += fmt::format("- and {} more\n", texts.size() - top);
    return out;
}

}  // namespace

namespace markdown {

std::vector<std::string> diagnosis_parts(const Diagnosis& diagnosis, const RenderOptions& options) {
    const Summary summary = summarize(diagnosis);
    std::vector<std::string> parts;
    parts.push_back(fmt::format("### leakline: {}\n\n{}\n\n", plain(summary.verdict), plain(summary.reason)));

    std::string facts = "| | |\n| --- | --- |\n";
    const auto row = [&](std::string_view name, const std::string& value) { facts += fmt::format("| {} | {} |\n", name, value); };
    row("growth", plain(summary.growth));
    if (summary.top != nullptr) {
        row("top line", code(place_text(summary.top->at)) + " " + code(summary.top->source));
        if (!summary.top_note.empty()) row("", summary.top_note);
        row("growth through it",
            signed_bytes(summary.top->growth_bytes) + ", " + std::string(growth_class_name(summary.top->growth_class)));
        if (!summary.held_by.empty()) row("held by", plain(summary.held_by));
        if (!summary.types.empty()) row("by type", plain(summary.types));
        if (!summary.audited.empty()) row("source", plain(summary.audited));
    } else if (!summary.held_by.empty()) {
        row("held by", plain(summary.held_by));
    }
    const std::vector<std::string> endpoints = endpoint_words(diagnosis);
    for (const std::string& words : endpoints) row(&words == &endpoints.front() ? "by endpoint" : "", plain(words));
    for (const TrafficRow& words : traffic_rows(diagnosis)) row(words.name, plain(words.text));
    if (!summary.limit.empty()) row("limit", plain(summary.limit));
    const std::vector<std::string> soak = soak_words(diagnosis);
    for (const std::string& words : soak) row(&words == &soak.front() ? "soak" : "", plain(words));
    row("detection limit", plain(summary.detection.text()));
    const std::vector<std::string> resources = resource_lines(diagnosis), processes = process_lines(diagnosis);
    for (const std::string& words : resources) row(&words == &resources.front() ? "resources" : "", plain(words));
    for (const ResourceLineRow& words : resource_line_rows(diagnosis)) row(words.name, plain(words.text));
    for (const std::string& words : processes) row(&words == &processes.front() ? "processes" : "", plain(words));
    for (const Gate& gate : diagnosis.gates)
        row(fmt::format("gate {}", outcome_name(gate.outcome)),
            plain(gate.name) + (gate.message.empty() ? "" : ": " + plain(gate.message)));
    if (diagnosis.gates.empty() && diagnosis.max_growth) row("budget", plain(growth_text(*diagnosis.max_growth)));
    parts.push_back(facts);

    if (diagnosis.reasons.size() > 1) parts.push_back(details("All reasons", bullets(diagnosis.reasons)));
    if (summary.table != nullptr)
        parts.push_back(details("Line by line: " + code(summary.table->function), table(*summary.table, options)));
    if (!diagnosis.lines.lines.empty()) parts.push_back(details("Lines by growth", ranking(diagnosis.lines.lines, options.top)));
    parts.push_back(details("Memory accounting", accounting(diagnosis.lines)));
    parts.push_back(details("Replay", replay(diagnosis.replay)));
    std::vector<std::string> warnings = diagnosis.warnings;
    warnings.insert(warnings.end(), diagnosis.caveats.begin(), diagnosis.caveats.end());
    warnings.insert(warnings.end(), diagnosis.lines.warnings.begin(), diagnosis.lines.warnings.end());
    if (!warnings.empty()) parts.push_back(details(fmt::format("{} warnings", warnings.size()), bullets(warnings)));
    for (const LineTable& other : diagnosis.lines.tables)
        if (&other != summary.table) parts.push_back(details("Line by line: " + code(other.function), table(other, options)));
    return parts;
}

std::string with_heading(std::string_view heading, const Comparison& comparison, const RenderOptions& options) {
    const std::string unit = comparison.per == Growth::Per::request ? "request" : "hour";
    std::string out = fmt::format("{}{}: {}\n\n", heading, outcome_name(comparison.outcome), plain(comparison.reasons.front()));
    for (std::size_t i = 1; i < comparison.reasons.size(); ++i) out += plain(comparison.reasons[i]) + "\n\n";
    out += fmt::format("Growth of live heap per {}: {} before, {} after\n\n", unit, format_bytes(comparison.total_before),
                       format_bytes(comparison.total_after));
    if (comparison.lines.empty()) return out;
    out += fmt::format("| change | before, per {0} | after, per {0} | difference | line | source |\n", unit);
    out += "| --- | ---: | ---: | ---: | --- | --- |\n";
    for (std::size_t i = 0; i < std::min(options.top, comparison.lines.size()) && out.size() < kLimit; ++i) {
        const LineDifference& line = comparison.lines[i];
        const CodeLine& at = line.after ? *line.after : line.before ? *line.before : CodeLine{};
        out += fmt::format("| {}{} | {} | {} | {} | {} | {} |\n", line.over_budget ? "**leak** " : "", line_change_name(line.change),
                           line.before ? interval_text(line.rate_before) : "", line.after ? interval_text(line.rate_after) : "",
                           interval_text(line.difference), plain(place_text(at)), code(trim(line.source)));
    }
    for (const std::string& warning : comparison.warnings) out += "\n- " + plain(warning);
    return out + "\n";
}

std::string with_heading(std::string_view heading, const History& history, const RenderOptions& options) {
    std::string out = fmt::format("{}History, {}: {}\n\n", heading, history_verdict(history), plain(history_headline(history)));
    out += "| change | smallest before | per request, oldest first | line | source |\n| --- | ---: | --- | --- | --- |\n";
    for (std::size_t i = 0; i < std::min(options.top, history.lines.size()) && out.size() < kLimit; ++i) {
        const History::Line& line = history.lines[i];
        std::string growth;  // of the newest runs: a cell has to stay readable
        for (std::size_t run = line.growth.size() - std::min<std::size_t>(line.growth.size(), 12); run < line.growth.size(); ++run)
            growth += (growth.empty() ? "" : ", ") + (line.growth[run] ? format_bytes(line.growth[run]->estimate) : "?");
        out += fmt::format("| {}{} | {} | {} | {} | {} |\n", worse(line.change) ? "**leak** " : "", change_name(line.change),
                           line.least ? format_bytes(*line.least) : "", growth, plain(place_text(line.at)), code(line.source));
    }
    out += fmt::format("\n{} runs", history.runs.size());
    if (!history.runs.empty())
        out += fmt::format(", the newest: {} ({})", plain(history.runs.back().file), verdict_name(history.runs.back().verdict));
    for (const std::string& warning : history.warnings) out += "\n- " + plain(warning);
    return utf8_cut(out, kLimit - 4) + "\n";
}

}  // namespace markdown

namespace {

std::string render(const Diagnosis& diagnosis, const RenderOptions& options) { return fit(diagnosis_parts(diagnosis, options)); }

std::string render(const LineReport& report, const RenderOptions& options) {
    std::vector<std::string> parts;
    parts.push_back(fmt::format("### leakline: {} of live heap\n\n", signed_bytes(report.accounting.live_delta_bytes)));
    if (!report.unavailable.empty()) parts.push_back(plain(report.unavailable) + "\n\n");
    if (report.headline)
        parts.push_back(fmt::format("Top line: {} {}, {}\n\n", code(line_and_function(report.headline->line.at)),
                                    code(report.headline->line.source), signed_bytes(report.headline->line.growth_bytes)));
    parts.push_back(ranking(report.lines, options.top));
    for (const LineTable& value : report.tables) parts.push_back(details("Line by line: " + code(value.function), table(value, options)));
    parts.push_back(details("Memory accounting", accounting(report)));
    if (!report.warnings.empty()) parts.push_back(details(fmt::format("{} warnings", report.warnings.size()), bullets(report.warnings)));
    return fit(parts);
}

std::string render(const TrendReport& report, const RenderOptions&) {
    std::vector<std::string> parts;
    std::string rows = "| verdict | slope | series | reason |\n| --- | --- | --- | --- |\n";
    std::size_t shown = 0;
    for (const TrendReport::Item& item : report.items) {
        const std::string row = fmt::format("| **{}** | {} | {} | {} |\n", trend_name(item.verdict.verdict),
                                            plain(slope_text(item.verdict)), code(item.series.name.empty() ? item.file : item.series.name),
                                            plain(item.verdict.reasons.empty() ? "" : item.verdict.reasons.front()));
        if (rows.size() + row.size() > kLimit - 5000) break;
        rows += row;
        ++shown;
    }
    if (shown < report.items.size()) rows += fmt::format("\n_and {} more series_\n", report.items.size() - shown);
    for (const TrendReport::Count& count : report.counts) {
        if (rows.size() > kLimit - 5000) break;
        rows +=
            fmt::format("| **{}** | | {} | {} |\n", trend_name(count.growth.verdict),
                        code(fmt::format("{} {}", count.file, resource_name(count.growth.resource))), plain(resource_line(count.growth)));
    }
    parts.push_back(rows);
    if (!report.warnings.empty())
        parts.push_back(details(fmt::format("{} warnings", report.warnings.size()), bullets(report.warnings, 10)));
    return fit(parts);
}

std::string render(const Comparison& comparison, const RenderOptions& options) { return with_heading("### ", comparison, options); }

std::string render(const History& history, const RenderOptions& options) { return with_heading("### ", history, options); }

std::string render(const ReplayStats& stats, const RenderOptions&) {
    std::vector<std::string> parts = {replay(stats), paths(stats)};
    if (!stats.warnings.empty()) parts.push_back(details(fmt::format("{} warnings", stats.warnings.size()), bullets(stats.warnings)));
    return fit(parts);
}

std::string render(const Audit& audit, const RenderOptions& options) {
    using Level = AuditFinding::Level;
    std::string out = fmt::format("### Audit: {} errors, {} warnings, {} notes in {} units\n\n", audit.open(Level::error),
                                  audit.open(Level::warning), audit.open(Level::note), audit.units);
    std::size_t rows = 0;
    for (const AuditFinding& finding : audit.findings) {
        if (!finding.accepted.empty() || finding.level == Level::note || rows == options.top || out.size() > kLimit / 2) continue;
        if (rows++ == 0) out += "| level | finding | source |\n| --- | --- | --- |\n";
        out += fmt::format("| {} | {} | {} |\n", level_name(finding.level), plain(finding_message(finding)),
                           code(finding.growth.empty() ? finding.source : finding.growth.front().source));
    }
    for (const Audit::FailedUnit& unit : audit.failed)
        if (out.size() < kLimit)
            out += fmt::format("\n- not read{}: {}: {}", unit.partly ? " in full" : "", plain(unit.file),
                               plain(unit.reasons.empty() ? "" : unit.reasons.front()));
    for (const std::string& warning : audit.warnings) out += "\n- " + plain(warning);
    return utf8_cut(out, kLimit - 4) + "\n";
}

}  // namespace

std::string render_markdown(const Document& document, const RenderOptions& options) {
    return render_form(document, "md", [&](const auto& value) -> decltype(render(value, options)) { return render(value, options); });
}

}  // namespace leakline::report
