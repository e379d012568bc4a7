#include "replay/internal/access_fields.hpp"

#include <charconv>
#include <cstdint>
#include <utility>

#include "base/ascii.hpp"
#include "base/quantities.hpp"
#include "base/time_text.hpp"
#include "replay/internal/method.hpp"
#include "replay/internal/quoted_field.hpp"

namespace leakline::replay {

namespace {

using Kind = AccessField::Kind;

constexpr std::pair<std::string_view, Kind> kKinds[] = {{"ts", Kind::ts},
                                                        {"end", Kind::end},
                                                        {"duration", Kind::duration},
                                                        {"duration_ms", Kind::duration_ms},
                                                        {"duration_us", Kind::duration_us},
                                                        {"duration_ns", Kind::duration_ns},
                                                        {"method", Kind::method},
                                                        {"url", Kind::url},
                                                        {"query", Kind::query},
                                                        {"request", Kind::request},
                                                        {"status", Kind::status},
                                                        {"conn", Kind::conn},
                                                        {"body", Kind::body},
                                                        {"received", Kind::received},
                                                        {"headers", Kind::headers}};

const std::string kNames[] = {"ts",    "end",     "duration", "duration_ms", "duration_us", "duration_ns", "method",  "url",
                              "query", "request", "status",   "conn",        "body",        "received",    "headers", "header.NAME"};

int status_of(std::string_view text) {
    int status = 0;
    std::from_chars(text.data(), text.data() + text.size(), status);
    return status >= 100 && status <= 999 ? status : 0;
}

std::optional<Nanoseconds> spent_seconds(std::string_view text) {
    if (const auto seconds = parse_decimal_seconds(text)) return seconds;
    return parse_duration(text);  // "12ms", "0.5s", as Go programs write it
}

std::optional<Nanoseconds> spent_nanoseconds(std::string_view text) {
    std::int64_t ns = 0;
    const auto parsed = std::from_chars(text.data(), text.data() + text.size(), ns);
    return parsed.ec == std::errc() && ns >= 0 ? std::optional(Nanoseconds(ns)) : std::nullopt;
}

}  // namespace

std::optional<AccessField> parse_access_field(std::string_view name) {
    for (const auto& [known, kind] : kKinds)
        if (known == name) return AccessField{kind, ""};
    if (name.starts_with("header.") && name.size() > 7 && name != "header.NAME")
        return AccessField{Kind::header, std::string(name.substr(7))};
    return std::nullopt;
}

std::span<const std::string> access_field_names() { return kNames; }

std::string header_of_variable(std::string_view variable) {
    if (variable.find('-') != variable.npos) return std::string(variable);
    std::string name;
    bool first = true;
    for (const char c : variable) {
        name += c == '_' ? '-' : first ? to_upper(c) : c;
        first = c == '_';
    }
    return name;
}

bool is_absent(std::string_view value) { return value.empty() || value == "-" || value == "null"; }

void AccessFields::clear() {
    ts_ = end_ = duration_ = duration_ms_ = duration_us_ = duration_ns_ = request_ = query_ = body_ = received_ = content_length_ = {};
    has_body_field_ = body_is_json_ = has_request_ = body_is_empty_ = excluded_ = has_status_ = has_method_ = false;
}

void AccessFields::assign(const AccessField& field, std::string_view value, Record& record) {
    const bool absent = is_absent(value);
    switch (field.kind) {
        case Kind::body:
            has_body_field_ = true;
            body_is_json_ = false;
            body_ = absent ? std::string_view() : value;
            return;
        case Kind::status:
            has_status_ = true;
            record.recorded_status = status_of(value);
            return;
        case Kind::only: excluded_ = value != field.name; return;
        default: break;
    }
    if (absent) return;
    switch (field.kind) {
        case Kind::ts: ts_ = value; break;
        case Kind::end: end_ = value; break;
        case Kind::duration: duration_ = value; break;
        case Kind::duration_ms: duration_ms_ = value; break;
        case Kind::duration_us: duration_us_ = value; break;
        case Kind::duration_ns: duration_ns_ = value; break;
        case Kind::method: record.method = value; break;
        case Kind::url: record.target = value; break;
        case Kind::query: query_ = value; break;
        case Kind::request: request_ = value; break;
        case Kind::conn: record.connection = value; break;
        case Kind::received: received_ = value; break;
        case Kind::header: add_header(field.name, value, record); break;
        case Kind::headers:  // a single string is not a set of headers
        case Kind::body:
        case Kind::only:
        case Kind::status: break;
    }
}

void AccessFields::add_header(std::string_view name, std::string_view value, Record& record) {
    if (equal_ignoring_case(name, "content-length")) content_length_ = value;
    record.headers.emplace_back(name, value);
}

void AccessFields::assign_json_body(std::string_view text) {
    has_body_field_ = body_is_json_ = true;
    body_ = text;
}

std::string AccessFields::finish(Record& record) {
    if (!request_.empty()) {
        const std::size_t space = request_.find(' '), version = request_.rfind(" HTTP/");
        if (space != request_.npos && version != request_.npos && version > space) {
            record.http_version = http_version_of(request_.substr(version + 1));
            if (record.method.empty()) record.method = request_.substr(0, space);
            if (record.target.empty()) record.target = request_.substr(space + 1, version - space - 1);
        }
    }
    if (record.target.empty()) return "no request in it";
    has_request_ = true;
    const bool lacks_slash = record.target.front() != '/' && record.target != "*" && record.target.find("://") == record.target.npos;
    const bool lacks_query = !query_.empty() && record.target.find('?') == record.target.npos;
    if (lacks_slash || lacks_query) {
        target_ = lacks_slash ? "/" : "";
        target_ += record.target;
        if (lacks_query && !query_.starts_with('?')) target_ += '?';
        if (lacks_query) target_ += query_;
        record.target = target_;
    }
    has_method_ = !record.method.empty();
    record.method = has_method_ ? standard_method(record.method) : "GET";
    if (std::string fault = read_time(record); !fault.empty()) return fault;
    read_body(record);
    return {};
}

std::string AccessFields::read_time(Record& record) const {
    const std::string_view stamp = ts_.empty() ? end_ : ts_;
    if (stamp.empty()) return {};
    const ParsedTime time = parse_any_time(stamp);
    if (!time.at) return time.reason;
    record.at = *time.at;
    record.has_time = true;
    if (is_in_whole_seconds(stamp)) record.resolution = std::chrono::seconds(1);
    if (!ts_.empty() || record.resolution.count() != 0) return {};
    if (const auto spent = spent_seconds(duration_))
        record.at -= *spent;
    else if (const auto ms = parse_decimal_seconds(duration_ms_))
        record.at -= *ms / 1000;
    else if (const auto us = parse_decimal_seconds(duration_us_))
        record.at -= *us / 1'000'000;
    else if (const auto ns = spent_nanoseconds(duration_ns_))
        record.at -= *ns;
    return {};
}

void AccessFields::read_body(Record& record) {
    // A server counts the bytes that it has read: none if a handler did not read the announced body.
    const bool known = !received_.empty() || !content_length_.empty();
    const bool had_body = (!received_.empty() && received_ != "0") || (!content_length_.empty() && content_length_ != "0");
    record.body = known && !had_body ? std::string_view() : body_;
    const bool takes = takes_body(record.method);
    if (body_is_json_ && !record.body.empty()) {
        // A form that a framework has parsed is logged as an object: its bytes are not known.
        for (const auto& [name, value] : record.headers) {
            if (!equal_ignoring_case(name, "content-type") || value.find("json") != value.npos) continue;
            record.body = {};
            record.body_missing = true;
            return;
        }
        if (!takes && body_ == "{}") record.body = {};  // what Express logs for a request without a body
        return;
    }
    if (!record.body.empty()) return;
    // The length distinguishes an empty body from one that is not in the log, such as nginx's after it was spilled to disk.
    if (known)
        record.body_missing = had_body;
    else if (!has_body_field_)
        record.body_missing = takes;
    else
        body_is_empty_ = takes;
}

}  // namespace leakline::replay
