#include "model/request_jsonl.hpp"
#include "base/utf8.hpp"

#include <doctest/doctest.h>

using namespace leakline;

namespace {

std::string line_of(const Request& request) {
    std::string out;
    append_jsonl(out, request);
    return out;
}

}  // namespace

TEST_CASE("a request becomes one line of JSON") {
    Request request;
    request.at = Nanoseconds(1'700'000'000'000'000'001);
    request.method = "POST";
    request.target = "/api/track?x=\"1\"";
    request.headers = {{"Content-Type", "application/json"}, {"X-Empty", ""}};
    request.body = "{\"a\":\"\\n\"}\n\t\x01";
    request.connection = "user-7";
    request.recorded_status = 200;
    CHECK(line_of(request) == R"({"ts_ns":1700000000000000001,"method":"POST","url":"/api/track?x=\"1\"",)"
                              R"("headers":{"Content-Type":"application/json","X-Empty":""},)"
                              R"("body":"{\"a\":\"\\n\"}\n\t\u0001","conn":"user-7","status":200})"
                              "\n");
}

TEST_CASE("a body that is not UTF-8 goes as base64, an empty one not at all") {
    Request request;
    request.body = std::string("\xff\x00\x80", 3);
    CHECK(line_of(request) == "{\"ts_ns\":0,\"method\":\"GET\",\"url\":\"/\",\"headers\":{},\"body_b64\":\"/wCA\"}\n");
    request.body.clear();
    CHECK(line_of(request) == "{\"ts_ns\":0,\"method\":\"GET\",\"url\":\"/\",\"headers\":{}}\n");
}

TEST_CASE("a header that occurs several times has an array, in order") {
    Request request;
    request.headers = {{"Cookie", "a=1"}, {"Accept", "*/*"}, {"Cookie", "b=2"}, {"Cookie", "c=3"}};
    CHECK(line_of(request) ==
          "{\"ts_ns\":0,\"method\":\"GET\",\"url\":\"/\",\"headers\":{\"Cookie\":[\"a=1\",\"b=2\",\"c=3\"],"
          "\"Accept\":\"*/*\"}}\n");
}

TEST_CASE("header bytes that are not UTF-8 are taken as ISO 8859-1") {
    Request request;
    request.headers = {{"X-Name", "Andr\xe9"}};
    CHECK(line_of(request).find("\"Andr\xc3\xa9\"") != std::string::npos);
}

TEST_CASE("UTF-8 is told from what is not") {
    for (const char* good : {"", "a", "\xc2\x80", "\xe0\xa0\x80", "\xed\x9f\xbf", "\xf0\x90\x80\x80", "\xf4\x8f\xbf\xbf"})
        CHECK_MESSAGE(is_utf8(good), good);
    // Stray and missing continuation, overlong forms, a surrogate, past U+10FFFF.
    for (const char* bad : {"\x80", "\xc2", "\xc3(", "\xc0\xaf", "\xe0\x9f\xbf", "\xed\xa0\x80", "\xf0\x8f\xbf\xbf", "\xf4\x90\x80\x80",
                            "\xf5\x80\x80\x80", "\xe2\x82"})
        CHECK_FALSE(is_utf8(bad));
}

TEST_CASE("base64 follows the vectors of RFC 4648") {
    const std::pair<const char*, const char*> vectors[] = {
        {"", ""}, {"f", "Zg=="}, {"fo", "Zm8="}, {"foo", "Zm9v"}, {"foob", "Zm9vYg=="}, {"fooba", "Zm9vYmE="}, {"foobar", "Zm9vYmFy"}};
    for (const auto& [plain, encoded] : vectors) {
        std::string out, back;
        append_base64(out, plain);
        CHECK(out == encoded);
        CHECK(append_from_base64(back, encoded));
        CHECK(back == plain);
    }
    std::string out;
    CHECK(append_from_base64(out, "_-8"));  // URL-safe, without padding
    CHECK(out == "\xff\xef");
    CHECK_FALSE(append_from_base64(out, "Zm9v*"));
    CHECK_FALSE(append_from_base64(out, "Zm9vZ"));
    CHECK_FALSE(append_from_base64(out, "Z==="));
}
