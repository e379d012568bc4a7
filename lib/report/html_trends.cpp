// The page of many runs: worst first, each with a sparkline. It needs no script.
#include <fmt/format.h>

#include <algorithm>

#include "base/quantities.hpp"
#include "report/internal/html_page.hpp"
#include "report/internal/resources_text.hpp"
#include "report/internal/summary.hpp"
#include "report/internal/svg.hpp"
#include "report/internal/xml.hpp"
#include "report/trends_text.hpp"

namespace leakline::report {

namespace {

constexpr std::size_t kMaxPlots = 200;  // with more, the page would grow by megabytes

std::string_view style_of(Trend trend) {
    switch (trend) {
        case Trend::growing: return "leak";
        case Trend::inconclusive: return "inconclusive";
        default: return "no_leak";
    }
}

std::vector<HtmlTile> tiles_of_one(const TrendReport::Item& item) {
    const TrendVerdict& trend = item.verdict;
    const DetectionLimit detection = detection_limit(trend);
    std::vector<HtmlTile> tiles = {{"Verdict", std::string(trend_name(trend.verdict)), trend.growth_class, style_of(trend.verdict)},
                                   interval_tile("Growth per hour", trend.slope_bytes_per_hour)};
    if (trend.bytes_per_request) tiles.push_back(interval_tile("Growth per request", *trend.bytes_per_request));
    if (trend.time_to_limit_h) tiles.push_back({"Time to limit", limit_in_text(trend)});
    tiles.push_back({"Detection limit", detection.size, detection.note});
    tiles.push_back({"Observed", hours_text(item.series.duration() / 3600), counted(item.samples(), "sample")});
    return tiles;
}

// items: most urgent first.
std::vector<HtmlTile> tiles_of_many(const std::vector<const TrendReport::Item*>& items, const TrendCounts& counts) {
    const auto number = [](std::size_t count) { return format_count(count); };
    std::vector<HtmlTile> tiles = {
        {"Growing", number(counts.growing), fmt::format("of {} series", number(items.size())), counts.growing > 0 ? "leak" : "no_leak"},
        {"Inconclusive", number(counts.inconclusive)},
        {"Stable", number(counts.stable)},
        {"Shrinking", number(counts.shrinking)}};
    if (counts.growing == 0) return tiles;
    const TrendReport::Item& worst = *items.front();
    const auto& hours = worst.verdict.time_to_limit_h;
    const std::string limit = !hours ? "" : hours->estimate <= 0 ? ", at the limit" : ", limit in " + hours_text(hours->estimate);
    tiles.push_back(
        {"Most urgent", worst.file, format_signed_bytes(worst.verdict.slope_bytes_per_hour.estimate) + " per hour" + limit, "place"});
    return tiles;
}

std::string header_of(const std::vector<const TrendReport::Item*>& items, const TrendCounts& counts) {
    if (items.size() != 1)
        return fmt::format("<p class=\"kind\">Memory over time</p>\n<h1>{}</h1>\n", counts.headline) +
               (items.empty() ? "" : html_tiles(tiles_of_many(items, counts)));
    const TrendReport::Item& item = *items.front();
    return fmt::format("<p class=\"kind\">Memory over time</p>\n<h1>{}</h1>\n{}<p class=\"lead\">{}</p>\n", html_cut(item.file),
                       html_tiles(tiles_of_one(item)), html_cut(item.verdict.reasons.empty() ? "" : item.verdict.reasons.front()));
}

}  // namespace

HtmlPage html_trends(const TrendReport& report) {
    const std::vector<const TrendReport::Item*> items = by_urgency(report);
    const TrendCounts counts = count_trends(report);
    const std::string title =
        items.size() == 1 ? fmt::format("{}: {}", trend_name(items[0]->verdict.verdict), items[0]->file) : counts.headline;
    HtmlPage page{title + " - leakline", header_of(items, counts)};
    std::string out =
        "<div class=\"scroll\"><table class=\"ranked\" style=\"--columns:4\">\n<thead><tr><th>Verdict</th><th>Memory</th><th class=\"n\">Slope per "
        "hour</th><th class=\"n wide\">Per request</th>"
        "<th class=\"n\">Limit in</th><th>Series</th></tr></thead>\n<tbody>\n";
    for (std::size_t i = 0; i < items.size(); ++i) {
        const TrendReport::Item& item = *items[i];
        const TrendVerdict& trend = item.verdict;
        out += fmt::format(
            "<tr><td><span class=\"verdict small {0}\">{0}</span></td><td>{1}</td><td "
            "class=\"n\">{2}</td><td class=\"n wide\">{3}</td><td "
            "class=\"n\">{4}</td><td>{5}<br><span class=\"note\">{6}</span></td></tr>\n",
            trend_name(trend.verdict), sparkline_svg(item.series, trend.verdict), format_signed_bytes(trend.slope_bytes_per_hour.estimate),
            trend.bytes_per_request ? format_bytes(trend.bytes_per_request->estimate) : "-", limit_in_text(trend),
            i < kMaxPlots ? fmt::format("<a href=\"#run{}\">{}</a>", i, xml_text(item.file)) : xml_text(item.file),
            xml_text(trend.reasons.empty() ? "" : trend.reasons.front()));
    }
    // Of one series, the figures above say it all.
    page.sections.push_back({"series", "Series, worst first", items.size() == 1 ? "" : out + "</tbody></table></div>\n"});
    std::string plots;
    for (std::size_t i = 0; i < std::min(items.size(), kMaxPlots); ++i) {
        const TrendReport::Item& item = *items[i];
        plots += fmt::format("<h3 id=\"run{}\">{}</h3>\n<p>{}<br>{}</p>\n<div class=\"scroll\">{}</div>\n", i, xml_text(item.file),
                             xml_text(slope_text(item.verdict)), "detection limit: " + xml_text(detection_limit(item.verdict).text()),
                             memory_svg(memory_plot(item.series, item.verdict, 600), std::string(trend_name(item.verdict.verdict))));
    }
    std::vector<std::string> sampled;
    for (const TrendReport::Count& count : report.counts)
        sampled.push_back(fmt::format("{}: {}", trend_name(count.growth.verdict), count_line(count)));
    page.sections.push_back({"plots", "Plots", plots});
    page.sections.push_back({"counts", "Counts", html_list(sampled)});
    page.sections.push_back({"warnings", "Warnings", html_list(report.warnings)});
    return page;
}

}  // namespace leakline::report
