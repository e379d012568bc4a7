// The page of a history: the slow growth by name, a row a run, a row a line with its curve over the runs. It needs no script.
#include <fmt/format.h>

#include <algorithm>

#include "base/quantities.hpp"
#include "base/strings.hpp"
#include "report/internal/history_text.hpp"
#include "report/internal/html_page.hpp"
#include "report/internal/summary.hpp"
#include "report/internal/svg.hpp"
#include "report/internal/xml.hpp"

namespace leakline::report {

namespace {

constexpr std::size_t kColumns = 6;  // lines that get a column of their own in the table of runs

std::string growth_cell(const std::optional<Interval>& growth) {
    return fmt::format("<td class=\"n\">{}</td>", growth ? xml_text(format_bytes(growth->estimate)) : "?");
}

// Over the runs, not over the calendar: days without a run must not look like a plateau.
std::string curve(const History::Line& line) {
    Series series;
    for (std::size_t run = 0; run < line.growth.size(); ++run) {
        if (!line.growth[run]) continue;
        series.seconds.push_back(static_cast<double>(run));
        series.value.push_back(line.growth[run]->estimate);
    }
    return sparkline_svg(series, worse(line.change)                     ? Trend::growing
                                 : line.change == History::Change::gone ? Trend::stable
                                                                        : Trend::inconclusive);
}

std::string table_of_lines(const History& history) {
    std::string out =
        "<p class=\"note\">A line is identified by its function and its text. Slow growth: over "
        "a quarter above its smallest earlier value, without a step of over a tenth in the newest run.</p>\n<div class=\"scroll\">"
        "<table class=\"ranked\" style=\"--columns:4\">\n<thead><tr><th>Change</th><th>Over the runs</th><th class=\"n\">Smallest before</th><th class=\"n\">Newest</th>"
        "<th>Line</th></tr></thead>\n<tbody>\n";
    for (const History::Line& line : history.lines) {
        const auto newest = std::find_if(line.growth.rbegin(), line.growth.rend(), [](const auto& growth) { return growth.has_value(); });
        out += fmt::format(
            "<tr{}><td>{}</td><td>{}</td><td class=\"n\">{}</td>{}<td><code>{}</code> <span class=\"note\">{}</span>"
            "<br><code>{}</code></td></tr>\n",
            worse(line.change) ? " class=\"leaking\"" : "", change_name(line.change), curve(line),
            line.least ? format_bytes(*line.least) : "-", growth_cell(newest == line.growth.rend() ? std::nullopt : *newest),
            html_cut(place_text(line.at)), html_cut(short_function(line.at.function)), html_cut(line.source));
    }
    return out + "</tbody></table></div>\n";
}

std::vector<HtmlTile> tiles_of(const History& history) {
    const auto lines = [&](auto... changes) {
        return static_cast<std::size_t>(std::count_if(history.lines.begin(), history.lines.end(),
                                                      [&](const History::Line& line) { return ((line.change == changes) || ...); }));
    };
    using Change = History::Change;
    const History::Run& newest = history.runs.back();
    std::vector<HtmlTile> tiles = {
        {"Verdict", std::string(history_verdict(history)), history.worsened() ? "" : "no worse than before",
         history.worsened() ? "leak" : "no_leak"},
        {"Runs", format_count(history.runs.size()), newest.started.empty() ? "" : "newest " + newest.started.substr(0, 10)},
        {"Leaking lines", format_count(history.lines.size() - lines(Change::gone)),
         lines(Change::gone) == 0 ? "" : counted(lines(Change::gone), "line") + " gone"},
        {"New or jumped", format_count(lines(Change::appeared, Change::jumped))},
        {"Growing slowly", format_count(lines(Change::slow_growth))}};
    if (newest.bytes_per_request) tiles.push_back(interval_tile("Growth per request", *newest.bytes_per_request));
    return tiles;
}

}  // namespace

HtmlPage html_history(const History& history) {
    HtmlPage page{fmt::format("History: {} - leakline", history_verdict(history)),
                  fmt::format("<p class=\"kind\">History</p>\n<h1>Leaks over {}</h1>\n{}<p class=\"lead\">{}</p>\n",
                              counted(history.runs.size(), "run"), history.runs.empty() ? "" : html_tiles(tiles_of(history)),
                              html_cut(history_headline(history)))};
    if (!history.lines.empty()) page.sections.push_back({"lines", "Lines, by growth per request", table_of_lines(history)});
    const std::size_t columns = std::min(kColumns, history.lines.size());
    std::string out = fmt::format(
        "{}<div class=\"scroll\"><table>\n<thead><tr><th>Started</th><th>Verdict</th>"
        "<th class=\"n\">Memory per request</th>",
        columns < history.lines.size() ? fmt::format("<p class=\"note\">The first {} of {} lines.</p>\n", columns, history.lines.size())
                                       : "");
    for (std::size_t i = 0; i < columns; ++i)
        out += fmt::format("<th class=\"n\"><code>{}</code></th>", html_cut(file_name(place_text(history.lines[i].at))));
    out += "<th>File</th></tr></thead>\n<tbody>\n";
    for (std::size_t run = 0; run < history.runs.size(); ++run) {
        const History::Run& item = history.runs[run];
        out += fmt::format("<tr><td class=\"word\">{}</td><td><span class=\"verdict small {}\">{}</span></td>{}",
                           item.started.empty() ? "not known" : xml_text(item.started), verdict_name(item.verdict),
                           item.verdict == Verdict::no_leak ? "no leak" : verdict_name(item.verdict), growth_cell(item.bytes_per_request));
        for (std::size_t i = 0; i < columns; ++i) out += growth_cell(history.lines[i].growth[run]);
        out += fmt::format("<td>{}</td></tr>\n", html_cut(item.file));
    }
    page.sections.push_back({"runs", "Runs, oldest first", out + "</tbody></table></div>\n"});
    page.sections.push_back({"warnings", "Warnings", html_list(history.warnings)});
    return page;
}

}  // namespace leakline::report
