// What holds memory, for a terminal: each holder with its size, its variable, the path of members, and the container's elements.
#include <fmt/format.h>

#include <algorithm>

#include "base/quantities.hpp"
#include "base/strings.hpp"
#include "report/internal/holder_words.hpp"
#include "report/internal/renderers.hpp"
#include "report/internal/terminal_text.hpp"
#include "report/internal/type_words.hpp"

namespace leakline::report {

namespace {

constexpr std::size_t kIndent = 13;  // the column of sizes

std::string size_text(Bytes bytes) { return format_bytes(static_cast<double>(bytes)); }

std::string kind_text(const BlockKind& kind) {
    const std::string size = size_text(kind.bytes);
    if (!kind.name.empty()) return fmt::format("{} {} ({})", format_count(kind.blocks), kind.name, size);
    return kind.blocks == 1 ? "1 block of " + size
                            : fmt::format("{} blocks of {} ({})", format_count(kind.blocks), size_text(kind.block_size), size);
}

// "3,000 x app::Session", "20 cycles through app::Peer::other (60 blocks)".
std::string lost_text(const LostKind& kind) {
    std::string what;
    if (!kind.cycle)
        what = kind.type.empty() ? counted(kind.count, "block") + " of " + size_text(kind.block_size)
                                 : format_count(kind.count) + " x " + kind.type;
    else
        what = counted(kind.count, "cycle") + " through " + (kind.type.empty() ? "blocks of unknown type" : kind.type);
    if (!kind.field.empty()) what += "::" + kind.field;
    if (kind.blocks > kind.count) what += fmt::format(" ({} blocks)", format_count(kind.blocks));
    return fmt::format("  {:>10}  {}", size_text(kind.bytes), what);
}

// Rows that do not fit are cut, not wrapped: names of templates are long, and their beginning says most.
void add_row(TerminalText& text, const std::string& row) {
    text.line(std::string(kIndent, ' ') +
              TerminalText::cut(row, static_cast<std::size_t>(text.options().width) - std::min<std::size_t>(kIndent, 39)));
}

void add_holder(TerminalText& text, const HolderReport& report, const Holder& holder) {
    const std::string size =
        report.since ? format_signed_bytes(static_cast<double>(holder.growth_bytes.value_or(0))) : size_text(holder.bytes);
    text.line();
    text.line(fmt::format("{:>{}}  {}", size, kIndent - 2, text.paint(terminal_safe(variable_text(holder)), Color::bold)));
    std::string contents = contents_text(holder);
    if (report.since) {
        if (holder.growth_elements && *holder.growth_elements != 0)
            contents += fmt::format(" ({}{})", *holder.growth_elements > 0 ? "+" : "-",
                                    format_count(static_cast<std::uint64_t>(std::abs(*holder.growth_elements))));
        contents += (contents.empty() ? "" : ", ") + size_text(holder.bytes) + " now";
    } else if (report.bytes > 0) {
        contents += fmt::format("{}{:.1f} % of the heap", contents.empty() ? "" : ", ",
                                100 * static_cast<double>(holder.bytes) / static_cast<double>(report.bytes));
    }
    add_row(text, contents);
    const auto add_place = [&](std::string_view what, const std::string& file, std::uint32_t line) {
        if (file.empty()) return;
        add_row(text, TerminalText::cut_front(fmt::format("{} {}:{}", what, file, line),
                                              static_cast<std::size_t>(text.options().width) - kIndent));
    };
    add_place("<-", holder.file, holder.line);
    add_place("member", holder.member_file, holder.member_line);
    if ((holder.root == Holder::Root::thread_local_variable || holder.root == Holder::Root::local) && !holder.thread.empty())
        add_row(text, "thread " + holder.thread);
    for (const HolderPart& part : holder.parts) {
        const std::string what = contents_text(part.type, part.elements);
        add_row(text, fmt::format("  {:>10}  {}{}{}", size_text(part.bytes), part.path, what.empty() ? "" : "  ", what));
    }
    for (const BlockKind& kind : holder.kinds) add_row(text, "  " + kind_text(kind));
    if (holder.shared_bytes > 0)
        add_row(text, fmt::format("{} of it can also be reached from {}", size_text(holder.shared_bytes), holder.shared_with));
}

}  // namespace

std::string holders_text(const HolderReport& report, const RenderOptions& options) {
    TerminalText text(options);
    const bool is_python = report.allocator == "Python";
    std::string head =
        fmt::format("{} ({}): {} in {} {}", file_name(report.command),
                    report.core.empty() ? fmt::format("pid {}", report.process) : fmt::format("core file {}", file_name(report.core)),
                    size_text(report.bytes), format_count(report.blocks), is_python && !report.since ? "objects" : "heap blocks");
    if (report.growth_bytes)
        head += fmt::format(", {} in {}", format_signed_bytes(static_cast<double>(*report.growth_bytes)), format_duration(*report.since));
    text.line(terminal_safe(head));
    if (report.core.empty())
        text.line(fmt::format("stopped for {}{}", format_duration(report.paused),
                              report.copied > 0 ? fmt::format(" while {} were copied", size_text(report.copied)) : ""));
    const std::size_t shown = std::min(options.top, report.holders.size());
    if (shown == 0) text.line("\nno holder found");
    for (std::size_t i = 0; i < shown; ++i) add_holder(text, report, report.holders[i]);
    if (shown < report.holders.size()) text.line(fmt::format("\nand {} more (--top)", report.holders.size() - shown));
    // In Python they are garbage that has not been collected: no block lacks a free.
    const std::string lost =
        (is_python ? "reference cycles that are not freed: " : "lost: ") + counted(report.lost_blocks, "unreachable block");
    if (!is_python || report.lost_blocks > 0)
        text.line(fmt::format("\n{:>{}}  {}{}", size_text(report.lost_bytes), kIndent - 2, lost,
                              report.lost_blocks > 0 && !options.lost ? " (listed by --lost)" : ""));
    if (options.lost)
        for (const LostKind& kind : report.lost) add_row(text, lost_text(kind));
    if (const auto rows = type_rows(report, options.top); !rows.empty()) {
        text.heading("Objects by type");
        for (const std::string& row : rows)
            text.line(TerminalText::cut(" " + terminal_safe(row), static_cast<std::size_t>(text.options().width)));
    }
    text.warnings(report.warnings);
    return text.take();
}

}  // namespace leakline::report
