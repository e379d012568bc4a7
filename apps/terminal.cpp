#include "terminal.hpp"

#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>

#include "system/executables.hpp"

namespace leakline::cli {

namespace {

bool is_utf8_locale() {
    for (const char* name : {"LC_ALL", "LC_CTYPE", "LANG"})
        if (const std::string_view locale = environment_variable(name); !locale.empty())
            return locale.find("UTF-8") != std::string_view::npos || locale.find("utf8") != std::string_view::npos;
    return false;
}

}  // namespace

Terminal detect_terminal(int descriptor) {
    constexpr int kNarrowest = 40;
    Terminal terminal;
    terminal.interactive = ::isatty(descriptor) == 1 && environment_variable("TERM") != "dumb";
    terminal.color = terminal.interactive && environment_variable("NO_COLOR").empty();
    terminal.utf8 = is_utf8_locale();
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
