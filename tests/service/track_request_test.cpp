#include "service/internal/track_request.hpp"

#include <doctest/doctest.h>

#include <nlohmann/json.hpp>
#include <random>

#include "model/request_jsonl.hpp"
#include "service/internal/json_scanner.hpp"

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
        {"nonsense", "malformed JSON: unexpected character at byte 0"},
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
        {deep, "malformed JSON: nested deeper than 64 levels at byte 89"},
        {R"({"user_id":1,"events":[{"a":1e400}]})", "malformed JSON: a number out of range at byte 28"},
        {R"({"user_id":1,"events":[]} x)", "malformed JSON: something follows the value at byte 26"},
        {R"({"user_id":1,"events":[)", "malformed JSON: the text ends where a value should be at byte 23"},
        {R"({"user_id":1,"events":[{})", "malformed JSON: expected ',' or ']' at byte 25"},
        {R"({"user_id":1,"events":[{"a":"\ud800"}]})", "malformed JSON: half a surrogate pair at byte 35"},
        {R"({"user_id":1,"events":[],})", "malformed JSON: a comma without a value after it at byte 25"},
    };
    for (const auto& each : cases) {
        CAPTURE(each.body.substr(0, 80));
        CHECK(refusal(each.body) == each.reason);
    }
}

// What nlohmann/json takes for JSON, within our depth.
bool reference(const std::string& text) { return nlohmann::json::accept(text); }

bool scanned(const std::string& text) {
    if (!is_utf8(text)) return false;
    try {
        JsonScanner scanner(text, 1000);
        scanner.skip_value();
        scanner.end();
        return true;
    } catch (const JsonError&) {
        return false;
    }
}

TEST_CASE("the scanner takes for JSON what nlohmann takes, on 60,000 mutations") {
    const std::string seeds[] = {
        R"({"user_id":"u","events":[{"type":"click","x":-1.5e+10,"y":[true,false,null],"s":"a\"\\\/\b\f\n\r\t\u00e4"}]})",
        R"([0,-0,1E5,0.1,{"":[]},[[]],"\ud83d\ude00",1234567890123456789012345])",
        R"(  {"a" : {"b" : {"c" : [ 1 , 2 ] } } }  )",
    };
    const std::string alphabet = "{}[]\",:\\0123456789-+.eEutfnl \n\x01\x7f\xc3\xa4\xff";
    std::mt19937 random(11);
    int taken = 0;
    for (int i = 0; i < 60'000; ++i) {
        std::string text = seeds[random() % std::size(seeds)];
        for (unsigned edits = random() % 3; edits > 0 && !text.empty(); --edits) {
            const std::size_t at = random() % text.size();
            switch (random() % 3) {
                case 0: text[at] = alphabet[random() % alphabet.size()]; break;
                case 1: text.erase(at, 1 + random() % 3); break;
                default: text.insert(at, 1, alphabet[random() % alphabet.size()]);
            }
        }
        if (scanned(text) != reference(text)) FAIL("they differ on: " << text);
        taken += scanned(text);
    }
    CHECK(taken > 10'000);  // the mutations are not all broken,
    CHECK(taken < 50'000);  // nor all harmless
}

}  // namespace
}  // namespace leakline::service
