// The page of a diagnosis: figures, the code at fault, then charts, then all that supports them.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>

#include "base/ascii.hpp"
#include "base/quantities.hpp"
#include "base/strings.hpp"
#include "base/utf8.hpp"
#include "report/internal/html_page.hpp"
#include "report/internal/plot.hpp"
#include "report/internal/resources_text.hpp"
#include "report/internal/soak_words.hpp"
#include "report/internal/summary.hpp"
#include "report/internal/svg.hpp"
#include "report/internal/traffic_words.hpp"
#include "report/internal/type_words.hpp"
#include "report/internal/xml.hpp"

namespace leakline::report {

namespace {

constexpr std::size_t kChartPoints = 4000;  // more than twice the pixels of a wide screen

std::string memory_data(const Diagnosis& diagnosis) {
    using Json = nlohmann::ordered_json;
    // A chart cannot draw what is not finite.
    const auto number = [](double value) { return std::isfinite(value) ? Json(value) : Json(nullptr); };
    const MemoryPlot plot = memory_plot(diagnosis.series, diagnosis.trend, kChartPoints, diagnosis.memory_limit);
    Json out = {{"seconds", Json::array()},
                {"bytes", Json::array()},
                {"rounds", Json::array()},
                {"warmup_end_s", plot.warmup_end_s},
                {"limit", plot.limit && plot.limit_shown ? number(*plot.limit) : Json(nullptr)},
                {"fit", nullptr}};
    for (const Point& point : plot.points) {
        out["seconds"].push_back(point.x);
        out["bytes"].push_back(point.y);
    }
    for (const Round& round : diagnosis.rounds) out["rounds"].push_back({number(round.begin_s), number(round.end_s)});
    if (plot.fit)
        out["fit"] = {{"from", plot.fit->from.x},
                      {"line", {plot.fit->from.y, plot.fit->to.y}},
                      {"low", {plot.fit->low_from.y, plot.fit->low_to.y}},
                      {"high", {plot.fit->high_from.y, plot.fit->high_to.y}}};
    return out.dump(-1, ' ', false, Json::error_handler_t::replace);
}

std::string service_name(const Diagnosis& diagnosis) {
    const std::string& series = diagnosis.series.name;
    if (!series.empty() && series.find(' ') == std::string::npos) return std::string(file_name(series));
    const std::string name = program_name(diagnosis.command);
    return name.empty() ? "service" : name;
}

// "2026-11-29T23:03:45Z" -> "2026-11-29 23:03 UTC"; other text stays.
std::string minute_text(const std::string& time) {
    if (time.size() < 17 || time[10] != 'T' || time.back() != 'Z') return time;
    return time.substr(0, 10) + " " + time.substr(11, 5) + " UTC";
}

// As the other names of facts begin: "Identifiers". A name with capitals of its own stays: "gRPC".
std::string capitalized(std::string_view name) {
    std::string text(name);
    if (!text.empty() && std::none_of(text.begin(), text.end(), is_upper)) text[0] = to_upper(text[0]);
    return text;
}

// A reason is a statement, and after a semicolon what limits it.
std::string statement_of(const std::string& reason) { return reason.substr(0, reason.find("; ")); }

HtmlTile verdict_tile(const Diagnosis& diagnosis, const Summary& summary) {
    return {"Verdict", summary.verdict_words.head, summary.verdict_words.qualification, verdict_name(diagnosis.verdict)};
}

// Growth as the verdict states it, per request where there is such a figure.
HtmlTile growth_tile(const Diagnosis& diagnosis) {
    const GrowthSplit& split = diagnosis.growth.split;
    if (grows_by_connections_alone(diagnosis)) return interval_tile("Growth per connection", diagnosis.connections->bytes_per_connection);
    if (split.follows == Follows::time && split.bytes_per_hour_by_time)
        return {"Growth per hour", format_bytes(split.bytes_per_hour_by_time->estimate),
                fmt::format("{} independent of requests", interval_bounds(*split.bytes_per_hour_by_time))};
    if (const auto rate = stated_per_request(diagnosis)) return interval_tile("Growth per request", *rate);
    if (diagnosis.trend.bytes_per_request) return interval_tile("Growth per request", *diagnosis.trend.bytes_per_request);
    return {"Growth per request", "not measured"};
}

std::optional<HtmlTile> limit_tile(const Diagnosis& diagnosis, const Summary& summary) {
    const std::string limit = diagnosis.memory_limit ? format_bytes(static_cast<double>(*diagnosis.memory_limit)) : "";
    switch (summary.limit_state) {
        case LimitState::not_reached: return HtmlTile{"Time to limit", "not reached", limit};
        case LimitState::unknown: return HtmlTile{"Time to limit", "unknown", limit};
        case LimitState::known: {
            const double hours = diagnosis.trend.time_to_limit_h->estimate;
            if (hours <= 0) return HtmlTile{"Time to limit", "reached", limit};
            return HtmlTile{"Time to limit", hours_text(hours),
                            summary.limit_rate.empty() ? "to " + limit : fmt::format("to {} {}", limit, summary.limit_rate)};
        }
        case LimitState::none: break;
    }
    if (diagnosis.verdict != Verdict::leak || !diagnosis.projected_bytes_per_hour || !diagnosis.requests_per_second) return std::nullopt;
    return HtmlTile{"Growth per day", format_bytes(diagnosis.projected_bytes_per_hour->estimate * 24),
                    log_rate_text(*diagnosis.requests_per_second)};
}

std::vector<HtmlTile> tiles_of(const Diagnosis& diagnosis, const Summary& summary) {
    std::vector<HtmlTile> tiles = {verdict_tile(diagnosis, summary)};
    if (diagnosis.verdict == Verdict::invalid) return tiles;
    tiles.push_back(growth_tile(diagnosis));
    if (auto tile = limit_tile(diagnosis, summary)) tiles.push_back(*std::move(tile));
    if (summary.top != nullptr)
        tiles.push_back({diagnosis.verdict == Verdict::leak ? "Leaking line" : "Growing line",
                         std::string(file_name(place_text(summary.top->at))),
                         fmt::format("in {}", utf8_cut(short_function(summary.top->at.function), 120)), "place"});
    // The verdict states the limit itself if nothing leaks.
    const bool stated = diagnosis.verdict == Verdict::no_leak && !grows_within_budget(diagnosis);
    if (!stated) tiles.push_back({"Detection limit", summary.detection.size, summary.detection.note});
    if (stated && !diagnosis.series.value.empty() && std::isfinite(diagnosis.series.value.back()))
        tiles.push_back({"Memory at the end", format_bytes(diagnosis.series.value.back()),
                         fmt::format("{}, {}", diagnosis.metric, diagnosis.trend.growth_class)});
    return tiles;
}

class Facts {
  public:
    void add(std::string_view name, const std::string& html) {
        if (!html.empty()) out_ += fmt::format("<dt>{}</dt><dd>{}</dd>\n", name, html);
    }
    void add_all(std::string_view name, const std::vector<std::string>& texts) {
        for (const std::string& text : texts) add(&text == &texts.front() ? name : "", html_cut(text));
    }
    std::string take() const { return out_.empty() ? out_ : "<dl class=\"facts\">\n" + out_ + "</dl>\n"; }

  private:
    std::string out_;
};

// For readers who do not open the rest.
std::string key_facts(const Diagnosis& diagnosis, const Summary& summary) {
    Facts facts;
    facts.add("Held by", html_cut(summary.held_by));
    facts.add("By type", html_cut(summary.types));
    for (const ResourceLineRow& row : resource_line_rows(diagnosis)) facts.add(capitalized(row.name), html_cut(row.text));
    facts.add("In the source", html_cut(summary.audited));
    if (!diagnosis.lines.unavailable.empty()) facts.add("Lines", xml_text(diagnosis.lines.unavailable));
    facts.add_all("By kind of request", endpoint_words(diagnosis));
    for (const Gate& gate : diagnosis.gates)
        facts.add(fmt::format("Gate <span class=\"gate {0}\">{0}</span>", outcome_name(gate.outcome)),
                  html_cut(gate.name + (gate.message.empty() ? "" : ": " + gate.message)));
    return facts.take();
}

std::string why(const Diagnosis& diagnosis, const Summary& summary) {
    Facts facts;
    facts.add("Reason", html_cut(summary.reason));
    for (std::size_t i = 1; i < diagnosis.reasons.size(); ++i) facts.add(i == 1 ? "Also" : "", html_cut(diagnosis.reasons[i]));
    facts.add("Growth", html_cut(summary.growth));
    if (summary.top != nullptr)
        facts.add("Top line",
                  fmt::format("<code>{}</code> in <code>{}</code>: {}, {}<br><code>{}</code>", html_cut(place_text(summary.top->at)),
                              xml_text(utf8_head(short_function(summary.top->at.function), 500)),
                              format_signed_bytes(static_cast<double>(summary.top->growth_bytes)),
                              growth_class_name(summary.top->growth_class), xml_text(utf8_head(trim(summary.top->source), 300))));
    facts.add("", html_cut(summary.top_note));
    facts.add("Limit", html_cut(summary.limit));
    facts.add("Detection limit", html_cut(summary.detection.text()));
    for (const TrafficRow& row : traffic_rows(diagnosis)) {
        facts.add(capitalized(row.name), html_cut(row.text));
    }
    facts.add_all("Soak", soak_words(diagnosis));
    facts.add_all("Resources", resource_lines(diagnosis));
    facts.add_all("Processes", process_lines(diagnosis));
    if (!diagnosis.command.empty()) facts.add("Target", fmt::format("<code>{}</code>", html_cut(diagnosis.command)));
    if (!diagnosis.traffic.empty()) facts.add("Traffic", html_cut(traffic_text(diagnosis)));
    facts.add("Started", html_cut(diagnosis.started));
    return "<details class=\"why\" data-print><summary>Why</summary>\n" + facts.take() + "</details>\n";
}

std::string header_of(const Diagnosis& diagnosis, const Summary& summary) {
    std::string about;
    const auto add = [&](const std::string& html) {
        if (!html.empty()) about += (about.empty() ? "" : " &middot; ") + html;
    };
    if (!diagnosis.commit.empty()) add(fmt::format("commit <code>{}</code>", html_cut(diagnosis.commit)));
    add(html_cut(minute_text(diagnosis.started)));
    if (!diagnosis.traffic.empty()) add(html_cut(traffic_text(diagnosis)));
    return fmt::format("<p class=\"kind\">Memory diagnosis</p>\n<h1>{}</h1>\n<p class=\"about\">{}</p>\n",
                       html_cut(service_name(diagnosis)), about) +
           html_tiles(tiles_of(diagnosis, summary)) + fmt::format("<p class=\"lead\">{}</p>\n", html_cut(statement_of(summary.reason))) +
           key_facts(diagnosis, summary) + why(diagnosis, summary);
}

HtmlSection code_section(const Diagnosis& diagnosis, const Summary& summary, const RenderOptions& options) {
    const bool leaks = summary.top != nullptr;
    HtmlSection section{"code",
                        !leaks                               ? "Code that allocates"
                        : diagnosis.verdict == Verdict::leak ? "Leaking code"
                                                             : "Growing code",
                        html_line_tables(diagnosis.lines, leaks ? summary.table : nullptr, leaks ? &summary.top->at : nullptr, options)};
    section.folded = !leaks;
    if (!leaks) section.gist = counted(diagnosis.lines.tables.size(), "function");
    return section;
}

HtmlSection memory_section(const Diagnosis& diagnosis) {
    const MemoryPlot still = memory_plot(diagnosis.series, diagnosis.trend, 1500, diagnosis.memory_limit, diagnosis.rounds);
    return {"memory", "Memory over time",
            fmt::format(
                "<div id=\"memory-chart\" class=\"chart\" aria-label=\"memory over time\"></div>\n<div id=\"memory-still\" "
                "class=\"scroll\">{}</div>\n<p class=\"note swatches\"><span class=\"swatch warm\">warm-up</span> <span class=\"swatch "
                "round\">every other round</span> <span class=\"swatch band\">95 % band of the fitted slope</span></p>\n<p class=\"note "
                "keys\">With a chart in focus: left and right move the cursor, + and - zoom, 0 resets the zoom. Drag to zoom, "
                "double-click to show all.</p>\n",
                memory_svg(still, fmt::format("{} over time", diagnosis.metric))),
            fmt::format("{} of the run", xml_text(diagnosis.metric))};
}

HtmlSection projection_section(const Diagnosis& diagnosis) {
    HtmlSection section{"projection", "Time to the limit", ""};
    const auto& hours = diagnosis.trend.time_to_limit_h;
    if (!diagnosis.memory_limit || !hours || diagnosis.verdict == Verdict::invalid || diagnosis.series.value.empty()) return section;
    const std::string chart =
        projection_svg(diagnosis.series.value.back(), static_cast<double>(*diagnosis.memory_limit), *hours,
                       diagnosis.requests_per_second ? log_rate_text(*diagnosis.requests_per_second) : "at the rate of the run");
    if (chart.empty()) return section;
    section.body = "<div class=\"scroll\">" + chart + "</div>\n";
    // On a phone the end of the curve is beyond the edge.
    section.gist = format_bytes(static_cast<double>(*diagnosis.memory_limit)) + ", " + reached_text(*hours);
    return section;
}

HtmlSection replay_section(const ReplayStats& stats) {
    std::string gist = fmt::format("{} completed", counted(stats.completed, "request"));
    if (stats.latency.count > 0) gist += ", p99 " + latency_text(stats.latency.p99);
    if (!stats.valid) gist += ", <strong>invalid</strong>";
    return {"replay", "Replay", html_replay(stats), gist, stats.valid};
}

}  // namespace

HtmlPage html_diagnosis(const Diagnosis& diagnosis, const RenderOptions& options) {
    const Summary summary = summarize(diagnosis);
    std::string title = fmt::format("{}: {}", summary.verdict, service_name(diagnosis));
    if (!diagnosis.commit.empty()) title += ", commit " + diagnosis.commit;
    if (diagnosis.started.size() >= 10) title += ", " + diagnosis.started.substr(0, 10);
    HtmlPage page{title + " - leakline", header_of(diagnosis, summary)};
    page.sections = {code_section(diagnosis, summary, options), memory_section(diagnosis), projection_section(diagnosis)};
    const bool quiet = diagnosis.verdict == Verdict::no_leak && leaking_line(diagnosis.lines) == nullptr;
    const std::string line_charts = add_line_sections(page.sections, diagnosis.lines, options, quiet);
    page.sections.push_back({"types", "Growth by type", html_type_growth(diagnosis.types), xml_text(type_growth_words(diagnosis.types))});
    page.sections.push_back(replay_section(diagnosis.replay));
    page.sections.push_back({"warnings", "Warnings", html_list(all_warnings(diagnosis))});
    page.data = fmt::format("{{\"memory\":{},\"metric\":{},{}}}", memory_data(diagnosis),
                            nlohmann::json(diagnosis.metric).dump(-1, ' ', false, nlohmann::json::error_handler_t::replace), line_charts);
    page.glossary = true;
    return page;
}

}  // namespace leakline::report
