// The part of a log that is sent, written as a log of its own: nothing is left out twice, and nothing changed twice.
#include "replay/selected_log.hpp"
#include "base/error.hpp"
#include "replay/dry_run.hpp"
#include "replay/log_writer.hpp"
#include "support/replay_log.hpp"
#include "system/output_file.hpp"
#include "system/temporary_directory.hpp"

#include <doctest/doctest.h>

using namespace leakline;
using namespace leakline::test;
using namespace leakline::replay;

namespace {

std::vector<Request> mixed() {
    std::vector<Request> requests = posts(60, 10ms);
    for (std::size_t i = 0; i < requests.size(); ++i) {
        requests[i].method = i % 3 == 0 ? "POST" : "GET";
        requests[i].target = (i % 2 == 0 ? "/v1/items/" : "/v1/health/") + std::to_string(i);
    }
    return requests;
}

ReplayOptions shaped(const LogFile& log) {
    ReplayOptions options = options_for(log, "");
    options.shape.methods = {"GET"};
    options.shape.paths = {Regex("--allow-path", "^/v1/items")};
    options.shape.rewrites = {parse_path_rewrite("^/v=>/api/v")};
    options.shape.set_headers = {{"Authorization", "Bearer right"}};
    options.shape.sample = 0.5;
    return options;
}

}  // namespace

TEST_CASE("a log of the selected requests is sent as they are sent from the whole log") {
    const LogFile log(mixed());
    const ReplayOptions whole = shaped(log);
    const TemporaryDirectory directory;
    const std::string part = directory.path() + "/part.jsonl";
    OutputFile file(part);
    LogWriter writer(file);
    SelectedLog selected(whole);
    std::uint64_t requests = 0;
    while (const auto request = selected.next()) {
        CHECK(request->target.starts_with("/v1/items/"));  // as recorded
        CHECK(selected.sent_target() == "/api" + request->target);
        CHECK(selected.sent_target() == "/api" + request->target);  // changed once only
        CHECK(request->headers.size() == 1);
        writer.add(*request);
        ++requests;
    }
    writer.flush();
    file.commit();
    CHECK(requests > 3);
    CHECK(requests < 20);  // half of the 20 GETs of items
    CHECK(selected.left_out() == 60 - requests);
    CHECK(measure_selected(whole).requests == requests);

    const DryRun of_whole = dry_run(whole), of_part = dry_run(for_selected(whole, {part}));
    CHECK(of_whole.requests == requests);
    CHECK(of_part.requests == requests);
    CHECK(of_part.filtered == 0);
    CHECK(of_part.bytes == of_whole.bytes);
    CHECK(of_part.paths == of_whole.paths);
}

TEST_CASE("a log of which nothing is left says why") {
    const LogFile log(posts(3));
    ReplayOptions options = options_for(log, "");
    options.shape.methods = {"GET"};
    CHECK_THROWS_WITH_AS(measure_selected(options),
                         (log.path() + ": all 3 requests are left out, none is sent\n  hint: leakline replay --dry-run with the same "
                                       "options shows what is sent")
                             .c_str(),
                         Error);
    const LogFile one("{\"ts_ns\":1,\"method\":\"GET\",\"url\":\"/\",\"headers\":{}}\n");
    options.logs = {one.path()};
    CHECK(measure_selected(options).requests == 1);
}

TEST_CASE("an access log's field names and format are for that log alone") {
    const LogFile log(
        "{\"when\":1700000000.5,\"what\":\"GET\",\"where\":\"/a\",\"code\":200}\n{\"when\":1700000001.5,\"what\":\"GET\",\"where\":\"/b\",\"code\":200}\n");
    ReplayOptions options = options_for(log, "");
    options.log_map = "ts=.when,method=.what,url=.where,status=.code";
    CHECK(measure_selected(options).rate() == doctest::Approx(1));
    const ReplayOptions part = for_selected(options, {"part.jsonl"});
    CHECK(part.log_map.empty());
    CHECK(part.logs == std::vector<std::string>{"part.jsonl"});
}
