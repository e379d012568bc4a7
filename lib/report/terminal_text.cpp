#include "report/internal/terminal_text.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "base/ascii.hpp"
#include "base/utf8.hpp"
#include "report/internal/line_table.hpp"

namespace leakline::report {

namespace {

constexpr int kIndent = 19, kNarrowest = 40;

// Pieces of at most so many bytes, cut between words; a longer word is a piece of its own. At least one piece.
std::vector<std::string> wrapped(std::string_view text, std::size_t room) {
    std::vector<std::string> pieces;
    do {
        std::size_t cut = text.size();
        if (cut > room) {
            cut = text.rfind(' ', room);
            // A number stays with its unit, if there is a place before both.
            if (cut != std::string_view::npos && cut > 0 && is_digit(text[cut - 1]))
                if (const std::size_t before = text.rfind(' ', cut - 1); before != std::string_view::npos && before > 0) cut = before;
            if (cut == std::string_view::npos || cut == 0) cut = std::min(text.find(' ', room), text.size());
        }
        std::string_view piece = text.substr(0, cut);
        while (piece.ends_with(' ')) piece.remove_suffix(1);
        pieces.emplace_back(piece);
        text.remove_prefix(std::min(cut + 1, text.size()));
    } while (!text.empty());
    return pieces;
}

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

void TerminalText::field(std::string_view label, std::string_view text, std::optional<Color> color) {
    std::string begin = fmt::format("  {:<{}} ", label, kIndent - 3);
    for (const std::string& piece : wrapped(terminal_safe(text), room_after(kIndent))) {
        line(begin + (color ? paint(piece, *color) : piece));
        begin.assign(kIndent, ' ');
    }
}

void TerminalText::paragraph(std::string_view lead, Color color, std::string_view text) {
    bool first = true;
    for (const std::string& piece : wrapped(std::string(lead) + terminal_safe(text), statement_room(0))) {
        const std::size_t colored = lead.empty() ? piece.size() : first && piece.size() >= lead.size() ? lead.size() : 0;
        line(colored > 0 ? paint(piece.substr(0, colored), color) + piece.substr(colored) : piece);
        first = false;
    }
}

void TerminalText::item(std::string_view begin, std::string_view text) {
    const auto indent = std::min(begin.size(), static_cast<std::size_t>(options_.width) / 2);
    std::string before(begin);
    for (const std::string& piece : wrapped(terminal_safe(text), statement_room(indent))) {
        line(before + piece);
        before.assign(indent, ' ');
    }
}

std::size_t TerminalText::room_after(std::size_t indent) const {
    return static_cast<std::size_t>(std::max(options_.width - static_cast<int>(indent), 24));
}

std::size_t TerminalText::statement_room(std::size_t indent) const { return options_.fold ? room_after(indent) : std::string::npos; }

std::size_t TerminalText::lines() const { return static_cast<std::size_t>(std::count(out_.begin(), out_.end(), '\n')); }

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
