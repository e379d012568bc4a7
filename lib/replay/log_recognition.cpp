#include "replay/internal/log_recognition.hpp"

#include <memory>
#include <optional>

#include "base/strings.hpp"
#include "replay/internal/format_access_json.hpp"
#include "replay/internal/format_pattern.hpp"

namespace leakline::replay {

namespace {

// The first line of a log that was rotated or tailed may be cut, of a damaged one more lines; a container prints much before
// its first request. Such lines do not decide the format.
constexpr int kExaminedLines = 200;
constexpr int kDepth = 3;  // nested envelopes: syslog in the journal in Docker

std::string_view after_line(std::string_view text) {
    take_line(text);
    return text;
}

class Recognizer {
  public:
    Recognizer(std::string_view prefix, const LogOptions& options) : options_(options), prefix_(prefix) {
        if (!options.pattern.empty()) pattern_ = parse_log_pattern(options.pattern);
        for (const EnvelopeRow& row : envelopes()) unwrappers_.push_back(row.make(prefix));
    }

    LogForm run() {
        std::string_view rest = prefix_;
        for (int line = 0; line < kExaminedLines && !rest.empty(); ++line, rest = after_line(rest))
            if (asks(rest, 0)) {
                form_.certain = true;
                return form_;
            }
        return {};
    }

  private:
    // text begins with the line to examine; at depth 0 the rest of the log follows.
    bool asks(std::string_view text, int depth) {
        const std::string_view line = first_line(text);
        if (line.empty()) return false;
        return is_enveloped(line, depth, true) || is_of_format(text, line) || is_enveloped(line, depth, false);
    }

    bool is_of_format(std::string_view text, std::string_view line) {
        if (pattern_) return pattern_->matches(line);
        for (const FormatRow& row : log_formats()) {
            if (!options_.format.empty() && options_.format != row.name) continue;
            const bool mapped = !options_.map.empty() && std::string_view(row.name) == "access-json" && looks_like_json_object(line);
            // With a map, the map decides, even if the members look like vegeta's, for example.
            if (!mapped && (row.detect == nullptr || !row.detect(text) || (!options_.map.empty() && looks_like_json_object(line))))
                continue;
            form_.format = &row;
            return true;
        }
        return false;
    }

    bool is_enveloped(std::string_view line, int depth, bool before_formats) {
        if (depth == kDepth) return false;
        for (std::size_t i = 0; i < unwrappers_.size(); ++i) {
            const EnvelopeRow& row = envelopes()[i];
            if (row.before_formats != before_formats || !unwrappers_[i]) continue;
            const std::optional<Enveloped> held = unwrappers_[i]->unwrap(line);
            if (!held || held->text.empty()) continue;
            const std::string inner(held->text);
            form_.envelopes.push_back(&row);
            if (asks(inner, depth + 1)) return true;
            form_.envelopes.pop_back();
        }
        return false;
    }

    const LogOptions& options_;
    std::string_view prefix_;
    std::optional<LogPattern> pattern_;
    std::vector<std::unique_ptr<Unwrapper>> unwrappers_;
    LogForm form_;
};

}  // namespace

std::string_view first_line(std::string_view prefix, char comment) {
    while (!prefix.empty()) {
        const std::string_view line = trim(take_line(prefix));
        if (!line.empty() && line.front() != comment) return line;
    }
    return {};
}

bool has_json_object(std::string_view prefix) {
    for (int line = 0; line < kExaminedLines && !prefix.empty(); ++line, prefix = after_line(prefix))
        if (looks_like_json_object(first_line(prefix))) return true;
    return false;
}

LogForm recognize_log(std::string_view prefix, const LogOptions& options) { return Recognizer(prefix, options).run(); }

}  // namespace leakline::replay
