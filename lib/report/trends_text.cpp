#include "report/trends_text.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <limits>
#include <tuple>

#include "base/quantities.hpp"
#include "report/internal/plot.hpp"
#include "report/internal/resources_text.hpp"
#include "report/internal/summary.hpp"
#include "report/internal/terminal_text.hpp"

namespace leakline::report {

namespace {

int rank(Trend trend) {
    switch (trend) {
        case Trend::growing: return 0;
        case Trend::inconclusive: return 1;
        case Trend::stable: return 2;
        case Trend::shrinking: return 3;
    }
    return 1;
}

Color trend_color(Trend trend) {
    switch (trend) {
        case Trend::growing: return Color::red;
        case Trend::inconclusive: return Color::yellow;
        default: return Color::green;
    }
}

std::string name_of(const TrendReport::Item& item) { return terminal_safe(item.series.name.empty() ? item.file : item.series.name); }

void add_details(TerminalText& text, const TrendReport::Item& item) {
    const TrendVerdict& trend = item.verdict;
    text.line(fmt::format("{}  {}", text.paint(trend_name(trend.verdict), trend_color(trend.verdict)), name_of(item)));
    for (const std::string& reason : trend.reasons) text.field(&reason == &trend.reasons.front() ? "because" : "", reason);
    text.field("slope", slope_text(trend));
    if (!trend.growth_class.empty()) text.field("shape", trend.growth_class);
    text.field("p(leak)", fmt::format("{:.3f}", trend.p_leak));
    if (trend.time_to_limit_h) text.field("limit", reached_text(*trend.time_to_limit_h));
    if (trend.warmup_end_s > 0) text.field("warm-up", "ends at " + tick_text(trend.warmup_end_s, Scale::seconds));
    if (trend.plateau_bytes) text.field("plateau", format_bytes(*trend.plateau_bytes));
    text.field("detection limit", detection_limit(trend).text());
    text.field("data", fmt::format("{} samples over {}", format_count(item.samples()), hours_text(item.series.duration() / 3600)));
}

void add_table(TerminalText& text, const std::vector<const TrendReport::Item*>& items) {
    constexpr int kVerdict = 12;
    const bool limited =
        std::any_of(items.begin(), items.end(), [](const auto* item) { return item->verdict.time_to_limit_h.has_value(); });
    const auto row = [&](const std::string& verdict, std::size_t width, std::string_view slope, std::string_view limit,
                         std::string_view name) {
        const std::string in = limited ? fmt::format("  {:>10}", limit) : "";
        text.line(fmt::format("{}{:{}}  {:>12}{}  {}", verdict, "", kVerdict - static_cast<int>(width), slope, in, name));
    };
    row("verdict", 7, "per hour", "limit in", "series");
    for (const TrendReport::Item* item : items) {
        const TrendVerdict& trend = item->verdict;
        const std::string_view verdict = trend_name(trend.verdict);
        row(text.paint(verdict, trend_color(trend.verdict)), verdict.size(), format_signed_bytes(trend.slope_bytes_per_hour.estimate),
            limit_in_text(trend), name_of(*item));
    }
}

}  // namespace

bool more_urgent(const TrendReport::Item& a, const TrendReport::Item& b) {
    const auto key = [](const TrendReport::Item& item) {
        const TrendVerdict& verdict = item.verdict;
        const double hours = verdict.time_to_limit_h ? verdict.time_to_limit_h->estimate : std::numeric_limits<double>::infinity();
        return std::tuple(rank(verdict.verdict), hours, -verdict.slope_bytes_per_hour.estimate);
    };
    return key(a) < key(b);
}

std::vector<const TrendReport::Item*> by_urgency(const TrendReport& report) {
    std::vector<const TrendReport::Item*> items;
    for (const TrendReport::Item& item : report.items) items.push_back(&item);
    std::stable_sort(items.begin(), items.end(), [](const auto* a, const auto* b) { return more_urgent(*a, *b); });
    return items;
}

std::string limit_in_text(const TrendVerdict& trend) {
    if (!trend.time_to_limit_h) return "-";
    return trend.time_to_limit_h->estimate <= 0 ? "reached" : hours_text(trend.time_to_limit_h->estimate);
}

TrendCounts count_trends(const TrendReport& report) {
    std::array<std::size_t, 4> counts{};
    for (const TrendReport::Item& item : report.items) ++counts[static_cast<std::size_t>(rank(item.verdict.verdict))];
    return {counts[0],
            counts[1],
            counts[2],
            counts[3],
            fmt::format("{} of {} series {}", counts[0], report.items.size(), counts[0] == 1 ? "grows" : "grow"),
            fmt::format("{} growing, {} inconclusive, {} stable, {} shrinking", counts[0], counts[1], counts[2], counts[3])};
}

std::string trends_text(const TrendReport& report, const RenderOptions& options) {
    constexpr std::size_t kFew = 12;
    TerminalText text(options);
    if (report.items.size() <= kFew) {
        for (const TrendReport::Item& item : report.items) {
            if (&item != &report.items.front()) text.line();
            add_details(text, item);
        }
    } else {
        const std::vector<const TrendReport::Item*> items = by_urgency(report);
        const TrendCounts counts = count_trends(report);
        text.line(counts.headline);
        text.line(counts.each);
        text.line();
        add_table(text, items);
        const auto asking = static_cast<std::size_t>(std::count_if(
            items.begin(), items.end(), [](const auto* item) { return rank(item->verdict.verdict) <= rank(Trend::inconclusive); }));
        for (std::size_t i = 0; i < std::min(asking, options.top); ++i) {
            text.line();
            add_details(text, *items[i]);
        }
        if (asking > options.top) {
            text.line();
            text.line(
                fmt::format("For the reasons of {} more series that grow or are inconclusive, use -o FILE.html, "
                            ".json or .csv",
                            asking - options.top));
        }
    }
    for (const TrendReport::Count& count : report.counts) {
        if (&count == &report.counts.front() && !report.items.empty()) text.line();
        const Trend verdict = count.growth.verdict;
        text.line(fmt::format("{}  {}", text.paint(trend_name(verdict), trend_color(verdict)), terminal_safe(count_line(count))));
    }
    text.warnings(report.warnings);
    return text.take();
}

}  // namespace leakline::report
