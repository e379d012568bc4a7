#include "base/json_path.hpp"

#include <algorithm>
#include <charconv>
#include <span>

namespace leakline {

namespace {

// Deeper paths are refused, so that the depth of the recursion is bounded.
constexpr std::size_t kMaxSteps = 64;

bool find(JsonScan& scan, std::span<const JsonPath::Step> steps, std::string_view& raw) {
    if (steps.empty()) return scan.raw_value(raw);
    const JsonPath::Step& step = steps.front();
    bool found = false;
    if (!step.name.empty()) {
        if (!scan.next_is('{')) return false;
        scan.object([&](std::string_view name) {
            if (name != step.name) return scan.skip_value();
            found = find(scan, steps.subspan(1), raw);
            return false;  // the rest is not needed
        });
        return found;
    }
    if (!scan.next_is('[')) return false;
    std::size_t index = 0;
    scan.array([&] {
        if (index++ != step.index) return scan.skip_value();
        found = find(scan, steps.subspan(1), raw);
        return false;
    });
    return found;
}

}  // namespace

std::optional<JsonPath> parse_json_path(std::string_view text) {
    JsonPath path;
    while (!text.empty()) {
        if (path.steps.size() == kMaxSteps) return std::nullopt;
        JsonPath::Step step;
        if (text.front() == '.') {
            const std::size_t end = std::min(text.find_first_of(".[", 1), text.size());
            step.name = text.substr(1, end - 1);
            if (step.name.empty()) return std::nullopt;
            text.remove_prefix(end);
        } else {
            const std::size_t close = text.find(']');
            if (text.front() != '[' || close == text.npos) return std::nullopt;
            const auto [end, error] = std::from_chars(text.data() + 1, text.data() + close, step.index);
            if (error != std::errc{} || end != text.data() + close) return std::nullopt;
            text.remove_prefix(close + 1);
        }
        path.steps.push_back(std::move(step));
    }
    return path;
}

std::optional<std::string_view> find_json_value(std::string_view text, const JsonPath& path, Scratch& scratch) {
    scratch.reset(text.size());
    JsonScan scan(text, scratch);
    std::string_view raw;
    if (!find(scan, path.steps, raw)) return std::nullopt;
    return raw;
}

std::optional<std::string> json_scalar_text(std::string_view raw, Scratch& scratch) {
    if (raw.empty() || raw == "null" || raw.front() == '{' || raw.front() == '[') return std::nullopt;
    scratch.reset(raw.size());
    JsonScan scan(raw, scratch);
    std::string_view text;
    if (!scan.scalar(text)) return std::nullopt;
    return std::string(text);
}

}  // namespace leakline
