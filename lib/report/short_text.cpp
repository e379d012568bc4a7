#include "report/internal/short_text.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "base/quantities.hpp"
#include "report/internal/line_table.hpp"

namespace leakline::report {

namespace {

// So many rows of a table around the line at fault; the table has been cut where the header says so.
LineTable excerpt(const LineTable& table, std::uint32_t line, std::size_t rows) {
    LineTable out = table;
    if (table.rows.size() <= rows) return out;
    const auto at = std::find_if(table.rows.begin(), table.rows.end(), [&](const LineTable::Row& row) { return row.line == line; });
    const auto middle = static_cast<std::size_t>(at == table.rows.end() ? 0 : at - table.rows.begin());
    const std::size_t begin = std::min(middle < rows / 2 ? 0 : middle - rows / 2, table.rows.size() - rows);
    const auto first = table.rows.begin() + static_cast<std::ptrdiff_t>(begin);
    out.rows.assign(first, first + static_cast<std::ptrdiff_t>(rows));
    return out;
}

}  // namespace

std::string accounting_text(const Accounting& accounting) {
    std::string text = format_signed_bytes(static_cast<double>(accounting.live_delta_bytes)) + " of live heap";
    if (accounting.unattributed_bytes != 0)
        text += fmt::format(" ({} without a source line)", format_signed_bytes(static_cast<double>(accounting.unattributed_bytes)));
    if (!accounting.rss_delta_bytes) return text;
    for (const auto& [bytes, name] :
         {std::pair(accounting.overhead_delta_bytes, "added by malloc"),
          std::pair(accounting.retention_delta_bytes, "kept by the allocator"), std::pair(accounting.file_delta_bytes, "of mapped files"),
          std::pair(accounting.other_delta_bytes, "other")})
        if (bytes && *bytes != 0) text += fmt::format(", {} {}", format_signed_bytes(static_cast<double>(*bytes)), name);
    return text + fmt::format(" = {} of resident memory", format_signed_bytes(static_cast<double>(*accounting.rss_delta_bytes)));
}

std::size_t add_some_warnings(TerminalText& text, const std::vector<std::string>& warnings) {
    constexpr std::size_t kTable = 18;
    std::size_t shown = 0;
    for (; shown < warnings.size() && text.lines() + kTable < kScreen; ++shown) text.field(shown == 0 ? "warnings" : "", warnings[shown]);
    return warnings.size() - shown;
}

void add_excerpt(TerminalText& text, const LineTable& table, std::uint32_t line) {
    constexpr std::size_t kAround = 9, kFewest = 3;  // heading and header of a table, and what follows it
    const std::size_t used = text.lines() + kAround;
    if (used + kFewest > kScreen) return;
    const LineTable shown = excerpt(table, line, kScreen - used);
    text.heading("Function " + short_function(table.function) +
                 (shown.rows.size() < table.rows.size() ? fmt::format(" ({} of {} lines)", shown.rows.size(), table.rows.size()) : ""));
    text.append(line_table_rows(shown, text.options()));
}

void add_what_more(TerminalText& text, std::string_view full, std::size_t hidden) {
    text.line();
    text.paragraph("", Color::dim,
                   fmt::format("{}{}, -o report.html writes a page with charts", full,
                               hidden == 0 ? "" : fmt::format(" and {}", counted(hidden, "more warning"))));
}

}  // namespace leakline::report
