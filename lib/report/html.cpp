// The HTML format: the most important information first, in tables and static charts; scripts add zoom
// and search.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>

#include "base/quantities.hpp"
#include "base/strings.hpp"
#include "base/utf8.hpp"
#include "report/internal/html_page.hpp"
#include "report/internal/plot.hpp"
#include "report/internal/renderers.hpp"
#include "report/internal/resources_text.hpp"
#include "report/internal/soak_words.hpp"
#include "report/internal/summary.hpp"
#include "report/internal/svg.hpp"
#include "report/internal/traffic_words.hpp"
#include "report/internal/xml.hpp"

namespace leakline::report {

namespace {

using Json = nlohmann::ordered_json;
constexpr std::size_t kChartPoints = 4000;  // more than twice the pixels of a wide screen
constexpr std::size_t kChartLines = 8;

// A chart cannot draw what is not finite.
Json number(double value) { return std::isfinite(value) ? Json(value) : Json(nullptr); }

Json memory_json(const Diagnosis& diagnosis) {
    const MemoryPlot plot = memory_plot(diagnosis.series, diagnosis.trend, kChartPoints, diagnosis.memory_limit);
    Json out = {{"seconds", Json::array()},
                {"bytes", Json::array()},
                {"rounds", Json::array()},
                {"warmup_end_s", plot.warmup_end_s},
                {"limit", plot.limit ? number(*plot.limit) : Json(nullptr)},
                {"limit_near", plot.limit_shown},
                {"crossing_s", nullptr},
                {"fit", nullptr}};
    for (const Point& point : plot.points) {
        out["seconds"].push_back(point.x);
        out["bytes"].push_back(point.y);
    }
    for (const Round& round : diagnosis.rounds) out["rounds"].push_back({number(round.begin_s), number(round.end_s)});
    if (plot.fit) {
        const MemoryPlot::Fit& fit = *plot.fit;
        out["fit"] = {{"from", fit.from.x},
                      {"line", {fit.from.y, fit.to.y}},
                      {"low", {fit.low_from.y, fit.low_to.y}},
                      {"high", {fit.high_from.y, fit.high_to.y}}};
        // Of this run, at this run's rate: where the fitted line meets the limit.
        const double slope = diagnosis.trend.slope_bytes_per_hour.estimate / 3600;
        if (plot.limit && slope > 0 && *plot.limit > fit.to.y) out["crossing_s"] = number(fit.to.x + (*plot.limit - fit.to.y) / slope);
    }
    return out;
}

Json live_json(const LineReport& report) {
    Json out = {{"seconds", report.mark_seconds}, {"series", Json::array()}};
    for (const LineGrowth& line : report.lines) {
        if (out["series"].size() >= kChartLines) break;
        if (line.live_at_marks.size() != report.mark_seconds.size()) continue;
        Json bytes = Json::array();
        for (double value : line.live_at_marks) bytes.push_back(number(value));
        out["series"].push_back({{"name", file_name(place_text(line.at))}, {"bytes", std::move(bytes)}});
    }
    return out;
}

constexpr const char* kKeys =
    "<p class=\"note keys\">With a chart in focus: left and right move the cursor, + and - zoom, 0 "
    "resets the zoom. Drag to zoom, double-click to show "
    "all.</p>\n";
constexpr const char* kFlameSection =
    "<h2 class=\"scripted\">Growth by call path</h2>\n<div class=\"tools\"><label>Search <input id=\"search\" type=\"search\" "
    "autocomplete=\"off\"></label><span id=\"found\" "
    "class=\"note\" aria-live=\"polite\"></span><button id=\"reset\" "
    "type=\"button\">Reset</button></div>\n<div id=\"flame\" class=\"chart\" role=\"tree\" "
    "aria-label=\"growth by call path\"></div>\n<p class=\"note keys\">Width is growth of live bytes; "
    "callers are above. Click a frame or press Enter to zoom, "
    "the arrow keys move between frames, Escape shows all.</p>\n";

// Otherwise there is nothing to draw by call path.
bool grows(const LineReport& report) {
    return std::any_of(report.lines.begin(), report.lines.end(), [](const LineGrowth& line) { return line.growth_bytes > 0; });
}

std::string live_section(const Json& live) {
    if (live["series"].empty() || live["seconds"].size() < 2) return {};
    return "<h2 class=\"scripted\">Live bytes of the top lines</h2>\n<div id=\"live\" class=\"chart\" aria-label=\"live bytes "
           "over time, by line\"></div>\n";
}

std::string tables(const LineReport& report, const LineTable* first, const RenderOptions& options) {
    if (report.tables.empty()) return {};
    std::string out = "<h2>Line by line</h2>\n";
    if (first != nullptr) out += html_line_table(*first, options);
    for (const LineTable& table : report.tables)
        if (&table != first) out += html_line_table(table, options);
    return out;
}

std::string dump(const Json& json) { return json.dump(-1, ' ', false, Json::error_handler_t::replace); }

// flame is JSON already.
std::string page_data(const Json& memory, const Json& live, const std::string& flame, const std::string& metric) {
    return fmt::format("{{\"memory\":{},\"live\":{},\"flame\":{},\"metric\":{}}}", dump(memory), dump(live), flame, dump(metric));
}

std::string render(const Diagnosis& diagnosis, const RenderOptions& options) {
    const Summary summary = summarize(diagnosis);
    std::string body = fmt::format("<h1><span class=\"verdict {}\">{}</span> {}</h1>\n<dl class=\"facts\">\n",
                                   verdict_name(diagnosis.verdict), xml_text(summary.verdict), xml_text(summary.reason));
    const auto fact = [&](std::string_view name, const std::string& html) { body += fmt::format("<dt>{}</dt><dd>{}</dd>\n", name, html); };
    fact("Growth", xml_text(summary.growth));
    if (summary.top != nullptr)
        fact("Top line", fmt::format("<code>{}</code> in <code>{}</code>: {}, {}<br><code>{}</code>", xml_text(place_text(summary.top->at)),
                                     xml_text(utf8_head(short_function(summary.top->at.function), 500)),
                                     format_signed_bytes(static_cast<double>(summary.top->growth_bytes)),
                                     growth_class_name(summary.top->growth_class), xml_text(utf8_head(trim(summary.top->source), 300))));
    if (!summary.top_note.empty()) fact("", xml_text(summary.top_note));
    if (!summary.held_by.empty()) fact("Held by", html_cut(summary.held_by));
    if (!diagnosis.lines.unavailable.empty()) fact("Lines", xml_text(diagnosis.lines.unavailable));
    const std::vector<std::string> endpoints = endpoint_words(diagnosis);
    for (const std::string& words : endpoints) fact(&words == &endpoints.front() ? "By endpoint" : "", html_cut(words));
    for (const TrafficRow& row : traffic_rows(diagnosis)) {
        std::string name(row.name);
        name[0] = static_cast<char>(name[0] - 32);  // as the others begin
        fact(name, html_cut(row.text));
    }
    if (!summary.limit.empty()) fact("Limit", xml_text(summary.limit));
    const std::vector<std::string> soak = soak_words(diagnosis);
    for (const std::string& words : soak) fact(&words == &soak.front() ? "Soak" : "", xml_text(words));
    fact("Detection limit", xml_text(summary.detectable));
    const std::vector<std::string> resources = resource_lines(diagnosis), processes = process_lines(diagnosis);
    for (const std::string& words : resources) fact(&words == &resources.front() ? "Resources" : "", html_cut(words));
    for (const std::string& words : processes) fact(&words == &processes.front() ? "Processes" : "", html_cut(words));
    for (const Gate& gate : diagnosis.gates)
        fact(fmt::format("Gate {}", outcome_name(gate.outcome)), xml_text(gate.name + (gate.message.empty() ? "" : ": " + gate.message)));
    for (std::size_t i = 1; i < diagnosis.reasons.size(); ++i) fact(i == 1 ? "Also" : "", xml_text(diagnosis.reasons[i]));
    if (!diagnosis.command.empty()) fact("Target", fmt::format("<code>{}</code>", xml_text(diagnosis.command)));
    if (!diagnosis.traffic.empty()) fact("Traffic", xml_text(traffic_text(diagnosis)));
    if (!diagnosis.started.empty()) fact("Started", xml_text(diagnosis.started));
    body += "</dl>\n";

    const MemoryPlot still = memory_plot(diagnosis.series, diagnosis.trend, 1500, diagnosis.memory_limit, diagnosis.rounds);
    body += fmt::format(
        "<h2>Memory over time</h2>\n<div class=\"tools\"><button id=\"project\" type=\"button\" "
        "aria-pressed=\"false\" hidden>Show projection to the "
        "limit</button></div>\n<div id=\"memory\" class=\"chart\" aria-label=\"memory over "
        "time\"></div>\n<div id=\"memory-still\" class=\"scroll\">{}</div>\n{}",
        memory_svg(still, fmt::format("{} over time", diagnosis.metric)), kKeys);
    body += fmt::format(
        "<p class=\"note\">Shaded gray: warm-up. Shaded blue: every other round. Dashed: the fitted slope "
        "with its 95 % band{}.</p>\n",
        summary.limit.empty() ? "" : "; " + xml_text(summary.limit));
    body += tables(diagnosis.lines, summary.table, options);
    const Json live = live_json(diagnosis.lines);
    body += live_section(live);
    if (grows(diagnosis.lines)) body += kFlameSection;
    if (!diagnosis.lines.lines.empty()) body += html_ranking(diagnosis.lines.lines, options);
    body += html_accounting(diagnosis.lines) + html_replay(diagnosis.replay);
    body += html_list("Warnings", all_warnings(diagnosis));
    return html_page(fmt::format("leakline: {}", summary.verdict), body,
                     page_data(memory_json(diagnosis), live, flame_json(diagnosis.lines), diagnosis.metric));
}

std::string render(const LineReport& report, const RenderOptions& options) {
    const Json live = live_json(report);
    std::string body = fmt::format("<h1>{} of live heap</h1>\n<p class=\"note\"><code>{}</code> {}</p>\n",
                                   format_signed_bytes(static_cast<double>(report.accounting.live_delta_bytes)), xml_text(report.command),
                                   xml_text(report.completeness));
    if (!report.unavailable.empty()) body += fmt::format("<p>{}</p>\n", xml_text(report.unavailable));
    if (report.headline)
        body += fmt::format("<p>Top line: <code>{}</code>: {}<br><code>{}</code></p>\n",
                            xml_text(utf8_head(line_and_function(report.headline->line.at), 500)),
                            format_signed_bytes(static_cast<double>(report.headline->line.growth_bytes)),
                            xml_text(utf8_head(trim(report.headline->line.source), 300)));
    body += tables(report, nullptr, options) + live_section(live);
    if (grows(report)) body += kFlameSection;
    body += html_ranking(report.lines, options) + html_accounting(report) + html_list("Warnings", report.warnings);
    return html_page("leakline: lines", body, page_data(nullptr, live, flame_json(report), ""));
}

std::string render(const TrendReport& report, const RenderOptions&) { return html_page("leakline: trends", html_trends(report), ""); }

std::string render(const ReplayStats& stats, const RenderOptions&) {
    return html_page("leakline: replay",
                     fmt::format("<h1>Replay: {}</h1>\n", stats.valid ? "valid" : "not valid") + html_replay(stats) + html_paths(stats) +
                         html_list("Warnings", stats.warnings),
                     "");
}

std::string render(const Comparison& comparison, const RenderOptions& options) {
    return html_page(fmt::format("leakline: compare {}", outcome_name(comparison.outcome)), html_comparison(comparison, options), "");
}

std::string render(const History& history, const RenderOptions&) { return html_page("leakline: history", html_history(history), ""); }

}  // namespace

std::string render_html(const Document& document, const RenderOptions& options) {
    return render_form(document, "html", [&](const auto& value) -> decltype(render(value, options)) { return render(value, options); });
}

}  // namespace leakline::report
