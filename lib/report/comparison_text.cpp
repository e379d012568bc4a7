#include "report/internal/comparison_text.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "base/quantities.hpp"
#include "base/strings.hpp"
#include "report/internal/line_table.hpp"
#include "report/internal/summary.hpp"
#include "report/internal/terminal_text.hpp"

namespace leakline::report {

namespace {

Color outcome_color(GateOutcome outcome) {
    switch (outcome) {
        case GateOutcome::passed: return Color::green;
        case GateOutcome::failed: return Color::red;
        case GateOutcome::inconclusive: return Color::yellow;
    }
    return Color::bold;
}

}  // namespace

std::string rate_text(const Interval& rate, bool there) {
    if (!there) return "-";
    return std::isfinite(rate.low) && std::isfinite(rate.high) ? format_bytes(rate.estimate) : format_bytes(rate.estimate) + " ?";
}

std::string bounds_text(const Interval& difference) {
    if (!std::isfinite(difference.low) || !std::isfinite(difference.high)) return "not known";
    return fmt::format("{} .. {}", format_signed_bytes(difference.low), format_signed_bytes(difference.high));
}

// "app.cpp:31, was :28" if a line has moved.
std::string place_of(const LineDifference& line) {
    const CodeLine& at = line.after ? *line.after : line.before ? *line.before : CodeLine{};
    std::string place = place_text(at);
    if (line.before && line.after && line.before->line != line.after->line) place += fmt::format(", was :{}", line.before->line);
    return at.function.empty() || at.file.empty() ? place : place + " " + short_function(at.function);
}

std::string comparison_text(const Comparison& comparison, const RenderOptions& options) {
    std::string out = paint(outcome_name(comparison.outcome), outcome_color(comparison.outcome), options);
    for (std::size_t i = 0; i < comparison.reasons.size(); ++i) out += (i == 0 ? ": " : "; ") + terminal_safe(comparison.reasons[i]);
    const std::string unit = comparison.per == Growth::Per::request ? "request" : "hour";
    out += fmt::format("\n  before  {}: {} of live heap per {}\n  after   {}: {} of live heap per {}\n\n", terminal_safe(comparison.before),
                       format_signed_bytes(comparison.total_before), unit, terminal_safe(comparison.after),
                       format_signed_bytes(comparison.total_after), unit);
    const std::size_t shown = std::min(options.top, comparison.lines.size());
    out += fmt::format("Lines that grow in either run ({} of {}), per {}\n", shown, comparison.lines.size(), unit);
    if (shown == 0) return out + "  none\n";
    // On a narrow terminal the line is below its numbers.
    constexpr int kNumbers = 62;
    const bool wide = options.width >= 100;
    const std::string indent = wide ? std::string(kNumbers, ' ') : "    ";
    const auto cut = [&](std::string_view text) {
        return wide && !options.fold ? terminal_safe(text)
                                     : TerminalText::cut(text, static_cast<std::size_t>(std::max(options.width, 40)) - indent.size());
    };
    out += fmt::format("  {:<8}{:>12}{:>12}  {}\n", "change", "before", "after", wide ? "difference                line" : "difference");
    for (std::size_t i = 0; i < shown; ++i) {
        const LineDifference& line = comparison.lines[i];
        const std::string numbers =
            fmt::format("  {:<8}{:>12}{:>12}  {}", line_change_name(line.change), rate_text(line.rate_before, line.before.has_value()),
                        rate_text(line.rate_after, line.after.has_value()), bounds_text(line.difference));
        const std::string place = cut(place_of(line));
        const std::string row = wide ? fmt::format("{:<{}}{}", numbers, kNumbers, place) : numbers + "\n" + indent + place;
        out += (line.over_budget ? paint(row, Color::red, options) : row) + "\n";
        if (const std::string_view source = trim(line.source); !source.empty())
            out += paint(indent + cut(source), Color::dim, options) + "\n";
    }
    if (!comparison.warnings.empty()) out += "\nWarnings\n";
    for (const std::string& warning : comparison.warnings) out += "  - " + terminal_safe(warning) + "\n";
    return out;
}

}  // namespace leakline::report
