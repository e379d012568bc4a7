// Lines on standard output that are drawn again in their place, where it is a terminal.
//
// Thread-safety: one thread.
#pragma once

#include <fmt/format.h>

#include <algorithm>
#include <string>
#include <vector>

#include "messages.hpp"
#include "output.hpp"

namespace leakline::cli {

// Columns that its lines may have: a full line would wrap, and be redrawn in the wrong place.
inline std::size_t redrawn_width(const Terminal& terminal) { return static_cast<std::size_t>(std::max(terminal.width, 2) - 1); }

class RedrawnBlock {
  public:
    // In place of those of the call before. At most the terminal's height: what scrolls away cannot be redrawn.
    void draw(const std::vector<std::string>& lines) {
        std::string text = drawn_ > 0 ? fmt::format("\x1b[{}A\r\x1b[J", drawn_) : std::string();
        for (const std::string& line : lines) text += line + "\n";
        drawn_ = lines.size();
        write_standard_output(text);
    }

  private:
    std::size_t drawn_ = 0;  // lines on the screen
};

}  // namespace leakline::cli
