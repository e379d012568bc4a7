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
    add_line_sections(page.sections, report, options, false);
    page.sections.push_back({"warnings", "Warnings", html_list(report.warnings)});
    page.data = "{" + line_chart_data(report) + "}";
    page.glossary = true;
    return html_page(page);
}

std::string render(const TrendReport& report, const RenderOptions&) { return html_page(html_trends(report)); }

std::string render(const ReplayStats& stats, const RenderOptions&) {
    return html_page({"leakline: replay",
                      fmt::format("<h1>Replay: {}</h1>\n", stats.valid ? "valid" : "not valid"),
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
