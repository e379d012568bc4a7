#include "model/recorded_response.hpp"

#include "base/json_scan.hpp"
#include "model/request_jsonl.hpp"

namespace leakline {

void append_json(std::string& out, const RecordedResponse& response) {
    out += "{\"status\":" + std::to_string(response.status);
    append_json_headers(out, response.headers);
    append_json_body(out, response.body);
    if (response.latency) out += ",\"latency_ns\":" + std::to_string(response.latency->count());
    out += '}';
}

std::optional<RecordedResponse> parse_recorded_response(std::string_view text) {
    RecordedResponse response;
    Scratch scratch;
    scratch.reset(text.size());
    JsonScan scan(text, scratch);
    bool has_status = false;
    const bool whole = scan.object([&](std::string_view key) {
        std::string_view value;
        if (key == "status") {
            std::int64_t status = 0;
            if (!scan.integer(status) || status < 200 || status > 999) return false;
            response.status = static_cast<int>(status);
            return has_status = true;
        }
        if (key == "latency_ns") {
            std::int64_t ns = 0;
            if (!scan.integer(ns) || ns < 0) return false;
            response.latency = Nanoseconds(ns);
            return true;
        }
        if (key == "headers") return take_json_headers(scan, response.headers);
        if (key == "body" || key == "body_b64") {
            if (!scan.string(value)) return false;
            response.body.clear();
            if (key == "body_b64") return append_from_base64(response.body, value);
            response.body = value;
            return true;
        }
        return scan.skip_value();
    });
    if (!whole || !scan.at_end() || !has_status) return std::nullopt;
    return response;
}

}  // namespace leakline
