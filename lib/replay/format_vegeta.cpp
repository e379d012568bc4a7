#include "replay/internal/format_vegeta.hpp"

#include <algorithm>

#include "base/error.hpp"
#include "base/strings.hpp"
#include "model/request_jsonl.hpp"
#include "system/byte_source.hpp"

namespace leakline::replay {

namespace {

constexpr std::size_t kMaxBodyFile = std::size_t{64} << 20;

// "GET http://..." or "GET /path"
bool is_target_line(std::string_view line) {
    const std::size_t space = line.find(' ');
    if (space == 0 || space == line.npos) return false;
    for (const char c : line.substr(0, space))
        if (c < 'A' || c > 'Z') return false;
    const std::string_view url = trim(line.substr(space));
    return url.find(' ') == url.npos && (url.starts_with("http://") || url.starts_with("https://") || url.starts_with('/'));
}

}  // namespace

bool looks_like_vegeta_json(std::string_view line) {
    Scratch scratch;
    scratch.reset(line.size());
    JsonScan scan(line, scratch);
    bool method = false, url = false, other = false;
    const bool whole = scan.object([&](std::string_view key) {
        method = method || key == "method";
        url = url || key == "url";
        other = other || (key != "method" && key != "url" && key != "body" && key != "header");  // some access log
        return scan.skip_value();
    });
    return whole && method && url && !other;
}

bool looks_like_vegeta_http(std::string_view line) { return is_target_line(line); }

bool VegetaJsonStream::read(JsonScan& scan, Record& record) {
    const bool whole = scan.object([&](std::string_view key) {
        if (key == "method") return scan.string(record.method);
        if (key == "url") return scan.string(record.target);
        if (key == "body") {
            std::string_view text;
            if (!scan.scalar(text)) return false;
            body_.clear();
            if (text != "null" && !append_from_base64(body_, text)) return (fault_ = "the body is not base64"), false;
            record.body = body_;
            return true;
        }
        if (key == "header" && scan.next_is('{')) {
            return scan.object([&](std::string_view name) {
                return scan.array([&] {
                    std::string_view value;
                    if (!scan.string(value)) return false;
                    record.headers.emplace_back(name, value);
                    return true;
                });
            });
        }
        return scan.skip_value();
    });
    if (!whole || !scan.at_end()) return false;
    if (record.method.empty()) return (fault_ = "no \"method\""), false;
    if (record.target.empty()) return (fault_ = "no \"url\""), false;
    return true;
}

bool VegetaHttpStream::next_line() {
    for (;;) {
        const std::optional<std::string_view> line = chunks_.next_line();
        if (!line) return false;
        const std::string_view text = trim(*line);
        if (text.starts_with('#')) continue;
        line_ = text;
        return true;
    }
}

RecordStream::Step VegetaHttpStream::next(Record& record) {
    if (!ahead_) {
        do {
            if (!next_line()) return Step::end;
        } while (line_.empty());
    }
    ahead_ = false;
    place_ = chunks_.pieces();
    record.clear();
    record.place = place_;
    if (!is_target_line(line_)) return bad("expected METHOD URL, found '" + printable(line_.substr(0, 40)) + "'");
    // Positions first; views only after the text is complete.
    text_ = line_;
    const std::size_t first_end = text_.size();
    std::vector<std::pair<std::size_t, std::size_t>> lines;
    std::string body_file;
    while (next_line() && !line_.empty()) {
        if (is_target_line(line_)) {
            ahead_ = true;
            break;
        }
        if (line_.starts_with('@')) {
            body_file = trim(std::string_view(line_).substr(1));
            break;
        }
        if (line_.find(':') == line_.npos) return bad("expected NAME: VALUE, found '" + printable(line_.substr(0, 40)) + "'");
        lines.emplace_back(text_.size(), line_.size());
        text_ += line_;
    }
    const std::string_view text = text_;
    const std::size_t space = text.find(' ');
    record.method = text.substr(0, space);
    record.target = trim(text.substr(space, first_end - space));
    for (const auto& [from, size] : lines) {
        const std::string_view line = text.substr(from, size);
        const std::size_t colon = line.find(':');
        record.headers.emplace_back(trim(line.substr(0, colon)), trim(line.substr(colon + 1)));
    }
    if (body_file.empty()) return Step::record;
    try {
        body_ = read_file(body_file, kMaxBodyFile);
    } catch (const Error& error) {
        return bad("the body cannot be read: " + error.location() + ": " + error.message());
    }
    record.body = body_;
    return Step::record;
}

}  // namespace leakline::replay
