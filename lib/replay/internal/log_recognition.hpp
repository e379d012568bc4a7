// Detects by its first bytes what a log is: its format, and the envelopes around its lines.
//
// Thread-safety: pure functions.
#pragma once

#include <string_view>
#include <vector>

#include "replay/internal/envelope.hpp"
#include "replay/log.hpp"

namespace leakline::replay {

struct LogForm {
    const FormatRow* format = nullptr;          // null: none is recognized
    std::vector<const EnvelopeRow*> envelopes;  // the outermost first
    bool certain = false;                       // a line was recognized
};

// prefix: the first bytes of the log. options.format, options.pattern and options.map, where given, say what the lines
// within the envelopes are. Throws Error{usage} for an invalid pattern or name.
LogForm recognize_log(std::string_view prefix, const LogOptions& options);

// The first line that is neither blank nor, if comment is given, a comment.
std::string_view first_line(std::string_view prefix, char comment = '\0');
// Whether one of the first lines is a JSON object.
bool has_json_object(std::string_view prefix);

}  // namespace leakline::replay
