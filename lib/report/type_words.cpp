#include "report/internal/type_words.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "base/quantities.hpp"
#include "base/utf8.hpp"
#include "model/series.hpp"
#include "model/words.hpp"
#include "report/internal/html_page.hpp"
#include "report/internal/summary.hpp"

namespace leakline::report {

namespace {

constexpr std::size_t kLongestName = 60;

// With its 95 % interval.
std::string counted_growth(const ObjectType& type) {
    const std::string growth = format_signed_count(type.growth_objects);
    const double error = kNormal95 * type.growth_error_objects.value_or(0);
    return error < 0.5 ? growth : fmt::format("{} +- {}", growth, format_count(static_cast<std::uint64_t>(std::llround(error))));
}

// No more digits than are known.
std::string rounded_growth(const ObjectType& type) {
    const double error = kNormal95 * type.growth_error_objects.value_or(0);
    std::int64_t unit = 1;
    while (error > static_cast<double>(unit) * 5) unit *= 10;
    return format_signed_count((type.growth_objects + unit / 2) / unit * unit);
}

}  // namespace

std::string type_growth_words(const std::vector<ObjectType>& types) {
    constexpr std::size_t kShown = 3;
    std::string words;
    for (std::size_t i = 0; i < std::min(types.size(), kShown); ++i)
        words += fmt::format("{}{} {} ({})", i == 0 ? "" : ", ", utf8_cut(types[i].name, kLongestName), rounded_growth(types[i]),
                             format_signed_bytes(static_cast<double>(types[i].growth_bytes)));
    return words;
}

std::vector<std::string> type_rows(const HolderReport& report, std::size_t most) {
    std::vector<std::string> rows;
    for (const ObjectType& type : report.types) {
        if (rows.size() == most) break;
        const auto size = static_cast<double>(report.since ? type.growth_bytes : static_cast<std::int64_t>(type.bytes));
        if (size <= 0 && type.growth_objects <= 0) continue;
        rows.push_back(
            fmt::format("{:>10}  {}, {}{}", report.since ? format_signed_bytes(size) : format_bytes(size),
                        utf8_cut(type.name, kLongestName), counted(type.objects, "object"),
                        report.since && type.growth_objects != 0 ? fmt::format(" ({})", format_signed_count(type.growth_objects)) : ""));
    }
    return rows;
}

void add_type_growth(TerminalText& text, const std::vector<ObjectType>& types) {
    if (types.empty()) return;
    text.heading("Growth by type");
    text.line(fmt::format("  {:>20} {:>24} {:>11}  type", "objects (95 %)", "bytes (95 %)", "now"));
    for (std::size_t i = 0; i < std::min(types.size(), text.options().top); ++i) {
        const ObjectType& type = types[i];
        text.line(fmt::format("  {:>20} {:>24} {:>11}  {}", counted_growth(type), growth_text(type.growth_bytes, type.growth_error_bytes),
                              format_count(type.objects), terminal_safe(utf8_cut(type.name, kLongestName))));
    }
}

std::string html_type_growth(const std::vector<ObjectType>& types) {
    if (types.empty()) return {};
    std::string rows;
    for (const ObjectType& type : types)
        rows += fmt::format("<tr><td class=\"n\">{}</td><td class=\"n\">{}</td><td class=\"n\">{}</td><td><code>{}</code></td></tr>\n",
                            counted_growth(type), growth_text(type.growth_bytes, type.growth_error_bytes), format_count(type.objects),
                            html_cut(type.name));
    return "<div class=\"scroll\"><table><thead><tr><th class=\"n\">objects (95 %)</th><th class=\"n\">bytes (95 %)</th><th class=\"n\">objects "
           "now</th><th>type</th></tr></thead><tbody>\n" +
           rows + "</tbody></table></div>\n";
}

}  // namespace leakline::report
