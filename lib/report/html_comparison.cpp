// The page of a comparison: the outcome and its reasons, both totals, then line by line, worst first. A
// flame graph shows where the difference comes from.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "base/quantities.hpp"
#include "base/strings.hpp"
#include "report/internal/comparison_text.hpp"
#include "report/internal/html_page.hpp"
#include "report/internal/path_tree.hpp"
#include "report/internal/summary.hpp"
#include "report/internal/xml.hpp"

namespace leakline::report {

namespace {

// The CSS classes for a verdict's color.
std::string_view color_of(GateOutcome outcome) {
    switch (outcome) {
        case GateOutcome::passed: return "no_leak";
        case GateOutcome::failed: return "leak";
        case GateOutcome::inconclusive: return "inconclusive";
    }
    return "inconclusive";
}

// A rate with a bar beneath, on one scale for both sides of the whole table.
std::string rate_cell(const Interval& rate, bool there, double largest) {
    const double share = there && largest > 0 ? std::clamp(100 * rate.estimate / largest, 0.0, 100.0) : 0;
    return fmt::format("<td class=\"n\">{}<span class=\"rate\" style=\"width:{:.1f}%\"></span></td>", xml_text(rate_text(rate, there)),
                       std::isfinite(share) ? share : 0);
}

double largest_rate(const Comparison& comparison) {
    double largest = 0;
    for (const LineDifference& line : comparison.lines)
        for (const double rate : {line.rate_before.estimate, line.rate_after.estimate})
            if (std::isfinite(rate)) largest = std::max(largest, rate);
    return largest;
}

std::string table_of_differences(const Comparison& comparison, std::size_t shown) {
    std::string out =
        "<div class=\"scroll\"><table class=\"ranked\">\n<thead><tr><th>Change</th><th class=\"n\">Before</th><th class=\"n\">After</th><th "
        "class=\"n wide\">Difference</th><th>Line</th></tr></thead>\n<tbody>\n";
    const double largest = largest_rate(comparison);
    for (std::size_t i = 0; i < shown; ++i) {
        const LineDifference& line = comparison.lines[i];
        out += fmt::format("<tr{}><td>{}</td>{}{}<td class=\"n wide\">{}</td><td>{}<br><code>{}</code></td></tr>\n",
                           line.over_budget ? " class=\"leaking\"" : "", line_change_name(line.change),
                           rate_cell(line.rate_before, line.before.has_value(), largest),
                           rate_cell(line.rate_after, line.after.has_value(), largest), xml_text(bounds_text(line.difference)),
                           html_cut(place_of(line)), html_cut(trim(line.source)));
    }
    return out + "</tbody></table></div>\n";
}

}  // namespace

HtmlPage html_comparison(const Comparison& comparison, const RenderOptions& options) {
    const std::string unit = comparison.per == Growth::Per::request ? "request" : "hour";
    std::string facts;
    const auto fact = [&](std::string_view name, const std::string& html) { facts += fmt::format("<dt>{}</dt><dd>{}</dd>\n", name, html); };
    for (std::size_t i = 1; i < comparison.reasons.size(); ++i) fact(i == 1 ? "Also" : "", html_cut(comparison.reasons[i]));
    fact("Before", fmt::format("<code>{}</code>", html_cut(comparison.before)));
    fact("After", fmt::format("<code>{}</code>", html_cut(comparison.after)));
    fact("Budget", fmt::format("a line may leak {} per {} more than before", format_bytes(comparison.budget), unit));
    const std::string reason = comparison.reasons.empty() ? "" : comparison.reasons.front();
    HtmlPage page{fmt::format("leakline: compare {}", outcome_name(comparison.outcome)),
                  fmt::format("<p class=\"kind\">Comparison of two runs</p>\n<h1><span class=\"verdict {}\">{}</span> {}</h1>\n",
                              color_of(comparison.outcome), outcome_name(comparison.outcome), html_cut(reason)) +
                      html_tiles({{"Before", format_bytes(comparison.total_before), "of live heap per " + unit},
                                  {"After", format_bytes(comparison.total_after), "of live heap per " + unit},
                                  {"Difference", format_signed_bytes(comparison.total_after - comparison.total_before), "per " + unit}}) +
                      "<dl class=\"facts\">\n" + facts + "</dl>\n"};

    const std::size_t shown = std::min(options.top, comparison.lines.size());
    std::string out =
        fmt::format("<p class=\"note\">{} of {}, in bytes per {}; a line marked red leaks more than before by more than the budget.</p>\n",
                    shown, comparison.lines.size(), unit);
    if (shown == 0)
        out += "<p>None.</p>\n";
    else
        out += table_of_differences(comparison, shown);
    page.sections.push_back({"lines", "Lines that grow in either run", out});
    if (shown > 0) {
        page.sections.push_back({"paths", "Difference by call path", html_flame(true), "", false, true});
        page.data = fmt::format("{{\"unit\":\"{}\",\"flame\":{}}}", unit, flame_json(growth_by_path(comparison), true));
    }
    page.sections.push_back({"warnings", "Warnings", html_list(comparison.warnings)});
    return page;
}

}  // namespace leakline::report
