#include "memory/prometheus.hpp"
#include "canned_server.hpp"
#include "memory/internal/prometheus_answer.hpp"
#include "system/temporary_directory.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <fstream>

using namespace leakline;
using namespace leakline::memory;
using namespace std::chrono_literals;
using test::CannedServer;

namespace {

constexpr const char* kTwoSeries =
    R"({"status":"success","data":{"resultType":"matrix","result":[)"
    R"({"metric":{"job":"api","__name__":"m","instance":"a\"b"},"values":[[1000,"1"],[1030.5,"2.5e3"],[1060,"NaN"]]},)"
    R"({"values":[[1000,"+Inf"],["x","1"],[1090,"7"],[1]],"metric":{"__name__":"m","instance":"c"},"new":[{"a":[1]}]}]},)"
    R"("warnings":["slow"],"infos":["x"]})";

PrometheusQuery query_of(const std::string& url) {
    PrometheusQuery query;
    query.url = url;
    query.query = "m{job=\"api\"}";
    query.range = 1h;
    query.step = 30s;
    query.end = 1700000000s;
    query.timeout = 5s;
    return query;
}

std::string message_of(const PrometheusQuery& query) {
    try {
        query_prometheus(query);
    } catch (const Error& error) {
        return error.what();
    }
    return "no error";
}

std::string message_for(const std::string& status, const std::string& body) {
    const CannedServer server([&](const std::string&) { return CannedServer::response(status, body); });
    std::string message = message_of(query_of(server.url()));
    if (message.starts_with(server.url())) message.replace(0, server.url().size(), "URL");
    return message;
}

std::string matrix(const std::string& result) {
    return CannedServer::response("200 OK", R"({"status":"success","data":{"resultType":"matrix","result":[)" + result + "]}}");
}

}  // namespace

TEST_CASE("an answer becomes columns, and what is no number is counted") {
    const MatrixAnswer answer = parse_matrix(kTwoSeries, 10);
    CHECK(answer.success);
    CHECK(answer.damage.empty());
    CHECK(answer.result_type == "matrix");
    CHECK(answer.warnings == std::vector<std::string>{"slow"});
    CHECK(answer.infos == std::vector<std::string>{"x"});
    CHECK_FALSE(answer.partial);
    CHECK(parse_matrix(R"({"status":"success","isPartial":true,"data":{"resultType":"matrix","result":[]}})", 10).partial);
    REQUIRE(answer.series.size() == 2);
    CHECK(labels_text(answer.series[0].labels) == R"(m{instance="a\"b",job="api"})");
    CHECK(answer.series[0].seconds == std::vector<double>{1000, 1030.5});
    CHECK(answer.series[0].values == std::vector<double>{1, 2500});
    CHECK(answer.series[1].seconds == std::vector<double>{1090});
    CHECK(answer.not_finite == 2);
    CHECK(answer.unreadable == 2);
}

TEST_CASE("reading stops at more series than wanted") {
    const MatrixAnswer answer = parse_matrix(kTwoSeries, 1);
    CHECK(answer.too_many_series);
    CHECK(answer.series.size() == 1);
}

TEST_CASE("an answer cut short says where") {
    const std::string text(kTwoSeries);
    const MatrixAnswer answer = parse_matrix(text.substr(0, 200), 10);
    CHECK(answer.damage == "invalid JSON at byte 201");
    CHECK_FALSE(parse_matrix("", 10).success);
    CHECK_FALSE(parse_matrix("[]", 10).success);
    CHECK_FALSE(parse_matrix("null", 10).success);
}

TEST_CASE("what the server says about its answer is passed on, once") {
    // VictoriaMetrics says isPartial, Thanos warnings, Prometheus infos; a range is asked for in several parts.
    const CannedServer server([](const std::string& request) {
        const bool starts = request.find("process_start_time_seconds") != std::string::npos;
        return CannedServer::response(
            "200 OK", std::string(R"({"status":"success",)") + (starts ? "" : R"("isPartial":true,)") +
                          R"("data":{"resultType":"matrix","result":[{"metric":{"job":"api"},"values":[[1699996400,"1"]]}]},)"
                          R"("warnings":["store a is down"],"infos":["m is no counter"]})");
    });
    PrometheusQuery query = query_of(server.url());
    query.range = 3h;
    const std::vector<std::string> expected = {
        "the response is partial: a part of the server's storage did not respond, so series or samples are missing",
        "the server warns: store a is down", "the server notes: m is no counter"};
    CHECK(query_prometheus(query).warnings == expected);
    CHECK(message_for("200 OK", R"({"status":"success","isPartial":true,"data":{"resultType":"matrix","result":[]}})") ==
          "URL: has no series for m{job=\"api\"} in the last 1h\n"
          "  hint: its response is partial: a part of its storage did not respond");
}

TEST_CASE("native histograms are counted and left out") {
    const MatrixAnswer answer = parse_matrix(
        R"({"status":"success","data":{"resultType":"matrix","result":[{"metric":{},"histograms":[[1,{"count":"1"}]]}]}})", 10);
    CHECK(answer.histograms == 1);
    CHECK(answer.series.empty());
    CHECK(answer.damage.empty());
}

TEST_CASE("the start times of a plain selector have its matchers") {
    CHECK(start_time_selector("m") == "process_start_time_seconds");
    CHECK(start_time_selector(" a:b_c { job = \"a}{\" , x!~'y' } ") == "process_start_time_seconds{ job = \"a}{\" , x!~'y' }");
    CHECK(start_time_selector("{job=\"x\"}") == "process_start_time_seconds{job=\"x\"}");
    for (const char* query : {"", "rate(m[5m])", "m / 2", "a{} + b{}", "{__name__=~\"m.*\"}", "m{x=\"}", "m[5m]"}) {
        CAPTURE(query);
        CHECK_FALSE(start_time_selector(query));
    }
}

TEST_CASE("a range is asked for in parts on one grid, and the parts are joined") {
    // Answers what was asked: one point at each part's start and end.
    const CannedServer server([](const std::string& request) {
        const auto field = [&](const std::string& name) {
            const std::size_t at = request.find(name) + name.size();
            return request.substr(at, request.find('&', at) - at);
        };
        const std::string start = field("&start="), end = field("&end=");
        const std::string points = start == end ? "[" + start + ",\"1\"]" : "[" + start + ",\"1\"],[" + end + ",\"2\"]";
        return matrix(R"({"metric":{"__name__":"m"},"values":[)" + points + "]}");
    });
    PrometheusQuery query = query_of(server.url());
    query.query = "sum(m)";  // no start times to ask for
    query.step = 1s;
    query.range = std::chrono::seconds(200 + 11'000);
    const PrometheusAnswer answer = query_prometheus(query);
    REQUIRE(answer.series.size() == 1);
    const std::vector<std::string> requests = server.requests();
    REQUIRE(requests.size() == 3);
    CHECK(requests[0].find("&start=1699988800.000&end=1699988999.000&step=1.000&") != std::string::npos);
    CHECK(requests[1].find("&start=1699989000.000&end=1699999999.000&step=1.000&") != std::string::npos);
    CHECK(requests[2].find("&start=1700000000.000&end=1700000000.000&step=1.000&") != std::string::npos);
    CHECK(answer.series[0].seconds == std::vector<double>{1699988800, 1699988999, 1699989000, 1699999999, 1700000000});
    CHECK(answer.requests == 3);
}

TEST_CASE("a change of process_start_time_seconds is a restart, from the start time on") {
    const CannedServer server([](const std::string& request) {
        if (request.find("process_start_time_seconds") != std::string::npos)
            return matrix(R"({"metric":{"__name__":"process_start_time_seconds","job":"api"},)"
                          R"("values":[[1000,"500"],[1030,"500"],[1090,"1055.5"]]})");
        return matrix(R"({"metric":{"__name__":"m","job":"api"},)"
                      R"("values":[[1000,"9"],[1030,"9"],[1060,"1"],[1090,"2"]]},)"
                      R"({"metric":{"__name__":"m","job":"other"},"values":[[1000,"9"],[1030,"9"]]})");
    });
    const PrometheusAnswer answer = query_prometheus(query_of(server.url()));
    REQUIRE(answer.series.size() == 2);
    CHECK(answer.series[0].process == std::vector<std::int64_t>{500'000, 500'000, 1'055'500, 1'055'500});
    CHECK(answer.series[1].process.empty());
    CHECK(answer.warnings.empty());
}

TEST_CASE("credentials come from files and go into the header") {
    const TemporaryDirectory directory;
    std::ofstream(directory.path() + "/token") << "s3cret\n";
    std::ofstream(directory.path() + "/basic") << "user:pass word\n";
    std::ofstream(directory.path() + "/bad") << "nobody\n";
    std::ofstream(directory.path() + "/empty") << "\n";
    const CannedServer server([](const std::string& request) {
        const bool known = request.find("Authorization: Bearer s3cret\r\n") != std::string::npos ||
                           request.find("Authorization: Basic dXNlcjpwYXNzIHdvcmQ=\r\n") != std::string::npos;
        return known ? matrix(R"({"metric":{},"values":[[1,"1"]]})") : CannedServer::response("401 Unauthorized", "");
    });
    PrometheusQuery query = query_of(server.url());
    CHECK(message_of(query) == server.url() +
                                   ": refuses the request (HTTP 401)\n"
                                   "  hint: give --bearer-token-file or --basic-auth-file");
    query.bearer_token_file = directory.path() + "/token";
    CHECK(message_of(query) == "no error");
    query.bearer_token_file.clear();
    query.basic_auth_file = directory.path() + "/basic";
    CHECK(message_of(query) == "no error");
    query.basic_auth_file = directory.path() + "/bad";
    CHECK(message_of(query) == query.basic_auth_file + ": is not of the form user:password");
    query.basic_auth_file = directory.path() + "/empty";
    CHECK(message_of(query) == query.basic_auth_file + ": is empty\n  hint: the file must hold the secret on a single line");
    query.bearer_token_file = directory.path() + "/token";
    CHECK(message_of(query) == "--basic-auth-file: and --bearer-token-file: a server takes one of them");
}

TEST_CASE("an error answer is shown in the server's words") {
    CHECK(message_for("400 Bad Request", R"({"status":"error","errorType":"bad_data","error":"parse error: x"})") ==
          "URL: returned bad_data: parse error: x (HTTP 400)\n  hint: the query is: m{job=\"api\"}");
    CHECK(message_for("503 Service Unavailable", R"({"status":"error","errorType":"timeout","error":"query timed out"})") ==
          "URL: returned timeout: query timed out (HTTP 503)\n"
          "  hint: a longer --step or a shorter --range costs the server less");
    CHECK(message_for("422 Unprocessable Entity",
                      R"({"status":"error","errorType":"execution","error":"query processing would load too many samples"})") ==
          "URL: returned execution: query processing would load too many samples (HTTP 422)\n"
          "  hint: a longer --step or a shorter --range costs the server less");
    CHECK(message_for("302 Found\r\nlocation: http://sso.example/login", "") ==
          "URL: returned HTTP 302: go to http://sso.example/login\n"
          "  hint: use that address, unless it is a login page");
    CHECK(message_for("502 Bad Gateway", "<html>\nbad gateway") == "URL: returned HTTP 502: <html>");
    CHECK(message_for("404 Not Found", "") ==
          "URL: returned HTTP 404\n  hint: behind a proxy the address needs its prefix, as in http://host/prometheus");
}

TEST_CASE("an answer that is none of Prometheus is refused") {
    CHECK(message_for("200 OK", "<html>hello</html>") ==
          "URL: returned HTTP 200, but not in Prometheus' format (invalid JSON at byte 1): <html>hello</html>\n"
          "  hint: is this the address of a Prometheus server?");
    CHECK(message_for("200 OK", "{}") ==
          "URL: returned HTTP 200, but not in Prometheus' format (no status): {}\n"
          "  hint: is this the address of a Prometheus server?");
    CHECK(message_for("200 OK", R"({"status":"success","data":{"resultType":"vector","result":[]}})") ==
          "URL: returned a vector, not a matrix");
}

TEST_CASE("no series, and more series than wanted, are errors that say what to do") {
    CHECK(message_for("200 OK", R"({"status":"success","data":{"resultType":"matrix","result":[]}})") ==
          "URL: has no series for m{job=\"api\"} in the last 1h\n"
          "  hint: try the query in the web UI of the server; was the target scraped in that time?");
    const CannedServer server([](const std::string&) { return CannedServer::response("200 OK", kTwoSeries); });
    PrometheusQuery query = query_of(server.url());
    query.max_series = 1;
    CHECK(message_of(query) == server.url() +
                                   ": returned more than 1 series (--max-series)\n"
                                   "  hint: narrow the query with labels, or raise --max-series");
    query.max_series = 10;
    query.max_points = 2;
    CHECK(message_of(query) == server.url() +
                                   ": returned more than 2 points\n"
                                   "  hint: use a longer --step, a shorter --range or a narrower query");
}

TEST_CASE("a server that is down or silent is named") {
    std::string url;
    {
        const CannedServer server([](const std::string&) { return std::string(); });
        PrometheusQuery query = query_of(server.url());
        query.timeout = 200ms;
        const std::string message = message_of(query);
        CHECK(message.starts_with(server.url() + ": "));
        CHECK(message.find("longer --timeout") != std::string::npos);
        url = server.url();
    }
    CHECK(message_of(query_of(url)).starts_with(url + ": no connection: "));
}

TEST_CASE("what cannot be asked is a usage error") {
    PrometheusQuery query = query_of("http://127.0.0.1:1");
    query.step = 2h;
    CHECK(message_of(query) == "--range: 1h is shorter than --step 2h");
    query.step = 1us;
    CHECK(message_of(query) == "--step: must be at least 1ms, the resolution of Prometheus");
}

TEST_CASE("work stops between requests when asked to") {
    PrometheusQuery query = query_of("http://127.0.0.1:1");
    std::stop_source stop;
    stop.request_stop();
    query.stop = stop.get_token();
    CHECK(message_of(query) == "http://127.0.0.1:1: interrupted");
}
