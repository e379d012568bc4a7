#include "report/internal/history_text.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "base/ascii.hpp"
#include "base/quantities.hpp"
#include "report/internal/line_table.hpp"
#include "report/internal/summary.hpp"

namespace leakline::report {

namespace {

std::string growth_text(const std::optional<Interval>& growth) { return growth ? format_bytes(growth->estimate) : "?"; }

double newest_growth(const History::Line& line) {
    for (auto growth = line.growth.rbegin(); growth != line.growth.rend(); ++growth)
        if (*growth) return (*growth)->estimate;
    return 0;
}

}  // namespace

std::string_view history_verdict(const History& history) {
    return history.has_slow_growth() ? "slow growth" : history.worsened() ? "worse" : "ok";
}

std::string history_headline(const History& history) {
    const auto count = [&](History::Change change) {
        return std::count_if(history.lines.begin(), history.lines.end(), [&](const auto& line) { return line.change == change; });
    };
    if (history.has_slow_growth()) {
        const History::Line& first = history.lines.front();
        return fmt::format(
            "{} leaks {} per request, up from {}, in steps too small to fail a single run{}", place_text(first.at),
            format_bytes(newest_growth(first)), format_bytes(first.least.value_or(0)),
            count(History::Change::slow_growth) > 1 ? fmt::format("; {} lines in total", count(History::Change::slow_growth)) : "");
    }
    if (history.runs.size() == 1)
        return fmt::format("only one run, so there is nothing to compare; leaking lines: {}", history.lines.size());
    if (history.lines.empty()) return fmt::format("no line leaks in any of {} runs", history.runs.size());
    return fmt::format("leaking lines in {} runs: {} ({} new, {} jumped, {} gone)", history.runs.size(), history.lines.size(),
                       count(History::Change::appeared), count(History::Change::jumped), count(History::Change::gone));
}

std::string history_text(const History& history, const RenderOptions& options) {
    const std::string verdict = to_upper(history_verdict(history));
    std::string out =
        paint(verdict, history.worsened() ? Color::red : Color::green, options) + ": " + terminal_safe(history_headline(history)) + "\n";
    std::size_t shown = 0;
    for (const History::Line& line : history.lines) {
        if (shown++ == options.top) break;
        const std::string head = fmt::format("{} ({})", terminal_safe(place_text(line.at)), change_name(line.change));
        out += "\n" + paint(head, worse(line.change) ? Color::red : Color::bold, options) + "\n";
        if (!line.source.empty()) out += "  " + terminal_safe(line.source) + "\n";
        out += "  per request, oldest first:";
        for (const auto& growth : line.growth) out += " " + growth_text(growth) + (&growth == &line.growth.back() ? "" : ",");
        out += "\n";
    }
    out += fmt::format("\n{}\n  {:<21}{:<14}{:>19}  {}\n", paint("Runs, oldest first", Color::bold, options), "started", "verdict",
                       "memory per request", "file");
    for (const History::Run& run : history.runs)
        out += fmt::format("  {:<21}{:<14}{:>19}  {}\n", run.started.empty() ? "unknown" : terminal_safe(run.started),
                           verdict_name(run.verdict), growth_text(run.bytes_per_request), terminal_safe(run.file));
    for (const std::string& warning : history.warnings) out += "  - " + terminal_safe(warning) + "\n";
    return out;
}

}  // namespace leakline::report
