#include "report/internal/html_page.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>

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

std::string signed_bytes(std::int64_t bytes) { return format_signed_bytes(static_cast<double>(bytes)); }

// Of a line of the table; 0 if none grows.
double largest_increment(const LineTable& table) {
    double largest = 0;
    for (const LineTable::Row& row : table.rows)
        if (row.cells) largest = std::max(largest, row.cells->increment_bytes);
    return largest;
}

// The rows of a table that are shown at once: those with figures, the line at fault and what surrounds them; all of a table
// that is not long.
std::vector<bool> near_cells(const LineTable& table, const CodeLine* at) {
    constexpr std::size_t kAround = 6, kWorthFolding = 8;
    std::vector<bool> near(table.rows.size(), false);
    for (std::size_t i = 0; i < near.size(); ++i) {
        const LineTable::Row& row = table.rows[i];
        if (i != 0 && !row.cells && (at == nullptr || at->line != row.line)) continue;
        const std::size_t begin = i < kAround ? 0 : i - kAround, end = std::min(near.size(), i + kAround + 1);
        std::fill(near.begin() + static_cast<std::ptrdiff_t>(begin), near.begin() + static_cast<std::ptrdiff_t>(end), true);
    }
    for (auto from = near.begin(); from != near.end();) {
        from = std::find(from, near.end(), false);
        const auto to = std::find(from, near.end(), true);
        if (static_cast<std::size_t>(to - from) < kWorthFolding) std::fill(from, to, true);
        from = to;
    }
    return near;
}

std::string source_row(const LineTable::Row& row, const RenderOptions& options, bool at_fault, double largest) {
    std::string bar, usage, increment, occurrences;
    if (row.cells) {
        usage = memory_cell(row.cells->usage_bytes, options.unit, options.precision);
        increment = memory_cell(row.cells->increment_bytes, options.unit, options.precision);
        occurrences = format_count(row.cells->occurrences);
        if (largest > 0 && row.cells->increment_bytes > 0)
            bar = fmt::format("<span class=\"bar\" style=\"width:{:.1f}%\"></span>", 100 * row.cells->increment_bytes / largest);
    }
    return fmt::format(
        "<tr{}><td class=\"n\">{}</td><td class=\"n wide\">{}</td><td class=\"n\">{}</td><td class=\"n "
        "wide\">{}</td><td class=\"text\">{}<span>{}</span></td></tr>\n",
        at_fault ? " class=\"at\"" : "", row.line, usage, increment, occurrences, bar, html_cut(row.text));
}

constexpr const char* kRankingHead =
    "<div class=\"scroll\"><table class=\"ranked\">\n<thead><tr><th class=\"n\">Growth</th><th class=\"n\">Per request</th><th "
    "class=\"n wide\">Live at the end</th><th "
    "class=\"n wide\">Allocations</th><th>Class</th><th>Line</th></tr></thead>\n<tbody>\n";

std::string ranking_row(const LineGrowth& line) {
    return fmt::format(
        "<tr{}><td class=\"n\">{}</td><td class=\"n\">{}</td><td class=\"n wide\">{}</td><td class=\"n "
        "wide\">{}</td><td class=\"word\">{}</td><td><code>{}</code> "
        "<span class=\"note\">{}</span><br><code>{}</code></td></tr>\n",
        line.leaking ? " class=\"leaking\"" : "", growth_text(line.growth_bytes, line.growth_error_bytes),
        line.bytes_per_request ? format_bytes(line.bytes_per_request->estimate) : "-",
        format_bytes(static_cast<double>(line.live_last_bytes)), format_count(line.allocations), growth_class_name(line.growth_class),
        html_cut(place_text(line.at)), html_cut(short_function(line.at.function)), html_cut(trim(line.source)));
}

}  // namespace

std::string html_cut(std::string_view text) {
    if (text.size() <= kLongestText) return xml_text(text);
    return fmt::format("{}... <span class=\"note\">({} bytes)</span>", xml_text(utf8_head(text, kLongestText)), text.size());
}

std::string program_name(std::string_view command) {
    static constexpr std::array<std::string_view, 10> kInterpreters = {"python", "node", "ruby", "perl", "php",
                                                                       "java",   "bash", "sh",   "env",  "dotnet"};
    std::string_view first;
    for (const std::string_view word : split(command, ' ')) {
        const std::string_view name = file_name(word);
        if (name.empty() || name.starts_with('-') || name.find('=') != std::string_view::npos) continue;
        if (first.empty()) first = name;
        if (std::none_of(kInterpreters.begin(), kInterpreters.end(), [&](std::string_view known) {
                return name.starts_with(known) && name.find_first_not_of("0123456789.", known.size()) == std::string_view::npos;
            }))
            return std::string(name);
    }
    return std::string(first);
}

std::string html_line_table(const LineTable& table, const RenderOptions& options, const CodeLine* at) {
    const double largest = largest_increment(table);
    const std::vector<bool> near = near_cells(table, at);
    std::string out = fmt::format(
        "<p class=\"note\">Filename: <code>{}</code></p>\n<div "
        "class=\"scroll\"><table class=\"source code\">\n<thead><tr><th "
        "class=\"n\">Line #</th><th class=\"n wide\">Mem usage</th><th class=\"n\">Increment</th><th "
        "class=\"n wide\">Occurrences</th><th>Line "
        "Contents</th></tr></thead>\n<tbody>\n",
        xml_text(table.file));
    for (std::size_t i = 0; i < table.rows.size(); ++i) {
        if (!near[i] && (i == 0 || near[i - 1])) {
            const auto end = std::find(near.begin() + static_cast<std::ptrdiff_t>(i), near.end(), true);
            out += fmt::format(
                "</tbody>\n<tbody class=\"more scripted\"><tr><td colspan=\"5\"><button type=\"button\">Show {} more lines</button></td></tr>"
                "</tbody>\n<tbody class=\"far\">\n",
                end - near.begin() - static_cast<std::ptrdiff_t>(i));
        }
        if (near[i] && i > 0 && !near[i - 1]) out += "</tbody>\n<tbody>\n";
        out += source_row(table.rows[i], options, at != nullptr && at->line == table.rows[i].line && at->file == table.file, largest);
    }
    out += "</tbody></table></div>\n<details class=\"columns\"><summary>What the columns mean</summary>\n<p class=\"note\">";
    for (const std::string& line : line_table_footer(table.origin)) out += xml_text(line) + "<br>";
    return out + "</p></details>\n";
}

std::string html_line_tables(const LineReport& report, const LineTable* first, const CodeLine* at, const RenderOptions& options) {
    std::string out;
    const auto cell = [&](double bytes) { return memory_cell(bytes, options.unit, options.precision); };
    const auto is_printed = [&](double bytes) { return cell(bytes) != cell(0); };
    const auto heading = [](const LineTable& table) { return fmt::format("<code>{}</code>", html_cut(short_function(table.function))); };
    if (first != nullptr) out += fmt::format("<h3>{}</h3>\n", heading(*first)) + html_line_table(*first, options, at);
    for (const LineTable& table : report.tables) {
        if (&table == first) continue;
        const double largest = largest_increment(table);
        out += fmt::format("<details><summary>{} <span class=\"note\">{}</span></summary>\n{}</details>\n", heading(table),
                           is_printed(largest) ? "up to " + format_signed_bytes(largest) + " at a line" : "no growth",
                           html_line_table(table, options));
    }
    return out;
}

std::string html_ranking(const std::vector<LineGrowth>& lines, const RenderOptions& options) {
    const std::size_t shown = std::min(lines.size(), options.top);
    const auto end = lines.begin() + static_cast<std::ptrdiff_t>(shown);
    const auto none = std::find_if(lines.begin(), end, [](const LineGrowth& line) { return line.growth_bytes == 0; });
    const auto some = std::find_if(none, end, [](const LineGrowth& line) { return line.growth_bytes != 0; });
    const auto rows = [&](auto from, auto to) {
        std::string out;
        for (; from != to; ++from) out += ranking_row(*from);
        return out.empty() ? out : kRankingHead + out + "</tbody></table></div>\n";
    };
    std::string out = fmt::format("<p class=\"note\">{} of {}; a line marked red grows in every round after warm-up.</p>\n{}", shown,
                                  counted(lines.size(), "line"), rows(lines.begin(), none));
    if (none != some)
        out += fmt::format("<details><summary>{} without growth</summary>\n{}</details>\n",
                           counted(static_cast<std::size_t>(some - none), "line"), rows(none, some));
    return out + rows(some, end);
}

std::string html_accounting(const LineReport& report) {
    std::string out;
    if (const std::string sampling = sampling_text(report); !sampling.empty())
        out += fmt::format("<p class=\"note\">Heap bytes are {} ({}, 95 %).</p>\n", sampling,
                           error_text(report.accounting.live_delta_error_bytes));
    out += "<div class=\"scroll\"><table>\n<tbody>\n";
    for (const AccountingRow& row : accounting_rows(report.accounting))
        out += fmt::format(
            "<tr{}><td>{}</td><td class=\"n\">{}</td><td class=\"n\">{:+} B</td><td "
            "class=\"note\">{}</td></tr>\n",
            row.bytes == 0 ? " class=\"zero\"" : "", row.name, signed_bytes(row.bytes), row.bytes, row.note);
    return out + "</tbody></table></div>\n";
}

std::string html_replay(const ReplayStats& stats) {
    std::string out = fmt::format(
        "<p>{} read = {} sent + {} unsent + {} bad + {} filtered; {} completed. {} sent{}.{}</p>\n", format_count(stats.read),
        format_count(stats.sent), format_count(stats.unsent), format_count(stats.bad), format_count(stats.filtered),
        format_count(stats.completed), format_per_second(stats.rate),
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
        "<div class=\"scroll\"><table>\n<thead><tr><th class=\"n\">Sent</th><th class=\"n\">Errors</th><th "
        "class=\"n\">p50</th><th class=\"n\">p99</th><th>Request</th></tr></thead>\n<tbody>\n";
    for (const PathResult& path : results.shown)
        out += fmt::format(
            "<tr><td class=\"n\">{}</td><td class=\"n\">{}</td><td class=\"n\">{}</td><td class=\"n\">{}</td><td>{}</td></tr>\n", path.sent,
            path.errors, path.p50, path.p99, html_cut(path.name));
    out += "</tbody></table></div>\n";
    if (results.more > 0) out += fmt::format("<p>and {} more</p>\n", results.more);
    return out;
}

std::string html_list(const std::vector<std::string>& texts) {
    if (texts.empty()) return {};
    std::string out = "<ul>\n";
    for (const std::string& text : texts) out += fmt::format("<li>{}</li>\n", html_cut(text));
    return out + "</ul>\n";
}

}  // namespace leakline::report
