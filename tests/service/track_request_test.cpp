#include "service/internal/track_request.hpp"

#include <doctest/doctest.h>

#include <string>

namespace leakline::service {
namespace {

std::string refusal(std::string_view body) {
    try {
        const TrackRequest request(body);
        return "accepted";
    } catch (const BadRequest& error) {
        return error.what();
    }
}

TEST_CASE("user and events are read, the events as they were sent") {
    const TrackRequest request(R"( { "x": [1, {"y": null}], "events": [ {"a" : 1.50} ,{}], "user_id": "m\u00fcller" } )");
    CHECK(request.user_id() == "m\xC3\xBCller");
    CHECK(request.events() == std::vector<std::string>{R"({"a" : 1.50})", "{}"});
}

TEST_CASE("an integer names the same user as its text") {
    CHECK(TrackRequest(R"({"user_id":-42,"events":[]})").user_id() == "-42");
    CHECK(TrackRequest(R"({"user_id":9223372036854775807,"events":[]})").user_id() == "9223372036854775807");
}

TEST_CASE("of a repeated member the last one counts") {
    const TrackRequest request(R"({"user_id":1,"events":[{"a":1}],"user_id":"2","events":[{"b":2}]})");
    CHECK(request.user_id() == "2");
    CHECK(request.events() == std::vector<std::string>{R"({"b":2})"});
}

TEST_CASE("every way to be wrong has a reason of its own") {
    const std::string deep = "{\"user_id\":1,\"events\":[{\"a\":" + std::string(100'000, '[') + std::string(100'000, ']') + "}]}";
    std::string many = "{\"user_id\":1,\"events\":[{}";
    for (int i = 0; i < 1000; ++i) many += ",{}";
    many += "]}";
    const struct {
        std::string body, reason;
    } cases[] = {
        {"", "the body is empty"},
        {"{\"user_id\":\"\xff\",\"events\":[]}", "the body is not valid UTF-8"},
        {"{\"user_id\":\"\xed\xa0\x80\",\"events\":[]}", "the body is not valid UTF-8"},
        {"[]", "the body must be a JSON object"},
        {"nonsense", "malformed JSON: column 1: expected a string, number, true, false or null, found 'nonsense'"},
        {"{}", "user_id is missing"},
        {R"({"user_id":1})", "events is missing"},
        {R"({"user_id":"","events":[]})", "user_id is empty"},
        {R"({"user_id":")" + std::string(257, 'x') + R"(","events":[]})", "user_id is longer than 256 bytes"},
        {R"({"user_id":1.5,"events":[]})", "user_id must be a string or an integer"},
        {R"({"user_id":1e3,"events":[]})", "user_id must be a string or an integer"},
        {R"({"user_id":null,"events":[]})", "user_id must be a string or an integer"},
        {R"({"user_id":9223372036854775808,"events":[]})", "user_id is out of the range of 64 bits"},
        {R"({"user_id":1,"events":{}})", "events must be an array of objects"},
        {R"({"user_id":1,"events":[{},3]})", "events[1] is not an object"},
        {many, "more than 1000 events in one request"},
        {deep, "malformed JSON: column 90: expected no deeper nesting, found '[[[[[[[[[[[[[[[[[[[['"},
        {R"({"user_id":1,"events":[{"a":1e400}]})",
         "malformed JSON: column 29: expected a number within the range of a double, found '1e400}]}'"},
        {R"({"user_id":1,"events":[]} x)", "malformed JSON: column 27: expected the end, found 'x'"},
        {R"({"user_id":1,"events":[)", "malformed JSON: column 24: expected a value, found the end"},
        {R"({"user_id":1,"events":[{})", "malformed JSON: column 26: expected ',' or ']', found the end"},
        {R"({"user_id":1,"events":[{"a":"\ud800"}]})",
         "malformed JSON: column 30: expected both halves of a surrogate pair, found '\\ud800\"}]}'"},
        {R"({"user_id":1,"events":[],})", "malformed JSON: column 26: expected a string, found '}'"},
    };
    for (const auto& each : cases) {
        CAPTURE(each.body.substr(0, 80));
        CHECK(refusal(each.body) == each.reason);
    }
}

}  // namespace
}  // namespace leakline::service
