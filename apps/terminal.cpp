#include "terminal.hpp"

#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>

#include "system/executables.hpp"

namespace leakline::cli {

Terminal detect_terminal(int descriptor) {
    constexpr int kNarrowest = 40;
    Terminal terminal;
    terminal.interactive = ::isatty(descriptor) == 1 && environment_variable("TERM") != "dumb";
    terminal.color = terminal.interactive && environment_variable("NO_COLOR").empty();
    int columns = 0;
    const std::string_view text = environment_variable("COLUMNS");
    std::from_chars(text.data(), text.data() + text.size(), columns);
    winsize size{};
    if (::ioctl(descriptor, TIOCGWINSZ, &size) == 0) {
        if (columns <= 0) columns = size.ws_col;
        if (size.ws_row > 0) terminal.height = size.ws_row;
    }
    if (columns > 0) terminal.width = std::max(columns, kNarrowest);
    return terminal;
}

}  // namespace leakline::cli
