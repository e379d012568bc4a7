#include "replay/internal/format_jsonl.hpp"

#include <algorithm>

#include "base/quantities.hpp"
#include "model/request_jsonl.hpp"

namespace leakline::replay {

bool looks_like_jsonl(std::string_view line) {
    Scratch scratch;
    scratch.reset(line.size());
    JsonScan scan(line, scratch);
    bool time = false, url = false;
    scan.object([&](std::string_view key) {
        time = time || key == "ts_ns";
        url = url || key == "url";
        return scan.skip_value();
    });
    return time && url;
}

bool JsonlStream::read(JsonScan& scan, Record& record) {
    bool has_url = false;
    const bool whole = scan.object([&](std::string_view key) {
        if (key == "ts_ns") {
            std::int64_t ns = 0;
            if (scan.next_is('n')) return scan.skip_value();  // null: a log without times
            if (!scan.integer(ns)) return false;
            record.at = Nanoseconds(ns);
            record.has_time = true;
            return true;
        }
        if (key == "method") return scan.string(record.method);
        if (key == "url") return has_url = scan.string(record.target);
        if (key == "body") {
            if (scan.next_is('"')) return scan.string(record.body);
            // A body written as a JSON value instead of a string means the value's text.
            if (!scan.raw_value(record.body)) return false;
            if (record.body == "null") record.body = {};
            return true;
        }
        if (key == "headers") return take_json_headers(scan, record.headers);
        if (key == "body_b64") {
            std::string_view text;
            if (!scan.string(text)) return false;
            decoded_.clear();
            if (!append_from_base64(decoded_, text)) {
                fault_ = "body_b64 is not base64";
                return false;
            }
            record.body = decoded_;
            return true;
        }
        if (key == "resolution_ns") {
            std::int64_t ns = 0;
            if (!scan.integer(ns)) return false;
            record.resolution = Nanoseconds(std::max<std::int64_t>(ns, 0));
            return true;
        }
        if (key == "conn") return scan.scalar(record.connection);
        if (key == "status") {
            std::int64_t status = 0;
            if (!scan.integer(status)) return false;
            if (status >= 100 && status <= 999) record.recorded_status = static_cast<int>(status);
            return true;
        }
        if (key == "response") return scan.raw_value(record.response);
        return scan.skip_value();
    });
    if (!whole || !scan.at_end()) return false;
    if (!has_url || record.target.empty()) return (fault_ = "no \"url\""), false;
    if (record.method.empty()) record.method = "GET";
    return true;
}

}  // namespace leakline::replay
