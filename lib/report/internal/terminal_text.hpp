// The page that the text renderers write on: lines, headings, fields wrapped at the width, color where it helps.
// Everything that is shown is safe for a terminal (see terminal_safe). Pure; one object, one thread.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "report/internal/line_table.hpp"
#include "report/report.hpp"

namespace leakline::report {

class TerminalText {
  public:
    // A width under 40 columns counts as 40.
    explicit TerminalText(RenderOptions options);

    std::string paint(std::string_view text, Color color) const;
    void line(std::string_view text = {});
    void heading(std::string_view text);
    // "label      text", wrapped at the width between words, with a hanging indent.
    void field(std::string_view label, std::string_view text, std::optional<Color> color = {});
    // lead in that color and text after it, wrapped at the width with options.fold, else one line that a program can search.
    void paragraph(std::string_view lead, Color color, std::string_view text);
    // begin and text after it; the same, with a hanging indent as wide as begin.
    void item(std::string_view begin, std::string_view text);
    void warnings(const std::vector<std::string>& warnings);  // nothing where there are none
    void append(std::string_view text) { out_ += text; }

    // Text that has to stay in one piece: cut at room columns, never wrapped.
    static std::string cut(std::string_view text, std::size_t room);
    // The same for a place, whose end is more useful than its beginning.
    static std::string cut_front(std::string_view text, std::size_t room);

    const RenderOptions& options() const { return options_; }
    std::size_t lines() const;  // so far
    std::string take() { return std::move(out_); }

  private:
    std::size_t room_after(std::size_t indent) const;
    std::size_t statement_room(std::size_t indent) const;

    RenderOptions options_;
    std::string out_;
};

}  // namespace leakline::report
