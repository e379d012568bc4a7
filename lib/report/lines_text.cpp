#include "report/internal/lines_text.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "base/quantities.hpp"
#include "base/strings.hpp"
#include "model/heap.hpp"
#include "report/internal/caller_tree.hpp"
#include "report/internal/holder_words.hpp"
#include "report/internal/line_table.hpp"
#include "report/internal/resources_text.hpp"
#include "report/internal/short_text.hpp"
#include "report/internal/summary.hpp"
#include "report/internal/type_words.hpp"

namespace leakline::report {

namespace {

// All branches of the callers, for the leaking lines (or the first line if none leaks).
void add_caller_trees(TerminalText& text, const std::vector<LineGrowth>& lines) {
    constexpr std::size_t kMaxTrees = 5;
    std::size_t shown = 0;
    for (const LineGrowth& line : lines) {
        const bool first =
            &line == &lines.front() && std::none_of(lines.begin(), lines.end(), [](const LineGrowth& l) { return l.leaking; });
        if ((!line.leaking && !first) || line.callers.empty()) continue;
        if (++shown > kMaxTrees) break;
        text.heading("Callers of " + place_text(line.at));
        for (const std::string& row : caller_tree(line, static_cast<std::size_t>(text.options().width), text.options().characters))
            text.line(row);
    }
}

// The line to examine first.
void add_headline(TerminalText& text, const HeadlineLine& headline) {
    const LineGrowth& line = headline.line;
    add_top_line(text, line);
    std::string growth = growth_text(line.growth_bytes, line.growth_error_bytes) + " through it";
    if (line.bytes_per_request)
        growth += ", " + interval_text(*line.bytes_per_request) + " per request";
    else if (line.bytes_per_hour)
        growth += ", " + interval_text(*line.bytes_per_hour) + " per hour";
    text.field("", fmt::format("{}, {}", growth, growth_class_name(line.growth_class)));
    if (const std::string note = headline_note(headline); !note.empty()) text.field("", note);
}

// A recording's completeness, by name, and its meaning for the figures.
std::string completeness_words(const std::string& name) {
    if (name == completeness_name(Completeness::final_tick)) return "incomplete: what came after its last timestamp is missing";
    if (name == completeness_name(Completeness::torn)) return "truncated: usable up to its last complete record";
    return terminal_safe(name);
}

}  // namespace

void add_top_line(TerminalText& text, const LineGrowth& line) {
    text.field("top line", line_and_function(line.at));
    if (const std::string_view source = trim(line.source); !source.empty()) text.field("", source, Color::bold);
}

void add_ranking(TerminalText& text, const std::vector<LineGrowth>& lines, std::size_t most) {
    const std::size_t shown = std::min(lines.size(), most);
    text.heading(fmt::format("Lines by growth of live bytes ({} of {})", shown, lines.size()));
    if (shown == 0) {
        text.line("  none");
        return;
    }
    // A narrow terminal gets only the main columns.
    const bool wide = text.options().width >= 100, widest = text.options().width >= 120;
    const bool sampled =
        std::any_of(lines.begin(), lines.end(), [](const LineGrowth& line) { return line.growth_error_bytes.has_value(); });
    const auto columns = [&](std::string_view growth, std::string_view error, std::string_view rate, std::string_view live,
                             std::string_view peak, std::string_view allocations, std::string_view growth_class) {
        const std::string first = fmt::format("  {:>11} {}{:>11} ", growth, sampled ? fmt::format("{:>13} ", error) : "", rate);
        if (!wide) return first;
        return fmt::format("{}{:>11} {}{:>12} {:<18} ", first, live, widest ? fmt::format("{:>11} ", peak) : "", allocations, growth_class);
    };
    // A recording alone has no requests.
    const bool by_request =
        std::any_of(lines.begin(), lines.end(), [](const LineGrowth& line) { return line.bytes_per_request.has_value(); });
    const std::string_view per = by_request ? "per request" : "per hour";
    const std::string header = columns("growth", "(95 %)", per, "live", "peak", "allocations", "class");
    text.line(header + "line");
    const std::size_t room = static_cast<std::size_t>(text.options().width) - header.size();
    constexpr std::size_t kSourceIndent = 14;
    for (std::size_t i = 0; i < shown; ++i) {
        const LineGrowth& line = lines[i];
        const std::string function = short_function(line.at.function);
        std::string place;
        if (line.at.line == 0 && !function.empty() && !line.at.file.empty()) {
            place = text.cut(fmt::format("{} ({})", function, file_name(line.at.file)), room);
        } else {
            place = text.cut_front(place_text(line.at), room);
            if (!line.at.file.empty() && !function.empty() && place.size() + 10 < room)
                place += " " + text.cut(function, room - place.size() - 1);
        }
        const std::optional<Interval>& rate = by_request ? line.bytes_per_request : line.bytes_per_hour;
        const std::string row = columns(format_signed_bytes(static_cast<double>(line.growth_bytes)), error_text(line.growth_error_bytes),
                                        rate ? format_bytes(rate->estimate) : "-", format_bytes(static_cast<double>(line.live_last_bytes)),
                                        format_bytes(static_cast<double>(line.live_peak_bytes)), format_count(line.allocations),
                                        growth_class_name(line.growth_class)) +
                                place;
        text.line(line.leaking ? text.paint(row, Color::red) : row);
        if (const std::string_view source = trim(line.source); !source.empty())
            text.line(text.paint(
                fmt::format("{:{}}{}", "", kSourceIndent, text.cut(source, static_cast<std::size_t>(text.options().width) - kSourceIndent)),
                Color::dim));
        if (line.growth_class == GrowthClass::container_doubling && line.payload_bytes) {
            std::string bounds = fmt::format("{}: {} to {} in use", adds_blocks(line) ? "ever larger blocks" : "one block that doubles",
                                             format_bytes(line.payload_bytes->low), format_bytes(line.payload_bytes->high));
            if (rate) bounds += fmt::format(", {} to {} {}", format_bytes(rate->low), format_bytes(rate->high), per);
            text.item(std::string(kSourceIndent, ' '), bounds);
        }
    }
}

void add_tables(TerminalText& text, const LineReport& lines, const LineTable* first) {
    const auto add = [&](const LineTable& table) {
        text.heading(fmt::format("Function {}", short_function(table.function)));
        text.append(line_table(table, text.options()));
    };
    if (first != nullptr) add(*first);
    for (const LineTable& table : lines.tables)
        if (&table != first) add(table);
}

void add_callers(TerminalText& text, const LineGrowth& line) {
    if (line.callers.empty()) return;
    text.heading("Called from (largest growth first)");
    const CallerNode* node = &line.callers.front();
    for (int depth = 0; depth < 12; ++depth) {
        text.line(fmt::format("  {:>11}  {}", format_signed_bytes(static_cast<double>(node->growth_bytes)),
                              text.cut(fmt::format("{:{}}{} {}", "", depth, place_text(node->at), short_function(node->at.function)),
                                       static_cast<std::size_t>(std::max(text.options().width - 15, 30)))));
        if (node->callers.empty()) break;
        node = &node->callers.front();
    }
}

void add_accounting(TerminalText& text, const LineReport& report) {
    const Accounting& accounting = report.accounting;
    text.heading("Memory accounting (heap growth within the window)");
    if (const std::string sampling = sampling_text(report); !sampling.empty())
        text.line(fmt::format("  heap bytes are {} ({}, 95 %)", sampling, error_text(accounting.live_delta_error_bytes)));
    for (const AccountingRow& row : accounting_rows(accounting))
        text.line(text.cut(fmt::format("  {:>16}  {:<24}{}", fmt::format("{:+} B", row.bytes), row.name, row.note),
                           static_cast<std::size_t>(text.options().width)));
}

namespace {

// What was recorded, and the line to examine first.
void add_recording(TerminalText& text, const LineReport& report) {
    const auto at = [](Nanoseconds time) { return format_duration(std::chrono::duration_cast<std::chrono::milliseconds>(time)); };
    text.line(
        fmt::format("{} between {} and {}{}{}",
                    text.paint(growth_text(report.accounting.live_delta_bytes, report.accounting.live_delta_error_bytes), Color::bold) +
                        " of live heap",
                    at(report.window_begin), at(report.window_end), report.completeness.empty() ? "" : "; recording ",
                    completeness_words(report.completeness)));
    if (!report.command.empty()) text.field("command", report.command);
    text.field(
        "recording",
        fmt::format("{} allocations, peak {} of live heap, {} in {} blocks live at its end{}", format_count(report.totals.allocations),
                    format_bytes(static_cast<double>(report.totals.peak_bytes)),
                    format_bytes(static_cast<double>(report.totals.leaked_bytes)), report.totals.leaked_blocks,
                    report.totals.suppressed_bytes == 0 ? ""
                                                        : fmt::format(", {} of it in blocks that heaptrack_print omits",
                                                                      format_bytes(static_cast<double>(report.totals.suppressed_bytes)))));
    if (!report.unavailable.empty()) text.field("lines", report.unavailable);
    if (report.headline) add_headline(text, *report.headline);
    if (report.held_by) text.field("held by", held_by_text(*report.held_by));
    for (const ResourceLineRow& row : resource_line_rows(report)) text.field(row.name, row.text);
}

std::string render_short(const LineReport& report, const RenderOptions& options) {
    constexpr std::size_t kRanked = 5;
    TerminalText text(options);
    add_recording(text, report);
    if (const std::string types = type_growth_words(report.types); !types.empty()) text.field("by type", types);
    text.field("accounting", accounting_text(report.accounting));
    const std::size_t hidden = add_some_warnings(text, report.warnings);
    add_ranking(text, report.lines, std::min(kRanked, options.top));
    if (report.headline)
        if (const CodeLine& at = report.headline->line.at; const LineTable* table = table_of(report, at))
            add_excerpt(text, *table, at.line);
    add_what_more(text, "--full prints all lines with their callers", hidden);
    return text.take();
}

std::string render_full(const LineReport& report, const RenderOptions& options) {
    TerminalText text(options);
    add_recording(text, report);
    add_tables(text, report, report.headline ? table_of(report, report.headline->line.at) : nullptr);
    add_ranking(text, report.lines, options.top);
    add_type_growth(text, report.types);
    add_caller_trees(text, report.lines);
    add_accounting(text, report);
    text.warnings(report.warnings);
    return text.take();
}

}  // namespace

std::string lines_text(const LineReport& report, const RenderOptions& options) {
    if (!options.strict) return options.full ? render_full(report, options) : render_short(report, options);
    std::string out;
    for (const LineTable& table : report.tables) out += line_table(table, options);
    return out;
}

}  // namespace leakline::report
