// The HTML format: for each document the page that shows it.
#include <fmt/format.h>

#include "base/quantities.hpp"
#include "base/strings.hpp"
#include "base/utf8.hpp"
#include "report/internal/html_page.hpp"
#include "report/internal/renderers.hpp"
#include "report/internal/summary.hpp"

namespace leakline::report {

namespace {

std::string render(const Diagnosis& diagnosis, const RenderOptions& options) { return html_page(html_diagnosis(diagnosis, options)); }

std::string render(const LineReport& report, const RenderOptions& options) {
    std::vector<HtmlTile> tiles = {
        {"Growth of live heap", format_signed_bytes(static_cast<double>(report.accounting.live_delta_bytes)), "within the window"}};
    const LineGrowth* top = report.headline ? &report.headline->line : nullptr;
    if (top != nullptr) {
        tiles.push_back({"Top line", std::string(file_name(place_text(top->at))),
                         fmt::format("in {}", utf8_cut(short_function(top->at.function), 120)), "place"});
        tiles.push_back({"Growth through it", format_signed_bytes(static_cast<double>(top->growth_bytes)),
                         std::string(growth_class_name(top->growth_class))});
    }
    tiles.push_back({"Peak of live heap", format_bytes(static_cast<double>(report.totals.peak_bytes)),
                     counted(report.totals.allocations, "allocation")});
    std::string program = program_name(report.command);
    if (program.empty()) program = "recording";
    HtmlPage page{"Growth of live heap: " + program + " - leakline",
                  fmt::format("<p class=\"kind\">Heap recording</p>\n<h1>{}</h1>\n<p class=\"about\"><code>{}</code> {}</p>\n{}",
                              html_cut(program), html_cut(report.command), html_cut(report.completeness), html_tiles(tiles))};
    if (!report.unavailable.empty()) page.header += fmt::format("<p>{}</p>\n", html_cut(report.unavailable));
    const LineTable* table = top != nullptr ? table_of(report, top->at) : nullptr;
    page.sections = {{"code", "Code", html_line_tables(report, table, top != nullptr ? &top->at : nullptr, options)}};
    page.data = "{" + add_line_sections(page.sections, report, options, false) + "}";
    page.sections.push_back({"warnings", "Warnings", html_list(report.warnings)});
    page.glossary = true;
    return html_page(page);
}

std::string render(const TrendReport& report, const RenderOptions&) { return html_page(html_trends(report)); }

// Answers with an error and requests without an answer, by what is most frequent.
HtmlTile errors_tile(const ReplayStats& stats) {
    std::uint64_t errors = 0, most = 0;
    std::string what;
    const auto add = [&](std::uint64_t count, const std::string& name) {
        errors += count;
        if (count > most) {
            most = count;
            what = name;
        }
    };
    for (const auto& [status, count] : stats.statuses)
        if (status >= 400) add(count, fmt::format("status {}", status));
    for (std::size_t i = 0; i < kFailureCount; ++i) add(stats.failures[i], std::string(failure_text(static_cast<Failure>(i))));
    return {"Errors", format_count(errors), what.empty() ? "" : (most == errors ? "" : "mostly ") + what};
}

std::string render(const ReplayStats& stats, const RenderOptions&) {
    std::vector<HtmlTile> tiles = {
        {"Replay", stats.valid ? "valid" : "not valid", stats.valid ? "paced as planned" : "", stats.valid ? "no_leak" : "invalid"},
        {"Responses", format_count(stats.completed), "to " + counted(stats.sent, "request")},
        {"Rate", format_per_second(stats.rate), stats.target_rate ? "of " + format_per_second(*stats.target_rate) + " planned" : ""}};
    if (stats.latency.count > 0)
        tiles.push_back({"Latency, p99", latency_text(stats.latency.p99), fmt::format("median {}", latency_text(stats.latency.p50))});
    tiles.push_back(errors_tile(stats));
    const std::string reason = stats.valid || stats.reasons.empty() ? "" : stats.reasons.front();
    return html_page({fmt::format("Replay: {} - leakline", stats.valid ? "valid" : "not valid"),
                      fmt::format("<p class=\"kind\">Replay</p>\n<h1>{}</h1>\n{}<p class=\"lead\">{}</p>\n", counted(stats.sent, "request"),
                                  html_tiles(tiles), html_cut(reason)),
                      {{"replay", "Latency and responses", html_replay(stats)},
                       {"requests", "By request", html_paths(stats)},
                       {"warnings", "Warnings", html_list(stats.warnings)}}});
}

std::string render(const Comparison& comparison, const RenderOptions& options) { return html_page(html_comparison(comparison, options)); }

std::string render(const History& history, const RenderOptions&) { return html_page(html_history(history)); }

}  // namespace

std::string render_html(const Document& document, const RenderOptions& options) {
    return render_form(document, "html", [&](const auto& value) -> decltype(render(value, options)) { return render(value, options); });
}

}  // namespace leakline::report
