#include "service/internal/track_request.hpp"

#include <charconv>
#include <cstdint>

#include "base/json_scan.hpp"
#include "base/utf8.hpp"

namespace leakline::service {

namespace {

bool read_user_id(JsonScan& scan, std::string& out) {
    if (scan.next_is('"')) {
        std::string_view id;
        if (!scan.string(id)) return false;
        if (id.empty()) throw BadRequest("user_id is empty");
        if (id.size() > kMaxUserId) throw BadRequest("user_id is longer than " + std::to_string(kMaxUserId) + " bytes");
        out = id;
        return true;
    }
    std::string_view text;
    if (!scan.raw_value(text)) return false;
    std::int64_t number = 0;
    const auto result = std::from_chars(text.data(), text.data() + text.size(), number);
    if (result.ec == std::errc::result_out_of_range) throw BadRequest("user_id is out of the range of 64 bits");
    if (result.ec != std::errc() || result.ptr != text.data() + text.size()) throw BadRequest("user_id must be a string or an integer");
    out = std::to_string(number);
    return true;
}

// Reads a value of the wrong type to its end first: if it is not JSON, that is the more useful reason.
bool refuse_value(JsonScan& scan, const std::string& reason) {
    if (!scan.skip_value()) return false;
    throw BadRequest(reason);
}

bool read_events(JsonScan& scan, std::vector<std::string_view>& events) {
    events.clear();
    if (!scan.next_is('[')) return refuse_value(scan, "events must be an array of objects");
    return scan.array([&] {
        if (!scan.next_is('{')) return refuse_value(scan, "events[" + std::to_string(events.size()) + "] is not an object");
        if (events.size() == kMaxEvents) throw BadRequest("more than " + std::to_string(kMaxEvents) + " events in one request");
        return scan.raw_value(events.emplace_back());
    });
}

}  // namespace

TrackRequest::TrackRequest(std::string_view body) {
    if (body.empty()) throw BadRequest("the body is empty");
    if (!is_utf8(body)) throw BadRequest("the body is not valid UTF-8");
    Scratch scratch;
    scratch.reset(body.size());
    JsonScan scan(body, scratch, JsonRules::strict, kMaxDepth);
    bool has_user = false, has_events = false;
    const bool whole = scan.next_is('{') ? scan.object([&](std::string_view name) {
        if (name == "user_id") return has_user = read_user_id(scan, user_id_);
        if (name == "events") return has_events = read_events(scan, events_);
        return scan.skip_value();
    })
                                         : refuse_value(scan, "the body must be a JSON object");
    if (!whole || !scan.at_end()) throw BadRequest("malformed JSON: " + scan.fault());
    if (!has_user) throw BadRequest("user_id is missing");
    if (!has_events) throw BadRequest("events is missing");
}

}  // namespace leakline::service
