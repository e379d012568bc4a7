#include "service/internal/track_request.hpp"

#include <charconv>
#include <cstdint>

#include "model/request_jsonl.hpp"
#include "service/internal/json_scanner.hpp"

namespace leakline::service {

namespace {

std::string read_user_id(JsonScanner& scanner) {
    if (scanner.peek() == '"') {
        std::string id = scanner.string();
        if (id.empty()) throw BadRequest("user_id is empty");
        if (id.size() > kMaxUserId) throw BadRequest("user_id is longer than " + std::to_string(kMaxUserId) + " bytes");
        return id;
    }
    const std::string_view text = scanner.skip_value();
    std::int64_t number = 0;
    const auto result = std::from_chars(text.data(), text.data() + text.size(), number);
    if (result.ec == std::errc::result_out_of_range) throw BadRequest("user_id is out of the range of 64 bits");
    if (result.ec != std::errc() || result.ptr != text.data() + text.size()) throw BadRequest("user_id must be a string or an integer");
    return std::to_string(number);
}

std::vector<std::string_view> read_events(JsonScanner& scanner) {
    if (scanner.peek() != '[') {
        scanner.skip_value();
        throw BadRequest("events must be an array of objects");
    }
    std::vector<std::string_view> events;
    scanner.begin_array();
    while (scanner.next_element()) {
        if (scanner.peek() != '{') {
            scanner.skip_value();  // that it is no JSON at all would be the better reason
            throw BadRequest("events[" + std::to_string(events.size()) + "] is not an object");
        }
        if (events.size() == kMaxEvents) throw BadRequest("more than " + std::to_string(kMaxEvents) + " events in one request");
        events.push_back(scanner.skip_value());
    }
    return events;
}

}  // namespace

TrackRequest::TrackRequest(std::string_view body) {
    if (body.empty()) throw BadRequest("the body is empty");
    if (!is_utf8(body)) throw BadRequest("the body is not valid UTF-8");
    JsonScanner scanner(body, kMaxDepth);
    bool has_user = false, has_events = false;
    try {
        if (scanner.peek() != '{') {
            scanner.skip_value();
            throw BadRequest("the body must be a JSON object");
        }
        scanner.begin_object();
        std::string name;
        while (scanner.next_member(name)) {
            if (name == "user_id") {
                user_id_ = read_user_id(scanner);
                has_user = true;
            } else if (name == "events") {
                events_ = read_events(scanner);
                has_events = true;
            } else {
                scanner.skip_value();
            }
        }
        scanner.end();
    } catch (const JsonError& error) {
        throw BadRequest(std::string("malformed JSON: ") + error.what());
    }
    if (!has_user) throw BadRequest("user_id is missing");
    if (!has_events) throw BadRequest("events is missing");
}

}  // namespace leakline::service
