#include "model/redaction.hpp"

#include <doctest/doctest.h>

using namespace leakline;

namespace {

std::string target_of(const std::string& target) {
    Request request;
    request.target = target;
    Redaction().apply(request);
    return request.target;
}

}  // namespace

TEST_CASE("values of headers that hold credentials are not kept, whatever their case") {
    for (const char* name : {"Authorization", "cookie", "PROXY-AUTHORIZATION", "X-Api-Key", "x-auth-token", "Private-Token",
                             "X-Amz-Security-Token", "Referer"}) {
        Request request;
        request.headers = {{name, "s3cret"}, {"Accept", "s3cret?"}};
        Redaction().apply(request);
        CAPTURE(name);
        CHECK(request.headers[0].second == "redacted");
        CHECK(request.headers[0].first == name);
        CHECK(request.headers[1].second == "s3cret?");
    }
}

TEST_CASE("parameters that hold credentials are not kept, and the rest of the target is as it was") {
    CHECK(target_of("/a?access_token=s3cret") == "/a?access_token=redacted");
    CHECK(target_of("/a?x=1&ACCESS_TOKEN=s3cret&y=%20&api_key=&sig=a%2Fb#f") ==
          "/a?x=1&ACCESS_TOKEN=redacted&y=%20&api_key=redacted&sig=redacted#f");
    CHECK(target_of("/a;access_token?b;password=x;c") == "/a;access_token?b;password=redacted;c");
    for (const char* same :
         {"/", "", "/a?", "/a?&&", "/a?access_token", "/a?my_access_token=1", "/access_token=1", "/a?x=access_token", "/a#?sig=1", "*"})
        CHECK(target_of(same) == std::string(same == std::string("/a#?sig=1") ? "/a#?sig=redacted" : same));
}

TEST_CASE("the user and password of a whole URL are not kept") {
    CHECK(target_of("http://user:s3cret@host:80/a@b?c@d") == "http://redacted@host:80/a@b?c@d");
    CHECK(target_of("http://a@b:s3cret@host/") == "http://redacted@host/");
    for (const char* same : {"http://host/a@b", "/a://b@c", "http://host?x@y", "user@host"}) CHECK(target_of(same) == same);
}

TEST_CASE("redaction can be none") {
    Request request;
    request.target = "http://u:p@host/?access_token=1";
    request.headers = {{"Cookie", "1"}};
    Redaction::none().apply(request);
    CHECK(request.target == "http://u:p@host/?access_token=1");
    CHECK(request.headers[0].second == "1");
}
