#include "http/message.hpp"

#include <doctest/doctest.h>

namespace leakline::http {
namespace {

TEST_CASE("percent escapes are decoded, and what is none stands for itself") {
    CHECK(percent_decoded("a%20b%C3%A4") == "a b\xC3\xA4");
    CHECK(percent_decoded("100%") == "100%");
    CHECK(percent_decoded("%4") == "%4");
    CHECK(percent_decoded("%zz+%41") == "%zz+A");
}

TEST_CASE("headers are found in any case, the first one first") {
    const Header headers[] = {{"Content-Type", "a"}, {"content-type", "b"}};
    ServerRequest request;
    request.headers = headers;
    CHECK(request.header("CONTENT-TYPE") == "a");
    CHECK(request.header("Accept") == "");
    request.target = "/p?q=/x";
    CHECK(request.path() == "/p");
}

}  // namespace
}  // namespace leakline::http
