// What is known of a terminal. Safe from any thread.
#pragma once

namespace leakline::cli {

// What a descriptor is, as far as printing cares.
struct Terminal {
    bool interactive = false;  // a terminal that can redraw a line (TERM is not "dumb")
    bool utf8 = false;         // its locale is (LC_ALL, LC_CTYPE, LANG)
    bool color = false;        // interactive and not NO_COLOR (https://no-color.org)
    int width = 100;           // COLUMNS, else what the terminal says, else 100
    int height = 24;           // what the terminal says, else 24
};
Terminal detect_terminal(int descriptor);

}  // namespace leakline::cli
