#include "service/internal/request_recorder.hpp"
#include "base/quantities.hpp"
#include "base/strings.hpp"
#include "system/byte_source.hpp"
#include "system/temporary_directory.hpp"

#include <doctest/doctest.h>

#include <fstream>

using namespace leakline;
using namespace leakline::service;

namespace {

http::ServerRequest request_of(std::string_view target) {
    http::ServerRequest request;
    request.method = "GET";
    request.target = target;
    return request;
}

}  // namespace

TEST_CASE("a torn last line costs itself and not the record after it") {
    const TemporaryDirectory folder;
    const std::string path = folder.path() + "/traffic.jsonl";
    std::ofstream(path) << "{\"ts_ns\":1,\"method\":\"GET\",\"url\":\"/first\"}\n{\"ts_ns\":2,\"meth";
    {
        RequestRecorder recorder(path);
        recorder.record(request_of("/second"), Nanoseconds(3));
        recorder.record(request_of("/third"), Nanoseconds(4));
        CHECK(recorder.failures() == 0);
    }
    const std::string text = read_file(path);
    const auto lines = split(text, '\n');
    REQUIRE(lines.size() == 5);
    CHECK(lines[1] == "{\"ts_ns\":2,\"meth");
    CHECK(lines[2].find("\"/second\"") != std::string_view::npos);
    CHECK(lines[2].starts_with("{\"ts_ns\":3,"));
    CHECK(lines[3].starts_with("{\"ts_ns\":4,"));
    CHECK(lines[4].empty());
}

TEST_CASE("a whole file is appended to as it stands") {
    const TemporaryDirectory folder;
    const std::string path = folder.path() + "/traffic.jsonl";
    for (int run = 0; run < 2; ++run) RequestRecorder(path).record(request_of("/again"), Nanoseconds(run));
    CHECK(split(read_file(path), '\n').size() == 3);
}
