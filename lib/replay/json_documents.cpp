#include "replay/internal/json_documents.hpp"

#include <algorithm>
#include <cstring>

#include "base/strings.hpp"

namespace leakline::replay {

namespace {

// Members in which APIs return the entries of a log.
bool holds_entries(std::string_view name) {
    for (const std::string_view known :
         {"events", "logEvents", "hits", "records", "entries", "results", "result", "data", "logs", "items", "rows"})
        if (name == known) return true;
    return false;
}

// How deep the objects of a member like {"hits": {"hits": [{...}]}} are, where text may end anywhere.
std::optional<int> depth_in_object(std::string_view text) {
    JsonNesting nesting;
    std::string name, before;  // the last string, and the one before it
    bool entries[4] = {};      // by depth: whether the member that is being read holds entries
    for (const char c : text) {
        const JsonNesting::Part part = nesting.take(c);
        const int depth = nesting.depth();
        if (part == JsonNesting::Part::quote && nesting.in_string()) name.clear();
        if (part == JsonNesting::Part::text) name += c;
        if (part == JsonNesting::Part::other && c == ':' && depth > 0 && depth < 4) entries[depth] = holds_entries(name);
        if (part != JsonNesting::Part::open_bracket || depth < 2) continue;
        if (c == '{' && depth >= 3 && depth <= 4 && entries[depth - 2] && before == "[") return depth - 1;
        before = std::string(1, c);
        if (depth > 4) return std::nullopt;
    }
    return std::nullopt;
}

}  // namespace

bool begins_json_over_lines(std::string_view prefix) {
    prefix = trim(prefix);
    const std::string_view first = trim(prefix.substr(0, prefix.find('\n')));
    return first == "{" || first == "[" || (first.starts_with('[') && trim(first.substr(1)).starts_with('{'));
}

std::optional<int> depth_of_json_documents(std::string_view prefix) {
    prefix = trim(prefix);
    if (prefix.starts_with('[')) return trim(prefix.substr(1)).starts_with('{') ? std::optional(1) : std::nullopt;
    if (!prefix.starts_with('{')) return std::nullopt;
    const std::string_view first = trim(prefix.substr(0, prefix.find('\n')));
    if (const auto depth = depth_in_object(prefix)) {
        // One line of many that each have such a member is a document itself.
        Scratch scratch;
        scratch.reset(first.size());
        JsonScan scan(first, scratch);
        const bool whole = scan.skip_value() && scan.at_end();
        if (!whole || first.size() == prefix.size()) return depth;
    }
    return first == "{" ? std::optional(0) : std::nullopt;
}

void JsonDocuments::take(char c) {
    const JsonNesting::Part part = nesting_.take(c);
    if (part == JsonNesting::Part::open_bracket && c == '{' && nesting_.depth() == depth_ + 1) inside_ = true;
    if (!inside_) return;
    ready_ += c == '\n' || c == '\r' ? ' ' : c;
    if (part != JsonNesting::Part::close_bracket || nesting_.depth() != depth_) return;
    ready_ += '\n';
    inside_ = false;
}

std::size_t JsonDocuments::read(std::span<char> buffer) {
    if (taken_ == ready_.size()) {
        taken_ = 0;
        ready_.clear();
        while (ready_.empty() && (!text_.window().empty() || text_.more())) {
            const std::string_view window = text_.window();
            for (const char c : window) take(c);
            text_.consume(window.size());
        }
    }
    const std::size_t count = std::min(buffer.size(), ready_.size() - taken_);
    std::memcpy(buffer.data(), ready_.data() + taken_, count);
    taken_ += count;
    return count;
}

}  // namespace leakline::replay
