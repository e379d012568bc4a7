#include "replay/internal/format_har.hpp"

#include <algorithm>
#include <charconv>

#include "base/ascii.hpp"
#include "base/json_scan.hpp"
#include "base/quantities.hpp"
#include "base/strings.hpp"
#include "base/time_text.hpp"
#include "http/message.hpp"
#include "model/request_jsonl.hpp"
#include "replay/internal/method.hpp"
#include "replay/internal/quoted_field.hpp"

namespace leakline::replay {

namespace {

bool is_http(std::string_view url) {
    const std::size_t colon = url.find(':');
    if (colon == url.npos || url.substr(0, colon).find_first_of("/?") != url.npos) return true;  // no scheme: a path
    return url.starts_with("http://") || url.starts_with("https://");
}

bool is_plain(char c) { return is_digit(c) || is_letter(c) || c == '-' || c == '.' || c == '_' || c == '*'; }

// Whether text can be an encoded value of a form: no character that needs to be encoded, '%' only before two digits.
// Characters on which encoders differ (RFC 3986's sub-delimiters and '~', except '&' and '=') are allowed as well.
bool has_form_characters(std::string_view text) {
    for (std::size_t i = 0; i < text.size(); ++i) {
        if (text[i] == '%') {
            if (i + 2 >= text.size() || !is_hex_digit(text[i + 1]) || !is_hex_digit(text[i + 2])) return false;
            i += 2;
        } else if (!is_plain(text[i]) && std::string_view("+~!'(),;:@/?$").find(text[i]) == std::string_view::npos) {
            return false;
        }
    }
    return true;
}

bool is_percent_encoded(std::string_view text) { return text.find('%') != text.npos && has_form_characters(text); }

// Encodes for application/x-www-form-urlencoded.
void append_form_encoded(std::string& out, std::string_view text) {
    for (const char c : text) {
        if (is_plain(c))
            out += c;
        else if (c == ' ')
            out += '+';
        else
            http::append_percent_encoded(out, c);
    }
}

bool is_blank(char c) { return c == ' ' || c == '\t' || c == '\n' || c == '\r'; }

}  // namespace

bool looks_like_har(std::string_view prefix) {
    const std::size_t brace = prefix.find_first_not_of("\xEF\xBB\xBF \t\r\n");
    if (brace == prefix.npos || prefix[brace] != '{') return false;
    const std::size_t key = prefix.find_first_not_of(" \t\r\n", brace + 1);
    if (key == prefix.npos || !prefix.substr(key).starts_with("\"log\"")) return false;
    const std::size_t value = prefix.find_first_not_of(" \t\r\n:", key + 5);
    if (value == prefix.npos || prefix[value] != '{') return false;  // Docker's lines begin like this too
    return prefix.find("\"entries\"", key) != prefix.npos || prefix.find("\"creator\"", key) != prefix.npos ||
           prefix.find("\"pages\"", key) != prefix.npos;
}

// Skips past the '[' of the member "entries" at depth 2 ({"log": {"entries": [).
bool HarStream::find_entries() {
    using Part = JsonNesting::Part;
    JsonNesting nesting;
    std::string text;  // of the last string, its beginning
    bool is_key = false;
    for (;;) {
        const std::string_view window = chunks_.window();
        std::size_t at = 0;
        for (; at < window.size(); ++at) {
            const char c = window[at];
            const Part part = nesting.take(c);
            if (part == Part::quote && nesting.in_string()) {
                text.clear();
            } else if (part == Part::text) {
                if (text.size() < 16) text += c;
            } else if (c == ':' && part == Part::other) {
                is_key = nesting.depth() == 2 && text == "entries";
            } else if (part == Part::open_bracket && c == '[' && is_key) {
                chunks_.consume(at + 1);
                return true;
            } else if (part == Part::open_bracket || (part == Part::other && !is_blank(c))) {
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
    JsonNesting nesting;
    for (std::size_t at = 0;; ++at) {
        while (at == chunks_.window().size()) {
            if (at > ChunkBuffer::kMaxPiece || !chunks_.more()) {
                cut_ = true;
                return std::nullopt;
            }
        }
        if (nesting.take(chunks_.window()[at]) != JsonNesting::Part::close_bracket || nesting.depth() > 0) continue;
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
    record.of_client = true;
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
               (!time_fault_.empty() ? time_fault_
                : fault_ != nullptr  ? fault_
                                     : scan.fault()));
}

bool HarStream::read(JsonScan& scan, Record& record) {
    const bool whole = scan.object([&](std::string_view key) {
        if (key == "startedDateTime") {
            std::string_view text;
            if (!scan.string(text)) return false;
            const ParsedTime time = parse_iso_time(text);
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
    std::vector<std::string> out;
    if (other_schemes_ > 0)
        out.push_back(format_count(other_schemes_) + (other_schemes_ == 1 ? " entry is" : " entries are") +
                      " not an HTTP request (data:, blob:, ws: and the like): skipped");
    if (odd_headers_ > 0)
        out.push_back(format_count(odd_headers_) + (odd_headers_ == 1 ? " header is not valid" : " headers are not valid") + ", such as '" +
                      odd_header_ + "': skipped");
    if (json_bodies_ > 0)
        out.push_back(format_count(json_bodies_) + (json_bodies_ == 1 ? " body is" : " bodies are") +
                      " recorded as a JSON value instead of text: sent as that JSON; spaces may differ from the original");
    return out;
}

bool HarStream::read_request(JsonScan& scan, Record& record) {
    std::int64_t size = -1;  // not known
    has_post_data_ = false;
    const bool whole = scan.object([&](std::string_view key) {
        if (key == "bodySize" && !scan.next_is('{') && !scan.next_is('[')) {
            std::string_view text;
            if (!scan.scalar(text)) return false;
            std::from_chars(text.data(), text.data() + text.size(), size);  // -1, or null, where it is not known
            return true;
        }
        if (key == "method") {
            if (!scan.string(record.method)) return false;
            record.method = standard_method(record.method);
            return true;
        }
        if (key == "url") {
            if (!scan.string(record.target)) return false;
            record.target = record.target.substr(0, record.target.find('#'));
            return true;
        }
        if (key == "httpVersion" && scan.next_is('"')) {
            std::string_view version;
            if (!scan.string(version)) return false;
            record.http_version = http_version_of(version);
            return true;
        }
        if (key == "headers") return read_headers(scan, record);
        if (key == "postData" && scan.next_is('{')) return has_post_data_ = read_post_data(scan, record);
        if (key == "postData" && scan.next_is('"')) return has_post_data_ = scan.string(record.body);
        return scan.skip_value();
    });
    if (!whole || !record.body.empty() || record.body_missing) return whole;
    // The body is missing. Was there one? Sizes that exporters invent for a GET do not count.
    std::string_view length, type;
    for (const auto& [name, value] : record.headers) {
        if (equal_ignoring_case(name, "content-length")) length = value;
        if (equal_ignoring_case(name, "content-type")) type = value;
    }
    if (!length.empty())
        record.body_missing = length != "0";
    else if (takes_body(record.method))
        record.body_missing = size > 0 || (size < 0 && !has_post_data_ && !type.empty());
    return true;
}

// An array of {name, value} by the specification; arrays of "Name: value" and objects occur too.
bool HarStream::read_headers(JsonScan& scan, Record& record) {
    std::string_view name, value;
    const auto take_value = [&] {
        value = {};
        return scan.next_is('{') || scan.next_is('[') ? scan.raw_value(value) : scan.scalar(value);
    };
    if (scan.next_is('{')) {
        return scan.object([&](std::string_view key) {
            if (!take_value()) return false;
            add_header(key, value, record);
            return true;
        });
    }
    if (!scan.next_is('[')) return scan.skip_value();
    return scan.array([&] {
        name = value = {};
        if (scan.next_is('"')) {
            std::string_view line;
            if (!scan.string(line)) return false;
            const std::size_t colon = line.find(':', 1);
            add_header(line.substr(0, colon), colon == line.npos ? std::string_view() : trim(line.substr(colon + 1)), record);
            return true;
        }
        if (!scan.next_is('{')) return scan.skip_value();
        const bool header = scan.object([&](std::string_view member) {
            if (member == "name") return scan.scalar(name);
            if (member == "value") return take_value();
            return scan.skip_value();
        });
        if (header) add_header(name, value, record);
        return header;
    });
}

void HarStream::add_header(std::string_view name, std::string_view value, Record& record) {
    if (name.empty() || name.front() == ':') return;  // HTTP/2's :path and the like are the request itself
    const auto is_token = [](char c) {
        return is_digit(c) || is_letter(c) || std::string_view("!#$%&'*+-.^_`|~").find(c) != std::string_view::npos;
    };
    const bool token = std::all_of(name.begin(), name.end(), is_token);
    // "POST /a HTTP/1.1", as a name or as a name with its value: some exporters have the request line among the headers.
    const std::size_t blank = value.rfind(' ');
    const bool request_line =
        blank != value.npos && value.substr(blank).starts_with(" HTTP/") && (value.starts_with('/') || value.starts_with("http"));
    if (token && !request_line) {
        record.headers.emplace_back(name, value);
        return;
    }
    if (odd_headers_++ == 0) odd_header_ = printable(name.substr(0, 40));
}

bool HarStream::read_post_data(JsonScan& scan, Record& record) {
    bool base64 = false, json = false;
    std::string_view type;
    parameters_.clear();
    parameters_known_ = true;
    const bool whole = scan.object([&](std::string_view member) {
        if (member == "text") {
            json = scan.next_is('{') || scan.next_is('[');
            if (json) return scan.raw_value(record.body);
            if (!scan.next_is('"')) return scan.skip_value();  // null
            return scan.string(record.body);
        }
        if (member == "mimeType" && !scan.next_is('{') && !scan.next_is('[')) return scan.scalar(type);
        if (member == "params") return read_parameters(scan);
        if (member == "encoding" || member == "_encoding") {
            std::string_view encoding;
            if (!scan.scalar(encoding)) return false;
            base64 = encoding == "base64";
            return true;
        }
        return scan.skip_value();
    });
    if (!whole) return false;
    const bool form = type.empty() || type == "null" || type.starts_with("application/x-www-form-urlencoded");
    if (record.body.empty() && (!parameters_.empty() || !parameters_known_)) {
        const bool joined = parameters_known_ && (form ? (join_form(), true) : join_multipart(type));
        record.body_missing = !joined;
        if (joined) record.body = form_;
        return true;
    }
    if (json) {
        // The bytes of a form, or of anything else that is not JSON, cannot be derived from a value.
        record.body_missing = type.find("json") == type.npos && !(type.empty() || type == "null");
        if (record.body_missing)
            record.body = {};
        else
            ++json_bodies_;
        return true;
    }
    if (!base64) return true;
    body_.clear();
    if (!append_from_base64(body_, record.body)) return (fault_ = "postData.text is not base64"), false;
    record.body = body_;
    return true;
}

// An array of {name, value}; objects occur too.
bool HarStream::read_parameters(JsonScan& scan) {
    std::string_view value;
    if (scan.next_is('{')) {
        return scan.object([&](std::string_view key) {
            if (!read_parameter_value(scan, value)) return false;
            parameters_.push_back({key, value, {}, {}});
            return true;
        });
    }
    if (!scan.next_is('[')) return scan.skip_value();
    return scan.array([&] {
        if (!scan.next_is('{')) {
            parameters_known_ = false;
            return scan.skip_value();
        }
        Parameter parameter;
        bool has_value = false;
        const bool whole = scan.object([&](std::string_view member) {
            if (member == "name") return read_parameter_value(scan, parameter.name);
            if (member == "value") return has_value = read_parameter_value(scan, parameter.value);
            if (member == "fileName" && scan.next_is('"')) return scan.string(parameter.file);
            if (member == "contentType" && scan.next_is('"')) return scan.string(parameter.type);
            return scan.skip_value();
        });
        // Most exporters leave a file's content out, or have its name once more in its place.
        if (!parameter.file.empty() && (!has_value || parameter.value.empty() || parameter.value == parameter.file))
            parameters_known_ = false;
        parameters_.push_back(parameter);
        return whole;
    });
}

bool HarStream::read_parameter_value(JsonScan& scan, std::string_view& value) {
    if (!scan.next_is('{') && !scan.next_is('[')) {
        if (!scan.scalar(value)) return false;
        return true;
    }
    parameters_known_ = false;
    return scan.skip_value();
}

void HarStream::join_form() {
    form_.clear();
    const bool encoded = std::any_of(parameters_.begin(), parameters_.end(),
                                     [](const Parameter& one) { return is_percent_encoded(one.name) || is_percent_encoded(one.value); });
    // If one of them is encoded, a '+' in another is a space and not a plus sign.
    const auto append = [&](std::string_view text) {
        if (is_percent_encoded(text) || (encoded && has_form_characters(text)))
            form_ += text;
        else
            append_form_encoded(form_, text);
    };
    for (const Parameter& parameter : parameters_) {
        if (!form_.empty()) form_ += '&';
        append(parameter.name);
        form_ += '=';
        append(parameter.value);
    }
}

// RFC 7578. Names are quoted as browsers do: a quote or a line end in one is percent-encoded.
bool HarStream::join_multipart(std::string_view type) {
    constexpr std::string_view kBoundary = "boundary=";
    const std::size_t at = type.find(kBoundary);
    if (!type.starts_with("multipart/form-data") || at == type.npos) return false;
    std::string_view boundary = type.substr(at + kBoundary.size());
    boundary = trim(boundary.substr(0, boundary.find(';')));
    if (boundary.size() > 1 && boundary.starts_with('"') && boundary.ends_with('"')) boundary = boundary.substr(1, boundary.size() - 2);
    if (boundary.empty()) return false;
    form_.clear();
    const auto append_quoted = [&](std::string_view attribute, std::string_view text) {
        form_.append(attribute).append("=\"");
        for (const char c : text) {
            if (c == '"')
                form_ += "%22";
            else if (c == '\r' || c == '\n')
                form_ += c == '\r' ? "%0D" : "%0A";
            else
                form_ += c;
        }
        form_ += '"';
    };
    for (const Parameter& parameter : parameters_) {
        form_.append("--").append(boundary).append("\r\nContent-Disposition: form-data; ");
        append_quoted("name", parameter.name);
        if (!parameter.file.empty()) append_quoted("; filename", parameter.file);
        if (!parameter.type.empty() && parameter.type.find_first_of("\r\n") == parameter.type.npos)
            form_.append("\r\nContent-Type: ").append(parameter.type);
        form_.append("\r\n\r\n").append(parameter.value).append("\r\n");
    }
    form_.append("--").append(boundary).append("--\r\n");
    return true;
}

}  // namespace leakline::replay
