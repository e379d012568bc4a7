// Names for files that are no request log that can be read, and what to do with them.
//
// Thread-safety: pure functions.
#pragma once

#include <string>
#include <string_view>

namespace leakline::replay {

struct Unsupported {
    std::string what;  // "a JMeter test plan, not a log of requests"; "": not known
    std::string hint;
};

// prefix: the first bytes of the file.
Unsupported name_unsupported(std::string_view prefix);

// A hint for a log of no known format: a --log-format-string for its first line that looks like a request, or the names of the formats.
std::string hint_for_unknown(std::string_view prefix);

}  // namespace leakline::replay
