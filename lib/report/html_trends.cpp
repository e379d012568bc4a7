// The page of many runs: worst first, a sparkline each. It needs no script.
#include <fmt/format.h>

#include <algorithm>

#include "report/html_page.hpp"
#include "report/summary.hpp"
#include "report/svg.hpp"
#include "report/xml.hpp"

namespace leakline::report {

namespace {

constexpr std::size_t kMostPlots = 200;  // beyond them the page would grow by megabytes

int rank(Trend trend) {
    switch (trend) {
        case Trend::growing:
            return 0;
        case Trend::inconclusive:
            return 1;
        case Trend::stable:
            return 2;
        case Trend::shrinking:
            return 3;
    }
    return 1;
}

}  // namespace

std::string html_trends(const TrendReport& report) {
    std::vector<const TrendReport::Item*> items;
    for (const TrendReport::Item& item : report.items) items.push_back(&item);
    std::stable_sort(items.begin(), items.end(), [](const auto* a, const auto* b) {
        const int rank_a = rank(a->verdict.verdict), rank_b = rank(b->verdict.verdict);
        return rank_a != rank_b
                   ? rank_a < rank_b
                   : a->verdict.slope_bytes_per_hour.estimate > b->verdict.slope_bytes_per_hour.estimate;
    });
    const auto count = [&](Trend trend) {
        return std::count_if(items.begin(), items.end(),
                             [&](const auto* item) { return item->verdict.verdict == trend; });
    };
    std::string out = fmt::format(
        "<h1>{} of {} series grow</h1>\n<p>{} growing, {} inconclusive, {} stable, {} shrinking; worst "
        "first.</p>\n",
        count(Trend::growing), items.size(), count(Trend::growing), count(Trend::inconclusive),
        count(Trend::stable), count(Trend::shrinking));
    out +=
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
            trend_name(trend.verdict), sparkline_svg(item.series, trend.verdict),
            format_signed_bytes(trend.slope_bytes_per_hour.estimate),
            trend.bytes_per_request ? format_bytes(trend.bytes_per_request->estimate) : "-",
            !trend.time_to_limit_h                    ? "-"
            : trend.time_to_limit_h->estimate <= 0 ? "reached"
                                                   : hours_text(trend.time_to_limit_h->estimate),
            i < kMostPlots ? fmt::format("<a href=\"#run{}\">{}</a>", i, xml_text(item.file))
                           : xml_text(item.file),
            xml_text(trend.reasons.empty() ? "" : trend.reasons.front()));
    }
    out += "</tbody></table></div>\n";
    for (std::size_t i = 0; i < std::min(items.size(), kMostPlots); ++i) {
        const TrendReport::Item& item = *items[i];
        out += fmt::format("<h2 id=\"run{}\">{}</h2>\n<p>{}<br>{}</p>\n<div class=\"scroll\">{}</div>\n", i, xml_text(item.file),
                           xml_text(slope_text(item.verdict)), xml_text(detectable_text(item.verdict)),
                           memory_svg(memory_plot(item.series, item.verdict, 600),
                                      std::string(trend_name(item.verdict.verdict))));
    }
    return out + html_list("Warnings", report.warnings);
}

}  // namespace leakline::report
