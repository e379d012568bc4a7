#include "report/internal/html_page.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "base/quantities.hpp"
#include "base/strings.hpp"
#include "base/utf8.hpp"
#include "report/internal/line_table.hpp"
#include "report/internal/path_results.hpp"
#include "report/internal/summary.hpp"
#include "report/internal/xml.hpp"

namespace leakline::report {

namespace {

constexpr std::size_t kLongestText = 2000;  // of one source line: a minified file must not make the page unusable

// JSON within <script>: no "</script" or "<!--" can end it, and line separators are escaped for old parsers.
std::string script_safe(std::string_view json) {
    std::string out;
    out.reserve(json.size());
    for (std::size_t i = 0; i < json.size(); ++i) {
        if (json[i] == '<')
            out += "\\u003c";
        else if (json.substr(i, 3) == "\xe2\x80\xa8" || json.substr(i, 3) == "\xe2\x80\xa9") {
            out += json[i + 2] == '\xa8' ? "\\u2028" : "\\u2029";
            i += 2;
        } else
            out += json[i];
    }
    return out;
}

std::string signed_bytes(std::int64_t bytes) { return format_signed_bytes(static_cast<double>(bytes)); }

}  // namespace

std::string html_cut(std::string_view text) {
    if (text.size() <= kLongestText) return xml_text(text);
    return fmt::format("{}... <span class=\"note\">({} bytes)</span>", xml_text(utf8_head(text, kLongestText)), text.size());
}

std::string html_page(const std::string& title, const std::string& body, const std::string& data) {
    // The policy forbids the page to load or send anything, whatever its content.
    std::string out = fmt::format(
        "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
        "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src "
        "'unsafe-inline'; script-src "
        "'unsafe-inline'; img-src data:\">\n"
        "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n<title>{}</title>\n<link "
        "rel=\"icon\" href=\"data:,\">\n",
        xml_text(title));
    if (!data.empty()) out += fmt::format("<style>{}</style>\n", assets::uplot_css);
    out += fmt::format("<style>{}</style>\n", assets::report_css);
    // Without scripts only the static chart and the tables are shown, without empty frames.
    out += "<noscript><style>.chart, .tools, .keys, .scripted { display: none }</style></noscript>\n";
    out += fmt::format("</head>\n<body>\n{}", body);
    if (!data.empty()) {
        out += fmt::format("<script type=\"application/json\" id=\"data\">{}</script>\n", script_safe(data));
        for (std::string_view script : {assets::uplot_js, assets::flamegraph_js, assets::report_js})
            out += fmt::format("<script>{}</script>\n", script);
    }
    return out + "</body>\n</html>\n";
}

std::string html_line_table(const LineTable& table, const RenderOptions& options) {
    double largest = 0;
    for (const LineTable::Row& row : table.rows)
        if (row.cells) largest = std::max(largest, row.cells->increment_bytes);
    std::string out = fmt::format(
        "<h3><code>{}</code></h3>\n<p class=\"note\">Filename: <code>{}</code></p>\n<div "
        "class=\"scroll\"><table class=\"source code\">\n<thead><tr><th "
        "class=\"n\">Line #</th><th class=\"n wide\">Mem usage</th><th class=\"n\">Increment</th><th "
        "class=\"n wide\">Occurrences</th><th>Line "
        "Contents</th></tr></thead>\n<tbody>\n",
        xml_text(table.function), xml_text(table.file));
    for (const LineTable::Row& row : table.rows) {
        std::string bar, usage, increment, occurrences;
        if (row.cells) {
            usage = memory_cell(row.cells->usage_bytes, options.unit, options.precision);
            increment = memory_cell(row.cells->increment_bytes, options.unit, options.precision);
            occurrences = format_count(row.cells->occurrences);
            if (largest > 0 && row.cells->increment_bytes > 0)
                bar = fmt::format("<span class=\"bar\" style=\"width:{:.1f}%\"></span>", 100 * row.cells->increment_bytes / largest);
        }
        out += fmt::format(
            "<tr><td class=\"n\">{}</td><td class=\"n wide\">{}</td><td class=\"n\">{}</td><td class=\"n "
            "wide\">{}</td><td class=\"text\">{}<span>{}</span></td></tr>\n",
            row.line, usage, increment, occurrences, bar, html_cut(row.text));
    }
    out += "</tbody></table></div>\n<p class=\"note\">";
    for (const std::string& line : line_table_footer(table.origin)) out += xml_text(line) + "<br>";
    return out + "</p>\n";
}

std::string html_ranking(const std::vector<LineGrowth>& lines, const RenderOptions& options) {
    const std::size_t shown = std::min(lines.size(), options.top);
    std::string out = fmt::format(
        "<h2>Lines by growth of live bytes</h2>\n<p class=\"note\">{} of {} lines; a line marked red grows "
        "in every round after warm-up.</p>\n<div "
        "class=\"scroll\"><table class=\"ranked\">\n<thead><tr><th class=\"n\">Growth</th><th class=\"n\">Per request</th><th "
        "class=\"n wide\">Live at the end</th><th "
        "class=\"n wide\">Allocations</th><th>Class</th><th>Line</th></tr></thead>\n<tbody>\n",
        shown, lines.size());
    for (std::size_t i = 0; i < shown; ++i) {
        const LineGrowth& line = lines[i];
        out += fmt::format(
            "<tr{}><td class=\"n\">{}</td><td class=\"n\">{}</td><td class=\"n wide\">{}</td><td class=\"n "
            "wide\">{}</td><td class=\"word\">{}</td><td><code>{}</code> "
            "<span class=\"note\">{}</span><br><code>{}</code></td></tr>\n",
            line.leaking ? " class=\"leaking\"" : "", growth_text(line.growth_bytes, line.growth_error_bytes),
            line.bytes_per_request ? format_bytes(line.bytes_per_request->estimate) : "-",
            format_bytes(static_cast<double>(line.live_last_bytes)), format_count(line.allocations), growth_class_name(line.growth_class),
            html_cut(place_text(line.at)), html_cut(short_function(line.at.function)), html_cut(trim(line.source)));
    }
    return out + "</tbody></table></div>\n";
}

std::string html_accounting(const LineReport& report) {
    std::string out = "<h2>Memory accounting</h2>\n";
    if (const std::string sampling = sampling_text(report); !sampling.empty())
        out += fmt::format("<p class=\"note\">Heap bytes are {} ({}, 95 %).</p>\n", sampling,
                           error_text(report.accounting.live_delta_error_bytes));
    out += "<div class=\"scroll\"><table>\n<tbody>\n";
    for (const AccountingRow& row : accounting_rows(report.accounting))
        out += fmt::format(
            "<tr><td>{}</td><td class=\"n\">{:+} B</td><td class=\"n\">{}</td><td "
            "class=\"note\">{}</td></tr>\n",
            row.name, row.bytes, signed_bytes(row.bytes), row.note);
    return out + "</tbody></table></div>\n";
}

std::string html_replay(const ReplayStats& stats) {
    std::string out = fmt::format(
        "<h2>Replay</h2>\n<p>{} read = {} sent + {} unsent + {} bad + {} filtered; {} completed. {} sent{}.{}</p>\n",
        format_count(stats.read), format_count(stats.sent), format_count(stats.unsent), format_count(stats.bad),
        format_count(stats.filtered), format_count(stats.completed), format_per_second(stats.rate),
        stats.target_rate ? fmt::format(" of {} due", format_per_second(*stats.target_rate)) : "",
        stats.valid ? "" : " <strong>Invalid:</strong> " + xml_text(stats.reasons.empty() ? "no reason was given" : stats.reasons.front()));
    out +=
        "<div class=\"scroll\"><table class=\"quantiles\">\n<thead><tr><th>Latency from the due time</th><th "
        "class=\"n\">ms</th><th></th></tr></thead>\n<tbody>\n";
    for (const auto& [name, us] :
         {std::pair("p50", stats.latency.p50), std::pair("p90", stats.latency.p90), std::pair("p99", stats.latency.p99),
          std::pair("p99.9", stats.latency.p999), std::pair("max", stats.latency.max)})
        out += fmt::format(
            "<tr><td>{}</td><td class=\"n\">{:.3f}</td><td class=\"bar-cell\"><span class=\"fill\" "
            "style=\"width:{:.1f}%\"></span></td></tr>\n",
            name, us / 1000, stats.latency.max > 0 ? std::clamp(100 * us / stats.latency.max, 0.0, 100.0) : 0.0);
    out +=
        "</tbody></table></div>\n<div class=\"scroll\"><table>\n<thead><tr><th>Response</th><th "
        "class=\"n\">Requests</th></tr></thead>\n<tbody>\n";
    for (const auto& [status, count] : stats.statuses)
        out += fmt::format("<tr><td>{}</td><td class=\"n\">{}</td></tr>\n", status, format_count(count));
    for (std::size_t i = 0; i < kFailureCount; ++i)
        if (stats.failures[i] != 0)
            out += fmt::format("<tr><td>{}</td><td class=\"n\">{}</td></tr>\n", failure_text(static_cast<Failure>(i)),
                               format_count(stats.failures[i]));
    out += "</tbody></table></div>\n";
    if (stats.send_lag.count > 0)
        out += fmt::format("<p>Send lag: p50 {}, p99 {}, max {}</p>\n", latency_text(stats.send_lag.p50), latency_text(stats.send_lag.p99),
                           latency_text(stats.send_lag.max));
    return out;
}

std::string html_paths(const ReplayStats& stats) {
    constexpr std::size_t kShown = 100;
    const PathResults results = busiest_paths(stats, kShown);
    std::string out =
        "<h2>By request</h2>\n<div class=\"scroll\"><table>\n<thead><tr><th class=\"n\">Sent</th><th class=\"n\">Errors</th><th "
        "class=\"n\">p50</th><th class=\"n\">p99</th><th>Request</th></tr></thead>\n<tbody>\n";
    for (const PathResult& path : results.shown)
        out += fmt::format(
            "<tr><td class=\"n\">{}</td><td class=\"n\">{}</td><td class=\"n\">{}</td><td class=\"n\">{}</td><td>{}</td></tr>\n", path.sent,
            path.errors, path.p50, path.p99, html_cut(path.name));
    out += "</tbody></table></div>\n";
    if (results.more > 0) out += fmt::format("<p>and {} more</p>\n", results.more);
    return out;
}

std::string html_list(const std::string& heading, const std::vector<std::string>& texts) {
    if (texts.empty()) return {};
    std::string out = fmt::format("<h2>{}</h2>\n<ul>\n", heading);
    for (const std::string& text : texts) out += fmt::format("<li>{}</li>\n", html_cut(text));
    return out + "</ul>\n";
}

}  // namespace leakline::report
