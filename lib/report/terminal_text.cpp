#include "report/internal/terminal_text.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "base/utf8.hpp"
#include "report/internal/line_table.hpp"

namespace leakline::report {

namespace {

constexpr int kIndent = 19, kNarrowest = 40;

}  // namespace

TerminalText::TerminalText(RenderOptions options) : options_(options) { options_.width = std::max(options_.width, kNarrowest); }

std::string TerminalText::paint(std::string_view text, Color color) const { return report::paint(text, color, options_); }

void TerminalText::line(std::string_view text) {
    out_ += text;
    out_ += '\n';
}

void TerminalText::heading(std::string_view text) {
    line();
    line(paint(terminal_safe(text), Color::bold));
}

void TerminalText::field(std::string_view label, std::string_view text) {
    const std::string safe = terminal_safe(text);
    std::size_t room = static_cast<std::size_t>(std::max(options_.width - kIndent, 24));
    std::string first = fmt::format("  {:<{}} ", label, kIndent - 3);
    for (std::string_view rest = safe; !rest.empty() || !first.empty();) {
        std::size_t cut = rest.size();
        if (cut > room) {
            cut = rest.rfind(' ', room);
            if (cut == std::string_view::npos || cut == 0) cut = std::min(rest.find(' ', room), rest.size());
        }
        line(first + std::string(rest.substr(0, cut)));
        rest.remove_prefix(std::min(cut + 1, rest.size()));
        first = rest.empty() ? "" : std::string(kIndent, ' ');
    }
}

void TerminalText::warnings(const std::vector<std::string>& warnings) {
    if (warnings.empty()) return;
    heading("Warnings");
    for (const std::string& warning : warnings) field("-", warning);
}

std::string TerminalText::cut(std::string_view text, std::size_t room) { return utf8_cut(terminal_safe(text), room); }

std::string TerminalText::cut_front(std::string_view text, std::size_t room) {
    const std::string safe = terminal_safe(text);
    return safe.size() <= room ? safe : "..." + std::string(utf8_tail(safe, room > 3 ? room - 3 : 0));
}

}  // namespace leakline::report
