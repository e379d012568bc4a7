#include "report/internal/line_table.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "base/quantities.hpp"
#include "base/strings.hpp"
#include "base/utf8.hpp"
#include "report/internal/terminal_text.hpp"

namespace leakline::report {

namespace {

// SGR parameters of ECMA-48.
std::string_view color_code(Color color) {
    switch (color) {
        case Color::red: return "1;31";
        case Color::green: return "1;32";
        case Color::yellow: return "1;33";
        case Color::bold: return "1";
        case Color::dim: return "2";
    }
    return "";
}

}  // namespace

std::string terminal_safe(std::string_view text) {
    std::string safe;
    safe.reserve(text.size());
    for (std::string_view piece : split(text, '\t')) {
        if (piece.data() != text.data()) safe += '\t';
        safe += printable(piece);
    }
    return safe;
}

std::string memory_cell(double bytes, RenderOptions::Unit unit, int precision) {
    switch (unit) {
        case RenderOptions::Unit::bytes: return fmt::format("{:{}.0f} B", bytes, precision + 4);
        case RenderOptions::Unit::kib: return fmt::format("{:{}.{}f} KiB", bytes / 1024, precision + 4, precision);
        case RenderOptions::Unit::mib: break;
    }
    return fmt::format("{:{}.{}f} MiB", bytes / kMiB, precision + 4, precision);
}

std::vector<std::string> line_table_footer(LineTable::Origin origin) {
    if (origin == LineTable::Origin::observed)
        return {"Mem usage: the largest memory of the process seen when the line ended",
                "Increment: bytes allocated minus bytes freed while the line ran, including the functions that it called",
                "Occurrences: times the line ran"};
    return {
        "Mem usage: memory of the process at the start of the window + growth through this line and the "
        "lines above",
        "Increment: growth of live heap bytes, within the window, allocated through this line",
        "Occurrences: allocations made through this line within the window"};
}

std::string line_table_rows(const LineTable& table, const RenderOptions& options) {
    // memory_profiler's template; "Occurrences" overflows its ten columns, so the header's text starts one
    // further to the right than the rows' text.
    constexpr const char* kRow = "{:>6} {:>12} {:>12}  {:>10}   {}";
    constexpr std::size_t kBeforeText = 48;
    const std::string header = fmt::format(kRow, "Line #", "Mem usage", "Increment", "Occurrences", "Line Contents");
    const std::size_t room = static_cast<std::size_t>(std::max(options.width, 64)) - kBeforeText;

    std::string out = header + "\n" + std::string(header.size(), '=') + "\n";
    for (const LineTable::Row& row : table.rows) {
        std::string text = options.strict ? row.text : terminal_safe(row.text);
        if (options.fold && !options.strict) text = utf8_cut(text, room);
        if (row.cells)
            out += fmt::format(kRow, row.line, memory_cell(row.cells->usage_bytes, options.unit, options.precision),
                               memory_cell(row.cells->increment_bytes, options.unit, options.precision), row.cells->occurrences, text);
        else
            out += fmt::format(kRow, row.line, "", "", "", text);
        out += '\n';
    }
    return out;
}

std::string line_table(const LineTable& table, const RenderOptions& options) {
    std::string out =
        "Filename: " + (options.strict ? table.file : terminal_safe(table.file)) + "\n\n" + line_table_rows(table, options) + "\n\n";
    if (options.strict) return out;

    out.pop_back();
    TerminalText footer(options);
    for (const std::string& line : line_table_footer(table.origin)) footer.item("  ", line);
    return out + footer.take();
}

std::string paint(std::string_view text, Color color, const RenderOptions& options) {
    return options.color ? fmt::format("\x1b[{}m{}\x1b[0m", color_code(color), text) : std::string(text);
}

}  // namespace leakline::report
