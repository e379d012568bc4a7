#include "replay/internal/format_access_json.hpp"

#include <algorithm>

#include "base/did_you_mean.hpp"
#include "base/error.hpp"
#include "base/quantities.hpp"
#include "base/strings.hpp"
#include "base/time_text.hpp"
#include "replay/internal/access_json_presets.hpp"

namespace leakline::replay {

namespace {

// The first line that matches a preset, since the file's first may be cut or of another kind; else the first whose members
// can be guessed; else the first complete JSON object; else the first line.
std::string_view first_object(std::string_view prefix) {
    std::string_view object, guessed;
    bool has_status = false;
    for (const std::string_view line : split(prefix, '\n')) {
        if (!looks_like_json_object(trim(line))) continue;
        const MemberPaths members = member_paths(trim(line));
        if (find_access_json_preset(members) != nullptr) return trim(line);
        // One with a status, since a logger may write a line when a request begins and another when it ends.
        if (!has_status) {
            const std::string guess = guess_access_json_map(members);
            has_status = guess.find(",status=") != guess.npos;
            if (!guess.empty() && (guessed.empty() || has_status)) guessed = trim(line);
        }
        if (object.empty()) object = trim(line);
    }
    if (!guessed.empty()) return guessed;
    return object.empty() ? trim(take_line(prefix)) : object;
}

// "method=.verb,url=.path" of a guessed map.
std::string_view request_members(std::string_view guess) { return guess.substr(0, guess.find(',', guess.find(',') + 1)); }

// A request may lack what others have: a query, a user agent. Members that are empty or missing are taken from the other requests.
MemberPaths with_members_of_others(MemberPaths members, std::string_view prefix) {
    const std::string guess = guess_access_json_map(members);
    for (const std::string_view line : split(prefix, '\n')) {
        if (!looks_like_json_object(trim(line))) continue;
        const MemberPaths others = member_paths(trim(line));
        if (request_members(guess_access_json_map(others)) != request_members(guess)) continue;
        for (const auto& [path, value] : others)
            if (std::string& own = members[path]; own.empty()) own = value;
    }
    return members;
}

// Top-level members, in their order.
std::string member_names(std::string_view line) {
    Scratch scratch;
    scratch.reset(line.size());
    JsonScan scan(line, scratch);
    std::string names;
    scan.object([&](std::string_view key) {
        names += (names.empty() ? "" : ", ") + printable(key);
        return scan.skip_value();
    });
    return names;
}

// Members for the method, the time and the status that a preset does not find: many logs are like one of a server, but for these.
void add_guessed(FieldMap& map, const MemberPaths& members) {
    const std::string guess = guess_access_json_map(members);
    if (guess.empty()) return;
    const FieldMap guessed = parse_field_map(guess);
    const auto is_there = [&](const char* field) {
        const auto entry = map.find(field);
        return entry != map.end() && std::any_of(entry->second.begin(), entry->second.end(),
                                                 [&](const std::string& path) { return members.find(path) != members.end(); });
    };
    const auto take = [&](const char* field) {
        if (const auto found = guessed.find(field); found != guessed.end()) map[field] = found->second;
    };
    if (!is_there("method") && !is_there("request")) take("method");
    if (!is_there("ts") && !is_there("end")) take("ts");
    if (!is_there("status")) take("status");
}

std::string names_of_presets() {
    std::string names;
    for (const AccessJsonPreset& preset : access_json_presets()) names += (names.empty() ? "" : ", ") + std::string(preset.name);
    return names;
}

}  // namespace

FieldMap parse_field_map(std::string_view text) {
    if (const AccessJsonPreset* const preset = access_json_preset_named(text)) return parse_field_map(preset->map);
    FieldMap map;
    for (const std::string_view entry : split(text, ',')) {
        const std::size_t equals = entry.find('=');
        const std::string field(trim(entry.substr(0, equals)));
        std::vector<std::string> paths;
        for (std::string_view path : split(equals == entry.npos ? std::string_view() : entry.substr(equals + 1), '|')) {
            path = trim(path);
            if (path.starts_with('.')) path.remove_prefix(1);
            paths.emplace_back(path);
        }
        if (std::any_of(paths.begin(), paths.end(), [](const std::string& path) { return path.empty(); }))
            throw Error(ErrorKind::usage, "--map", "'" + printable(entry) + "' is not FIELD=.PATH",
                        "--map ts=.msec,url=.request_uri,method=.request_method, or one of " + names_of_presets());
        if (!parse_access_field(field))
            throw Error(ErrorKind::usage, "--map",
                        "unknown field '" + printable(field) + "'" + did_you_mean_text(field, access_field_names()));
        map[field] = paths;
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

bool looks_like_access_json(std::string_view line) {
    if (!looks_like_json_object(line)) return false;
    const MemberPaths members = member_paths(line);
    return find_access_json_preset(members) != nullptr || !guess_access_json_map(members).empty();
}

AccessJsonStream::AccessJsonStream(ChunkBuffer chunks, const std::string& path_for_messages, FieldMap map)
    : RecordStream(std::move(chunks)) {
    const std::string prefix(chunks_.peek(ChunkBuffer::kChunk, ChunkBuffer::Peek::a_line));
    const MemberPaths members = member_paths(first_object(prefix));
    if (map.empty()) {
        if (const AccessJsonPreset* const preset = find_access_json_preset(members)) {
            map = parse_field_map(preset->map);
            add_guessed(map, members);
            header_prefix_ = preset->header_prefix;
            mixed_ = preset->mixed;
            if (const std::size_t equals = preset->only.find('='); equals != preset->only.npos)
                fields_of_path_[std::string(preset->only.substr(0, equals))] = {AccessField::Kind::only,
                                                                                std::string(preset->only.substr(equals + 1))};
        } else if (guess_ = guess_access_json_map(members); !guess_.empty()) {
            guess_ = guess_access_json_map(with_members_of_others(members, prefix));
            map = parse_field_map(guess_);
            mixed_ = true;
            wants_status_ = map.find("status") != map.end();
        } else {
            const std::string names = member_names(first_object(prefix));
            throw Error(ErrorKind::input, path_for_messages + ":1",
                        names.empty() ? "not a log with one JSON object per line" : "a JSON log with unknown members: " + names,
                        "--map ts=.TIME,method=.METHOD,url=.PATH says which member means what");
        }
    }
    // $msec is written with the log line, which is when the response was sent.
    const auto ts = map.find("ts");
    if (ts != map.end() && (ts->second[0] == "msec" || ts->second[0] == "time_iso8601" || ts->second[0] == "time_local")) {
        map["end"] = ts->second;
        map.erase("ts");
        if (map.find("duration") == map.end() && map.find("duration_ms") == map.end()) map["duration"] = {"request_time"};
    }
    for (const auto& [field, paths] : map) {
        const auto there =
            std::find_if(paths.begin(), paths.end(), [&](const std::string& path) { return members.find(path) != members.end(); });
        const std::string& path = there == paths.end() ? paths[0] : *there;
        fields_of_path_[path] = *parse_access_field(field);
        if (field == "url" || (field == "request" && map.find("url") == map.end()))
            request_paths_ = "." + printable(path) + ", which is the " + field;
    }
}

RecordStream::Step AccessJsonStream::next(Record& record) {
    std::string_view line;
    if (const Step step = line_of_record(line, record); step != Step::record) return step;
    scratch_.reset(line.size());
    JsonScan scan(line, scratch_);
    fields_.clear();
    if (!scan.next_is('{')) return foreign_line("not a JSON object: '" + printable(line.substr(0, 40)) + "'");
    if (!walk(scan, "", record) || !scan.at_end()) return bad_line(scan.fault());
    if (fields_.is_excluded()) return Step::skipped;
    if (wants_status_ && !fields_.has_status()) return foreign("no status: not the line of a completed request");
    const std::string fault = fields_.finish(record);
    if (fields_.body_is_empty()) ++empty_bodies_;
    if (fault.empty() && !fields_.has_method()) ++no_methods_;
    if (fault.empty()) return Step::record;
    return fields_.has_request() ? bad(fault) : foreign(fault + ": " + request_paths_ + ", is missing or empty");
}

bool AccessJsonStream::walk_headers(JsonScan& scan, Record& record) {
    return scan.object([&](std::string_view name) {
        std::string_view value;
        const auto add = [&] {
            if (scan.next_is('{') || scan.next_is('[')) return scan.skip_value();
            if (!scan.scalar(value)) return false;
            if (!is_absent(value)) fields_.add_header(name, value, record);
            return true;
        };
        return scan.next_is('[') ? scan.array(add) : add();
    });
}

bool AccessJsonStream::add_prefixed_header(JsonScan& scan, std::string_view key, Record& record) {
    std::string_view value;
    if (!scan.scalar(value)) return false;
    if (is_absent(value)) return true;
    auto name = header_names_.find(key);
    if (name == header_names_.end()) name = header_names_.emplace(key, header_of_variable(key.substr(header_prefix_.size()))).first;
    fields_.add_header(name->second, value, record);
    return true;
}

bool AccessJsonStream::walk(JsonScan& scan, const std::string& prefix, Record& record) {
    return scan.object([&](std::string_view key) {
        const bool nested = scan.next_is('{'), list = scan.next_is('[');
        if (prefix.empty() && !header_prefix_.empty() && key.starts_with(header_prefix_) && !nested && !list && field_of(key) == nullptr)
            return add_prefixed_header(scan, key, record);
        const std::string path = prefix.empty() ? std::string(key) : prefix + "." + std::string(key);
        const AccessField* const field = field_of(path);
        std::string_view value;
        if (field != nullptr && (nested || list) && field->kind == AccessField::Kind::body) {
            if (!scan.raw_value(value)) return false;
            fields_.assign_json_body(value);
            return true;
        }
        if (nested) {
            if (field != nullptr && field->kind == AccessField::Kind::headers) return walk_headers(scan, record);
            const auto below = fields_of_path_.lower_bound(path + ".");
            if (below != fields_of_path_.end() && below->first.starts_with(path + ".")) return walk(scan, path, record);
            return scan.skip_value();
        }
        if (list) {
            if (field == nullptr) return scan.skip_value();
            return scan.array([&] {  // for example of a header's values
                if (scan.next_is('{') || scan.next_is('[')) return scan.skip_value();
                if (!scan.scalar(value)) return false;
                fields_.assign(*field, value, record);
                return true;
            });
        }
        if (!scan.scalar(value)) return false;
        if (field != nullptr) fields_.assign(*field, value, record);
        return true;
    });
}

const AccessField* AccessJsonStream::field_of(std::string_view path) const {
    const auto entry = fields_of_path_.find(path);
    return entry == fields_of_path_.end() ? nullptr : &entry->second;
}

std::vector<std::string> AccessJsonStream::warnings() const {
    std::vector<std::string> out;
    if (!guess_.empty())
        out.push_back("the meaning of the members was guessed from their names: --map " + guess_ + " (--map overrides it)");
    if (no_methods_ > 0) out.push_back(counted(no_methods_, "request") + " without a method in the log: sent as GET");
    if (empty_bodies_ > 0)
        out.push_back(counted(empty_bodies_, "request") +
                      " with a body method and an empty body: nginx leaves $request_body empty when it spilled the body to disk "
                      "(client_body_buffer_size, client_body_in_single_buffer)");
    return out;
}

}  // namespace leakline::replay
