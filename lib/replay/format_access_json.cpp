#include "replay/format_access_json.hpp"

#include <algorithm>
#include <charconv>

#include "base/error.hpp"
#include "base/text.hpp"
#include "replay/log_time.hpp"

namespace leakline::replay {

namespace {

struct Preset {
    std::string_view name, map;
};
constexpr Preset kPresets[] = {
    {"nginx",
     "ts=.msec,duration=.request_time,method=.request_method,url=.request_uri,request=.request,body=.request_body,"
     "status=.status,header.Content-Type=.content_type,header.Host=.host"},
    {"envoy",
     "ts=.start_time,duration_ms=.duration,method=.method,url=.path,status=.response_code,"
     "received=.bytes_received,header.User-Agent=.user_agent,header.X-Request-Id=.request_id,header.Host=.authority"},
};
// Names under which nginx users write the time where $msec is not in the log.
constexpr std::string_view kNginxTimes[] = {"time_iso8601", "time_local", "time", "timestamp", "@timestamp"};

const std::string kFields[] = {"ts", "end", "duration", "duration_ms", "method", "url",
                               "body", "status", "conn", "request", "received", "header.NAME"};

std::vector<std::string> member_names(std::string_view line) {
    Scratch scratch;
    scratch.reset(line.size());
    JsonScan scan(line, scratch);
    std::vector<std::string> names;
    scan.object([&](std::string_view key) {
        names.emplace_back(key);
        return scan.skip_value();
    });
    return names;
}

bool contains(const std::vector<std::string>& names, std::string_view name) {
    return std::find(names.begin(), names.end(), name) != names.end();
}

// Members that are strings, as nginx's all are; other servers have an object by the name of "request".
std::vector<std::string> text_member_names(std::string_view line) {
    Scratch scratch;
    scratch.reset(line.size());
    JsonScan scan(line, scratch);
    std::vector<std::string> names;
    scan.object([&](std::string_view key) {
        if (scan.next_is('"')) names.emplace_back(key);
        return scan.skip_value();
    });
    return names;
}

// "x_request_id" -> "X-Request-Id"
std::string header_name(std::string_view variable) {
    std::string name;
    bool first = true;
    for (const char c : variable) {
        name += c == '_' ? '-' : first && c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c;
        first = c == '_';
    }
    return name;
}

// The first line that a preset knows, since the file's first may be cut or of another kind; else the first that is a whole
// JSON object; else the first.
std::string_view first_object(std::string_view prefix) {
    std::string_view object;
    for (const std::string_view line : split(prefix, '\n')) {
        if (!looks_like_json_object(trim(line))) continue;
        if (!access_json_preset(trim(line)).empty()) return trim(line);
        if (object.empty()) object = trim(line);
    }
    return object.empty() ? trim(prefix.substr(0, prefix.find('\n'))) : object;
}

bool is_absent(std::string_view value) { return value.empty() || value == "-" || value == "null"; }

}  // namespace

std::map<std::string, std::string, std::less<>> parse_field_map(std::string_view text) {
    for (const Preset& preset : kPresets)
        if (text == preset.name) return parse_field_map(preset.map);
    std::map<std::string, std::string, std::less<>> map;
    for (const std::string_view entry : split(text, ',')) {
        const std::size_t equals = entry.find('=');
        const std::string field(trim(entry.substr(0, equals)));
        std::string_view path = equals == entry.npos ? std::string_view() : trim(entry.substr(equals + 1));
        if (path.starts_with('.')) path.remove_prefix(1);
        if (path.empty())
            throw Error(ErrorKind::usage, "--map", "'" + printable(entry) + "' is not FIELD=.PATH",
                        "--map ts=.msec,url=.request_uri,method=.request_method, or --map nginx, or --map envoy");
        const bool known = std::find(std::begin(kFields), std::end(kFields), field) != std::end(kFields) ||
                           (field.starts_with("header.") && field.size() > 7);
        if (!known || field == "header.NAME")
            throw Error(ErrorKind::usage, "--map", "unknown field '" + printable(field) + "'" + did_you_mean_text(field, kFields));
        map[field] = path;
    }
    if (map.find("url") == map.end() && map.find("request") == map.end())
        throw Error(ErrorKind::usage, "--map", "no url field", "--map url=.request_uri,...");
    return map;
}

bool looks_like_json_object(std::string_view line) {
    Scratch scratch;
    scratch.reset(line.size());
    JsonScan scan(line, scratch);
    return scan.next_is('{') && scan.skip_value() && scan.at_end();
}

std::string_view access_json_preset(std::string_view line) {
    const std::vector<std::string> names = member_names(line);
    if (contains(names, "start_time") && contains(names, "path")) return "envoy";
    if (contains(names, "request_uri") || contains(text_member_names(line), "request")) return "nginx";
    return "";
}

AccessJsonStream::AccessJsonStream(ChunkBuffer chunks, const std::string& path_for_messages, FieldMap map)
    : RecordStream(std::move(chunks)), map_(std::move(map)) {
    const std::string prefix(chunks_.peek(ChunkBuffer::kChunk, ChunkBuffer::Peek::a_line));
    const std::string_view first = first_object(prefix);
    const std::vector<std::string> names = member_names(first);
    if (map_.empty()) {
        const std::string_view preset = access_json_preset(first);
        if (preset.empty()) {
            std::string members;
            for (const std::string& name : names) members += (members.empty() ? "" : ", ") + printable(name);
            throw Error(ErrorKind::input, path_for_messages + ":1",
                        "a JSON log whose members are not known: " + (members.empty() ? "none" : members),
                        "--map ts=.TIME,method=.METHOD,url=.PATH says which member means what");
        }
        map_ = parse_field_map(preset);
        if (preset == "nginx") {
            header_prefix_ = true;
            for (const std::string_view name : kNginxTimes) {
                if (contains(names, "msec")) break;
                if (!contains(names, name)) continue;
                map_["ts"] = name;
                break;
            }
        }
    }
    // $msec is written with the log line, which is when the response was sent.
    const auto ts = map_.find("ts");
    if (ts != map_.end() && (ts->second == "msec" || ts->second == "time_iso8601" || ts->second == "time_local")) {
        map_["end"] = ts->second;
        map_.erase("ts");
        if (map_.find("duration") == map_.end() && map_.find("duration_ms") == map_.end())
            map_["duration"] = "request_time";
    }
    for (const auto& [field, path] : map_) fields_of_path_[path] = field;
}

RecordStream::Step AccessJsonStream::next(Record& record) {
    std::string_view line;
    if (const Step step = line_of_record(line, record); step != Step::record) return step;
    scratch_.reset(line.size());
    JsonScan scan(line, scratch_);
    Fields fields;
    if (!walk(scan, "", record, fields) || !scan.at_end()) return bad_line(scan.fault());
    return finish(record, fields);
}

bool AccessJsonStream::walk(JsonScan& scan, const std::string& prefix, Record& record, Fields& fields) {
    return scan.object([&](std::string_view key) {
        if (prefix.empty() && header_prefix_ && key.starts_with("http_") && !scan.next_is('{') && !scan.next_is('[')) {
            std::string_view value;
            if (!scan.scalar(value)) return false;
            if (is_absent(value)) return true;
            auto name = header_names_.find(key);
            if (name == header_names_.end())
                name = header_names_.emplace(key, header_name(key.substr(5))).first;
            record.headers.emplace_back(name->second, value);
            return true;
        }
        const std::string path = prefix.empty() ? std::string(key) : prefix + "." + std::string(key);
        if (scan.next_is('{')) {
            if (const std::string* const field = field_of(path); field != nullptr && *field == "body") {
                std::string_view value;
                if (!scan.raw_value(value)) return false;
                assign(path, value, record, fields);
                return true;
            }
            const auto below = fields_of_path_.lower_bound(path + ".");
            if (below != fields_of_path_.end() && below->first.starts_with(path + ".")) return walk(scan, path, record, fields);
            return scan.skip_value();
        }
        std::string_view value;
        if (scan.next_is('[')) {
            const std::string* const field = field_of(path);
            if (field == nullptr) return scan.skip_value();
            if (*field == "body") {
                if (!scan.raw_value(value)) return false;
                assign(path, value, record, fields);
                return true;
            }
            return scan.array([&] {  // of a header's values, say
                if (scan.next_is('{') || scan.next_is('[')) return scan.skip_value();
                if (!scan.scalar(value)) return false;
                assign(path, value, record, fields);
                return true;
            });
        }
        if (!scan.scalar(value)) return false;
        assign(path, value, record, fields);
        return true;
    });
}

const std::string* AccessJsonStream::field_of(std::string_view path) const {
    const auto entry = fields_of_path_.find(path);
    return entry == fields_of_path_.end() ? nullptr : &entry->second;
}

void AccessJsonStream::assign(std::string_view path, std::string_view value, Record& record, Fields& fields) {
    const std::string* const named = field_of(path);
    if (named == nullptr) return;
    const std::string& field = *named;
    if (field == "body") {
        fields.has_body_field = true;
        fields.body = is_absent(value) ? std::string_view() : value;
    } else if (field == "status") {
        int status = 0;
        std::from_chars(value.data(), value.data() + value.size(), status);
        if (status >= 100 && status <= 999) record.recorded_status = status;
    } else if (is_absent(value)) {
        return;
    } else if (field == "ts") {
        fields.ts = value;
    } else if (field == "end") {
        fields.end = value;
    } else if (field == "duration") {
        fields.duration = value;
    } else if (field == "duration_ms") {
        fields.duration_ms = value;
    } else if (field == "method") {
        record.method = value;
    } else if (field == "url") {
        record.target = value;
    } else if (field == "request") {
        fields.request = value;
    } else if (field == "conn") {
        record.connection = value;
    } else if (field == "received") {
        fields.received = value;
    } else {
        record.headers.emplace_back(std::string_view(field).substr(7), value);  // header.NAME
    }
}

RecordStream::Step AccessJsonStream::finish(Record& record, const Fields& fields) {
    if (!fields.request.empty()) {
        const std::size_t space = fields.request.find(' '), version = fields.request.rfind(" HTTP/");
        if (space != fields.request.npos && version != fields.request.npos && version > space) {
            if (record.method.empty()) record.method = fields.request.substr(0, space);
            if (record.target.empty()) record.target = fields.request.substr(space + 1, version - space - 1);
        }
    }
    if (record.target.empty()) return bad("no request in it: " + missing(map_.contains("url") ? "url" : "request"));
    if (record.method.empty()) record.method = "GET";
    const std::string_view stamp = fields.ts.empty() ? fields.end : fields.ts;
    if (!stamp.empty()) {
        const LogTime time = parse_any_time(stamp);
        if (!time.at) return bad(time.reason);
        record.at = *time.at;
        record.has_time = true;
        // A stamp of whole seconds, as $time_iso8601 is, says nothing about the order within.
        if (stamp.size() > 4 && stamp[4] == '-' && stamp.find('.') == stamp.npos) record.resolution = std::chrono::seconds(1);
        if (stamp.size() > 2 && stamp[2] == '/') record.resolution = std::chrono::seconds(1);
        if (fields.ts.empty() && record.resolution.count() == 0) {
            if (const auto spent = parse_decimal_seconds(fields.duration)) record.at -= *spent;
            else if (const auto ms = parse_decimal_seconds(fields.duration_ms)) record.at -= *ms / 1000;
        }
    }
    record.body = fields.body;
    const bool takes_body = record.method == "POST" || record.method == "PUT" || record.method == "PATCH";
    if (takes_body && record.body.empty()) {
        if (fields.has_body_field) ++empty_bodies_;
        else record.body_missing = fields.received != "0";
    }
    return Step::record;
}

// ".request_uri, which is the url, is missing or empty"
std::string AccessJsonStream::missing(std::string_view field) const {
    const auto path = map_.find(field);
    return "." + printable(path->second) + ", which is the " + std::string(field) + ", is missing or empty";
}

std::vector<std::string> AccessJsonStream::warnings() const {
    if (empty_bodies_ == 0) return {};
    return {(empty_bodies_ == 1 ? "1 request" : format_count(empty_bodies_) + " requests") +
            " with a body method and an empty body: nginx leaves $request_body empty when it spilled the body to disk "
            "(client_body_buffer_size, client_body_in_single_buffer)"};
}

}  // namespace leakline::replay
