#include "replay/internal/format_access.hpp"

#include <algorithm>
#include <charconv>

#include "base/ascii.hpp"
#include "base/quantities.hpp"
#include "base/strings.hpp"
#include "base/time_text.hpp"
#include "replay/internal/method.hpp"
#include "replay/internal/quoted_field.hpp"

namespace leakline::replay {

namespace {

int number_of(std::string_view text) {
    int value = 0;
    const auto parsed = std::from_chars(text.data(), text.data() + text.size(), value);
    return parsed.ec == std::errc() && parsed.ptr == text.data() + text.size() ? value : 0;
}

bool looks_like_iso_time(std::string_view text) {
    return text.size() > 18 && text[4] == '-' && text[7] == '-' && text[10] == 'T' && text[13] == ':';
}

// Where "[10/Oct/2000:13:55:36 -0700]" begins, after its bracket; or, as nginx's $time_iso8601 writes it, "[2000-10-10T13:55:36-07:00]"
// behind the client (Envoy's line begins with its time).
std::size_t find_common_time(std::string_view line) {
    for (std::size_t at = line.find('['); at != line.npos; at = line.find('[', at + 1)) {
        if (line.size() > at + 7 && line[at + 3] == '/' && line[at + 7] == '/') return at + 1;
        if (at > 0 && looks_like_iso_time(line.substr(at + 1))) return at + 1;
    }
    return line.npos;
}

bool looks_like_envoy(std::string_view line) {
    return line.starts_with('[') && looks_like_iso_time(line.substr(1)) && line.find("] \"") != line.npos;
}

bool looks_like_alb(std::string_view line) {
    const std::string_view type = take_word(line);
    return (type == "http" || type == "https" || type == "h2" || type == "grpcs" || type == "ws" || type == "wss") &&
           looks_like_iso_time(line);
}

// The status that follows a request: `" 200 15`, `" from 127.0.0.1:51234 - 200 15B` (chi); 0 if there is none.
int take_status(std::string_view& rest) {
    std::string_view word = take_word(rest);
    if (word == "from") {
        take_word(rest);
        if (take_word(rest) != "-") return 0;
        word = take_word(rest);
    }
    const int status = word.size() == 3 ? number_of(word) : 0;
    return status >= 100 && status <= 599 ? status : 0;
}

// Where "GET /a HTTP/1.1" begins, with its quote, if a status follows it; npos in other lines.
std::size_t find_request(std::string_view line) {
    for (std::size_t quote = line.find('"'); quote != line.npos; quote = line.find('"', quote + 1)) {
        std::size_t at = quote + 1;
        while (at < line.size() && is_upper(line[at])) ++at;
        if (at == quote + 1 || at >= line.size() || line[at] != ' ') continue;
        const std::size_t size = end_of_quoted(line.substr(quote + 1));
        if (size == line.npos || line.substr(quote + 1, size).rfind(" HTTP/") == line.npos) continue;
        std::string_view rest = line.substr(quote + size + 2);
        if (take_status(rest) != 0) return quote;
    }
    return line.npos;
}

// Where a line of the common format has its time; npos in other lines.
std::size_t find_common_line(std::string_view line) {
    const std::size_t time = find_common_time(line);
    return time != line.npos && line.find("] \"", time) != line.npos ? time : line.npos;
}

bool had_body(const Record& record, std::string_view received) {
    if (!received.empty()) return received != "0" && received != "-";
    return takes_body(record.method);
}

}  // namespace

bool looks_like_access_log(std::string_view line) {
    return find_common_line(line) != line.npos || looks_like_envoy(line) || looks_like_alb(line) || find_request(line) != line.npos;
}

// Takes a quoted field. The view points into the line, or into the scratch if there were escapes.
bool AccessStream::take_quoted(std::string_view& line, std::string_view& out) {
    while (line.starts_with(' ')) line.remove_prefix(1);
    if (!line.starts_with('"')) return false;
    const std::size_t end = end_of_quoted(line.substr(1));
    if (end == line.npos) return false;
    out = unescaped_field(line.substr(1, end), scratch_);
    line.remove_prefix(end + 2);
    return true;
}

bool AccessStream::read_request(std::string_view request, Record& record) {
    if (read_request_line(request, record)) return true;
    bad("no HTTP request in it: '" + printable(request.substr(0, 40)) + "'");
    return false;
}

RecordStream::Step AccessStream::next(Record& record) {
    std::string_view line;
    if (const Step step = line_of_record(line, record); step != Step::record) return step;
    scratch_.reset(line.size());
    if (const std::size_t time = find_common_line(line); time != line.npos) return read_common(line, time, record);
    if (looks_like_envoy(line)) return read_envoy(line, record);
    if (looks_like_alb(line)) return read_alb(line, record);
    if (const std::size_t request = find_request(line); request != line.npos) return read_quoted(line, request, record);
    return chunks_.torn() ? bad("the last line is truncated")
                          : foreign("not a line of an access log: '" + printable(line.substr(0, 40)) + "'");
}

RecordStream::Step AccessStream::read_common(std::string_view line, std::size_t time, Record& record) {
    line.remove_prefix(time);
    const std::size_t end = line.find(']');
    const std::string_view written = line.substr(0, end);
    const ParsedTime stamp = looks_like_iso_time(written) ? parse_iso_time(written) : parse_common_time(written);
    if (!stamp.at) return bad(stamp.reason);
    line.remove_prefix(end + 1);
    std::string_view request;
    if (!take_quoted(line, request)) return bad("no request in quotes after the time");
    if (!read_request(request, record)) return Step::bad;
    record.at = *stamp.at;
    record.has_time = true;
    record.resolution = std::chrono::seconds(1);
    record.recorded_status = number_of(take_word(line));
    take_clients(line, record);
    return Step::record;
}

RecordStream::Step AccessStream::read_quoted(std::string_view line, std::size_t request, Record& record) {
    const std::string_view before = line.substr(0, request), stamp = find_time(before);
    if (stamp.empty() && before.ends_with("] ") && before.find('[') == before.npos) return bad("the beginning of the line is missing");
    if (!stamp.empty()) {
        record.at = *parse_any_time(stamp).at;
        record.has_time = true;
        if (is_in_whole_seconds(stamp)) record.resolution = std::chrono::seconds(1);
    }
    line.remove_prefix(request);
    std::string_view text;
    if (!take_quoted(line, text)) return bad("no request in quotes");
    if (!read_request(text, record)) return Step::bad;
    record.recorded_status = take_status(line);
    take_clients(line, record);
    return Step::record;
}

// A quoted value, "-" if there was none.
void AccessStream::take_header(std::string_view& line, const char* name, Record& record) {
    std::string_view value;
    if (take_quoted(line, value) && value != "-" && !value.empty()) record.headers.emplace_back(name, value);
}

// " bytes-sent "referer" "agent"", as far as they are there.
void AccessStream::take_clients(std::string_view line, Record& record) {
    take_word(line);
    take_header(line, "Referer", record);
    take_header(line, "User-Agent", record);
    record.body_missing = had_body(record, {});
}

// [time] "request" status flags received sent duration upstream-time "xff" "agent" "id" "authority" "upstream"
RecordStream::Step AccessStream::read_envoy(std::string_view line, Record& record) {
    const std::size_t end = line.find(']');
    const ParsedTime stamp = parse_iso_time(line.substr(1, end - 1));
    if (!stamp.at) return bad(stamp.reason);
    line.remove_prefix(end + 1);
    std::string_view request, ignored;
    if (!take_quoted(line, request)) return bad("no request in quotes after the time");
    if (!read_request(request, record)) return Step::bad;
    record.at = *stamp.at;  // %START_TIME%
    record.has_time = true;
    record.recorded_status = number_of(take_word(line));
    // Istio's default has the response code details and the failure reason in between.
    for (int field = 0; field < 4 && number_of(line.substr(0, line.find(' '))) == 0 && !line.starts_with("0 "); ++field)
        if (!take_quoted(line, ignored)) take_word(line);
    const std::string_view received = take_word(line);
    take_word(line);
    take_word(line);
    take_word(line);
    if (take_quoted(line, ignored)) take_header(line, "User-Agent", record);
    take_header(line, "X-Request-Id", record);
    take_header(line, "Host", record);
    record.body_missing = had_body(record, received);
    return Step::record;
}

RecordStream::Step AccessStream::read_alb(std::string_view line, Record& record) {
    take_word(line);
    const ParsedTime answered = parse_iso_time(take_word(line));
    if (!answered.at) return bad(answered.reason);
    for (int field = 0; field < 3; ++field) take_word(line);  // elb, client, target
    // The time is that of the response; -1 means that it is missing.
    Nanoseconds spent{};
    for (int field = 0; field < 3; ++field) spent += parse_decimal_seconds(take_word(line)).value_or(Nanoseconds{});
    const int status = number_of(take_word(line));
    take_word(line);
    const std::string_view received = take_word(line);
    take_word(line);
    std::string_view request, quoted;
    if (!take_quoted(line, request)) return bad("no request in quotes where the 13th field should be");
    if (!read_request(request, record)) return Step::bad;
    take_header(line, "User-Agent", record);
    record.at = *answered.at - spent;
    record.has_time = true;
    record.recorded_status = status;
    // cipher, protocol, group, "trace", "domain", "certificate", priority, then the time the request came
    for (int field = 0; field < 3; ++field) take_word(line);
    for (int field = 0; field < 3; ++field) take_quoted(line, quoted);
    take_word(line);
    if (const ParsedTime created = parse_iso_time(take_word(line)); created.at) record.at = *created.at;
    // received includes the head, so only the method tells whether there was a body.
    record.body_missing = received != "0" && had_body(record, {});
    return Step::record;
}

}  // namespace leakline::replay
