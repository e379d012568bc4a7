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

}  // namespace

HtmlPage html_trends(const TrendReport& report) {
    const std::vector<const TrendReport::Item*> items = by_urgency(report);
    const TrendCounts counts = count_trends(report);
    HtmlPage page{"leakline: trends", fmt::format("<h1>{}</h1>\n<p>{}; worst first.</p>\n", counts.headline, counts.each)};
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
    page.sections.push_back({"series", "Series", out + "</tbody></table></div>\n"});
    std::string plots;
    for (std::size_t i = 0; i < std::min(items.size(), kMaxPlots); ++i) {
        const TrendReport::Item& item = *items[i];
        plots += fmt::format("<h3 id=\"run{}\">{}</h3>\n<p>{}<br>{}</p>\n<div class=\"scroll\">{}</div>\n", i, xml_text(item.file),
                             xml_text(slope_text(item.verdict)), "detection limit: " + xml_text(detectable_text(item.verdict)),
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
