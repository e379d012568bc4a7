#include "replay/format_har.hpp"

#include <charconv>

#include "model/request_jsonl.hpp"
#include "replay/log_time.hpp"

namespace leakline::replay {

namespace {

// Finds where a JSON value ends while its text is still arriving: only quotes, escapes and brackets matter.
class ValueEnd {
  public:
    // Takes the next character; true when it is the last of an array or object.
    bool take(char c) {
        if (in_string_) {
            if (escaped_) escaped_ = false;
            else if (c == '\\') escaped_ = true;
            else if (c == '"') in_string_ = false;
            return false;
        }
        if (c == '"') in_string_ = true;
        else if (c == '{' || c == '[') ++depth_;
        else if (c == '}' || c == ']') return --depth_ <= 0;
        return false;
    }

  private:
    int depth_ = 0;
    bool in_string_ = false, escaped_ = false;
};

bool is_http(std::string_view url) {
    const std::size_t colon = url.find(':');
    if (colon == url.npos || url.substr(0, colon).find_first_of("/?") != url.npos) return true;  // no scheme: a path
    return url.starts_with("http://") || url.starts_with("https://");
}

// As application/x-www-form-urlencoded has it.
void append_form_encoded(std::string& out, std::string_view text) {
    for (const char c : text) {
        const bool plain = (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || c == '-' || c == '.' || c == '_' || c == '*';
        constexpr char kHex[] = "0123456789ABCDEF";
        const auto byte = static_cast<unsigned char>(c);
        if (plain) out += c;
        else if (c == ' ') out += '+';
        else out += {'%', kHex[byte >> 4], kHex[byte & 15]};
    }
}

bool is_blank(char c) { return c == ' ' || c == '\t' || c == '\n' || c == '\r'; }

}  // namespace

bool looks_like_har(std::string_view prefix) {
    const std::size_t brace = prefix.find_first_not_of("\xEF\xBB\xBF \t\r\n");
    if (brace == prefix.npos || prefix[brace] != '{') return false;
    const std::size_t key = prefix.find_first_not_of(" \t\r\n", brace + 1);
    if (key == prefix.npos || !prefix.substr(key).starts_with("\"log\"")) return false;
    return prefix.find("\"entries\"", key) != prefix.npos || prefix.find("\"creator\"", key) != prefix.npos ||
           prefix.find("\"pages\"", key) != prefix.npos;
}

// Skips to behind the '[' of the member "entries" at depth 2 ({"log": {"entries": [).
bool HarStream::find_entries() {
    int depth = 0;
    bool in_string = false, escaped = false, is_key = false;
    std::string text;
    for (;;) {
        const std::string_view window = chunks_.window();
        std::size_t at = 0;
        for (; at < window.size(); ++at) {
            const char c = window[at];
            if (in_string) {
                if (escaped) escaped = false;
                else if (c == '\\') escaped = true;
                else if (c == '"') in_string = false;
                else if (text.size() < 16) text += c;
                continue;
            }
            if (c == '"') {
                in_string = true;
                text.clear();
            } else if (c == ':') {
                is_key = depth == 2 && text == "entries";
            } else if (c == '{' || c == '[') {
                ++depth;
                if (c == '[' && is_key) {
                    chunks_.consume(at + 1);
                    return true;
                }
                is_key = false;
            } else if (c == '}' || c == ']') {
                --depth;
            } else if (!is_blank(c)) {
                is_key = false;
            }
        }
        chunks_.consume(at);
        if (!chunks_.more()) return false;
    }
}

std::optional<std::string_view> HarStream::next_entry() {
    // Blanks and the comma between entries.
    for (;;) {
        const std::string_view window = chunks_.window();
        std::size_t at = 0;
        while (at < window.size() && (is_blank(window[at]) || window[at] == ',')) ++at;
        chunks_.consume(at);
        if (at < window.size()) break;
        if (!chunks_.more()) {
            cut_ = true;
            return std::nullopt;
        }
    }
    if (chunks_.window().front() != '{') {
        cut_ = chunks_.window().front() != ']';
        return std::nullopt;
    }
    ValueEnd value;
    for (std::size_t at = 0;; ++at) {
        while (at == chunks_.window().size()) {
            if (at > ChunkBuffer::kMaxPiece || !chunks_.more()) {
                cut_ = true;
                return std::nullopt;
            }
        }
        if (!value.take(chunks_.window()[at])) continue;
        const std::string_view entry = chunks_.window().substr(0, at + 1);
        chunks_.consume(at + 1);
        return entry;
    }
}

RecordStream::Step HarStream::next(Record& record) {
    if (ended_) return Step::end;
    if (!started_) {
        started_ = true;
        if (!find_entries()) {
            ended_ = true;
            return bad("no log.entries in it");
        }
    }
    const std::optional<std::string_view> entry = next_entry();
    place_ = ++entries_;
    if (!entry) {
        ended_ = true;
        return cut_ ? bad("the file ends within entry " + std::to_string(entries_)) : Step::end;
    }
    record.clear();
    record.place = place_;
    scratch_.reset(entry->size());
    JsonScan scan(*entry, scratch_);
    fault_ = nullptr;
    time_fault_.clear();
    if (read(scan, record)) {
        if (is_http(record.target)) return Step::record;
        ++other_schemes_;
        return Step::skipped;
    }
    return bad("entry " + std::to_string(entries_) + ": " +
               (!time_fault_.empty() ? time_fault_ : fault_ != nullptr ? fault_ : scan.fault()));
}

bool HarStream::read(JsonScan& scan, Record& record) {
    const bool whole = scan.object([&](std::string_view key) {
        if (key == "startedDateTime") {
            std::string_view text;
            if (!scan.string(text)) return false;
            const LogTime time = parse_iso_time(text);
            if (!time.at) return (time_fault_ = time.reason), false;
            record.at = *time.at;
            record.has_time = true;
            return true;
        }
        if (key == "request" && scan.next_is('{')) return read_request(scan, record);
        if (key == "response" && scan.next_is('{')) {
            return scan.object([&](std::string_view name) {
                if (name != "status") return scan.skip_value();
                std::int64_t status = 0;
                if (!scan.integer(status)) return false;
                if (status >= 100 && status <= 999) record.recorded_status = static_cast<int>(status);
                return true;
            });
        }
        return scan.skip_value();
    });
    if (!whole) return false;
    if (record.method.empty() || record.target.empty()) return (fault_ = "no request.method and request.url"), false;
    return true;
}

std::vector<std::string> HarStream::warnings() const {
    if (other_schemes_ == 0) return {};
    return {format_count(other_schemes_) + (other_schemes_ == 1 ? " entry is" : " entries are") +
            " no HTTP request (data:, blob:, ws: and the like): passed over"};
}

bool HarStream::read_request(JsonScan& scan, Record& record) {
    std::int64_t size = 0;
    const bool whole = scan.object([&](std::string_view key) {
        if (key == "bodySize") {
            std::string_view text;
            if (!scan.scalar(text)) return false;
            std::from_chars(text.data(), text.data() + text.size(), size);  // -1, or null, where it is not known
            return true;
        }
        if (key == "method") return scan.string(record.method);
        if (key == "url") {
            if (!scan.string(record.target)) return false;
            record.target = record.target.substr(0, record.target.find('#'));
            return true;
        }
        if (key == "headers" && scan.next_is('[')) {
            return scan.array([&] {
                std::string_view name, value;
                const bool header = scan.object([&](std::string_view member) {
                    if (member == "name") return scan.string(name);
                    if (member == "value") return scan.string(value);
                    return scan.skip_value();
                });
                if (header && !name.empty()) record.headers.emplace_back(name, value);
                return header;
            });
        }
        if (key == "postData" && scan.next_is('{')) return read_post_data(scan, record);
        return scan.skip_value();
    });
    if (size > 0 && record.body.empty()) record.body_missing = true;
    return whole;
}

bool HarStream::read_post_data(JsonScan& scan, Record& record) {
    bool base64 = false;
    std::string_view type;
    form_.clear();
    const bool whole = scan.object([&](std::string_view member) {
        if (member == "text") return scan.string(record.body);
        if (member == "mimeType") return scan.scalar(type);
        if (member == "params" && scan.next_is('[')) return read_parameters(scan);
        if (member == "encoding" || member == "_encoding") {
            std::string_view encoding;
            if (!scan.scalar(encoding)) return false;
            base64 = encoding == "base64";
            return true;
        }
        return scan.skip_value();
    });
    if (!whole) return false;
    if (record.body.empty() && !form_.empty()) {
        if (type.empty() || type.starts_with("application/x-www-form-urlencoded")) record.body = form_;
        else record.body_missing = true;
        return true;
    }
    if (!base64) return true;
    body_.clear();
    if (!append_from_base64(body_, record.body)) return (fault_ = "postData.text is not base64"), false;
    record.body = body_;
    return true;
}

bool HarStream::read_parameters(JsonScan& scan) {
    return scan.array([&] {
        std::string_view name, value;
        const bool whole = scan.object([&](std::string_view member) {
            if (member == "name") return scan.scalar(name);
            if (member == "value") return scan.scalar(value);
            return scan.skip_value();
        });
        if (!form_.empty()) form_ += '&';
        append_form_encoded(form_, name);
        form_ += '=';
        append_form_encoded(form_, value);
        return whole;
    });
}

}  // namespace leakline::replay
