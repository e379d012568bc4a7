// The page of a comparison: the outcome and its reasons, both totals, then line by line, worst first. It needs no script.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "base/quantities.hpp"
#include "base/strings.hpp"
#include "report/internal/comparison_text.hpp"
#include "report/internal/html_page.hpp"
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

}  // namespace

std::string html_comparison(const Comparison& comparison, const RenderOptions& options) {
    const std::string unit = comparison.per == Growth::Per::request ? "request" : "hour";
    std::string out = fmt::format("<h1><span class=\"verdict {}\">{}</span> {}</h1>\n<dl class=\"facts\">\n", color_of(comparison.outcome),
                                  outcome_name(comparison.outcome), xml_text(comparison.reasons.empty() ? "" : comparison.reasons.front()));
    const auto fact = [&](std::string_view name, const std::string& html) { out += fmt::format("<dt>{}</dt><dd>{}</dd>\n", name, html); };
    for (std::size_t i = 1; i < comparison.reasons.size(); ++i) fact(i == 1 ? "Also" : "", xml_text(comparison.reasons[i]));
    const auto side = [&](std::string_view name, const std::string& file, double total) {
        fact(name, fmt::format("{} of live heap per {}: <code>{}</code>", format_signed_bytes(total), unit, xml_text(file)));
    };
    side("Before", comparison.before, comparison.total_before);
    side("After", comparison.after, comparison.total_after);
    fact("Budget", fmt::format("a line may leak {} per {} more than before", format_bytes(comparison.budget), unit));
    out += "</dl>\n";

    const std::size_t shown = std::min(options.top, comparison.lines.size());
    out += fmt::format(
        "<h2>Lines that grow in either run</h2>\n<p class=\"note\">{} of {}, in bytes per {}; a line marked "
        "red leaks more than before by more than the budget.</p>\n",
        shown, comparison.lines.size(), unit);
    if (shown == 0) return out + "<p>None.</p>\n" + html_list("Warnings", comparison.warnings);
    out +=
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
    return out + "</tbody></table></div>\n" + html_list("Warnings", comparison.warnings);
}

}  // namespace leakline::report
