#include "top_view.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <cmath>

#include "base/json_text.hpp"
#include "base/strings.hpp"
#include "sample_view.hpp"

namespace leakline::cli {

namespace {

constexpr std::array<std::string_view, 4> kOrderNames = {"growth", "last-minute", "blocks", "calls"};
constexpr std::size_t kWholePaths = 120;  // columns from which whole paths are shown

std::string per_minute(double bytes, Nanoseconds time) {
    const double seconds = to_seconds(time);
    return seconds > 0 ? format_signed_bytes(bytes * 60 / seconds) : "-";
}

std::int64_t grown_lately(const TopFigures& figures, const LineGrowth& line) {
    const auto lately = figures.lately.find(line.at);
    return lately != figures.lately.end() ? lately->second : 0;
}

std::int64_t new_blocks(const LineGrowth& line) { return line.live_last_blocks - line.live_first_blocks; }

std::vector<const LineGrowth*> ranked(const TopFigures& figures, TopOrder order, std::size_t most) {
    const auto key = [&](const LineGrowth& line) -> std::int64_t {
        switch (order) {
            case TopOrder::growth: return line.growth_bytes;
            case TopOrder::last_minute: return grown_lately(figures, line);
            case TopOrder::blocks: return new_blocks(line);
            case TopOrder::calls: return static_cast<std::int64_t>(line.allocations);
        }
        return 0;
    };
    std::vector<const LineGrowth*> lines;
    for (const LineGrowth& line : figures.all.lines)
        if (key(line) > 0) lines.push_back(&line);
    std::stable_sort(lines.begin(), lines.end(), [&](const auto* a, const auto* b) { return key(*a) > key(*b); });
    lines.resize(std::min(lines.size(), most));
    return lines;
}

std::string name_of(const CodeLine& at, bool whole_path) {
    const std::string file = whole_path ? at.file : std::string(file_name(at.file));
    const std::string place = at.line != 0 ? fmt::format("{}:{}", file, at.line) : file;
    if (at.function.empty()) return printable(place);
    return printable(place.empty() ? at.function : fmt::format("{} in {}", place, at.function));
}

std::string error_text(const std::optional<double>& standard_error) {
    return standard_error ? fmt::format(" +- {}", format_bytes(kNormal95 * *standard_error)) : std::string();
}

std::string head(const TopFigures& figures) {
    const std::string others =
        figures.pids.size() > 1 ? fmt::format(" and {}", counted(figures.pids.size() - 1, "other process")) : std::string();
    return fmt::format("{}{}: attached for {}, {}", figures.process, others, format_duration(figures.recorded),
                       figures.sampling ? fmt::format("1 in {} allocated bytes sampled", format_count(figures.sampling->interval))
                                        : std::string("every block recorded"));
}

std::string totals(const TopFigures& figures) {
    const Accounting& accounting = figures.all.accounting;
    const double growth = static_cast<double>(accounting.live_delta_bytes);
    std::int64_t blocks = 0;
    for (const LineGrowth& line : figures.all.lines) blocks += new_blocks(line);
    std::string text =
        fmt::format("live heap {}{} since then, {} per minute, {} blocks", format_signed_bytes(growth),
                    error_text(accounting.live_delta_error_bytes), per_minute(growth, figures.recorded), format_signed_count(blocks));
    if (figures.resident) text += fmt::format("; RSS {}", format_bytes(static_cast<double>(*figures.resident)));
    return text;
}

void append_member(std::string& json, std::string_view name, std::string_view value) {
    json += fmt::format("{}\"{}\":{}", json.ends_with('{') ? "" : ",", name, value);
}
void append_text(std::string& json, std::string_view name, std::string_view text) {
    std::string quoted;
    append_json_string(quoted, text);
    append_member(json, name, quoted);
}

}  // namespace

std::string_view order_name(TopOrder order) { return kOrderNames[static_cast<std::size_t>(order)]; }
TopOrder next_order(TopOrder order) { return static_cast<TopOrder>((static_cast<std::size_t>(order) + 1) % kOrderNames.size()); }

std::vector<std::string> top_view(const TopFigures& figures, TopOrder order, std::size_t most, std::size_t width) {
    std::vector<std::string> text{head(figures), totals(figures)};
    const std::string lately = figures.lately_span ? "last " + format_duration(*figures.lately_span) : std::string("lately");
    text.push_back(fmt::format("{:>10} {:>10} {:>10} {:>9} {:>9}  {}", "growth", "per minute", lately, "blocks", "calls", "line"));
    const std::vector<const LineGrowth*> lines = ranked(figures, order, most);
    for (const LineGrowth* line : lines) {
        const auto growth = static_cast<double>(line->growth_bytes);
        text.push_back(
            fmt::format("{:>10} {:>10} {:>10} {:>9} {:>9}  {}", format_signed_bytes(growth), per_minute(growth, figures.recorded),
                        figures.lately_span ? format_signed_bytes(static_cast<double>(grown_lately(figures, *line))) : "-",
                        format_signed_count(new_blocks(*line)), format_count(line->allocations), name_of(line->at, width >= kWholePaths)));
        if (!line->source.empty()) text.push_back(fmt::format("{:>54}{}", "", printable(trim(line->source))));
    }
    if (lines.empty()) text.emplace_back("  no line has grown so far");
    for (const std::string& sentence : figures.unseen) text.push_back("not shown: " + sentence);
    for (std::string& line : text) line = cut_to(std::move(line), width);
    return text;
}

std::string top_json(const TopFigures& figures, TopOrder order, std::size_t most) {
    std::string json = "{";
    append_member(json, "schema", "1");
    append_member(json, "recorded_s", fmt::format("{:.3f}", to_seconds(figures.recorded)));
    append_text(json, "process", figures.process);
    append_member(json, "pids", fmt::format("[{}]", fmt::join(figures.pids, ",")));
    if (figures.resident) append_member(json, "rss_bytes", std::to_string(*figures.resident));
    append_member(json, "sample_interval_bytes", std::to_string(figures.sampling ? figures.sampling->interval : 1));
    append_member(json, "live_delta_bytes", std::to_string(figures.all.accounting.live_delta_bytes));
    if (figures.all.accounting.live_delta_error_bytes)
        append_member(json, "live_delta_error_bytes", fmt::format("{:.0f}", *figures.all.accounting.live_delta_error_bytes));
    if (figures.lately_span) append_member(json, "lately_s", fmt::format("{:.3f}", to_seconds(*figures.lately_span)));
    std::string lines;
    for (const LineGrowth* line : ranked(figures, order, most)) {
        std::string one = "{";
        append_text(one, "file", line->at.file);
        append_member(one, "line", std::to_string(line->at.line));
        append_text(one, "function", line->at.function);
        append_text(one, "source", trim(line->source));
        append_member(one, "growth_bytes", std::to_string(line->growth_bytes));
        if (line->growth_error_bytes) append_member(one, "growth_error_bytes", fmt::format("{:.0f}", *line->growth_error_bytes));
        if (figures.lately_span) append_member(one, "growth_lately_bytes", std::to_string(grown_lately(figures, *line)));
        append_member(one, "growth_blocks", std::to_string(new_blocks(*line)));
        append_member(one, "allocations", std::to_string(line->allocations));
        lines += (lines.empty() ? "" : ",") + one + "}";
    }
    append_member(json, "lines", "[" + lines + "]");
    std::string unseen;
    for (const std::string& sentence : figures.unseen) {
        if (!unseen.empty()) unseen += ',';
        append_json_string(unseen, sentence);
    }
    append_member(json, "not_shown", "[" + unseen + "]");
    return json + "}";
}

}  // namespace leakline::cli
