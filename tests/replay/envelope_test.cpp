// What containers, syslog and the journal put around the lines of a log, the formats of other servers, and logs of which
// most cannot be read.
#include "replay/internal/envelope.hpp"
#include "base/error.hpp"
#include "replay/internal/log_recognition.hpp"
#include "support/read_log.hpp"
#include "system/temporary_directory.hpp"

#include <doctest/doctest.h>

using namespace leakline;
using namespace leakline::replay;
using namespace leakline::test;
using namespace std::chrono_literals;

namespace {

const std::string kCombined = R"(192.0.2.7 - - [10/Oct/2023:11:55:36 +0000] "GET /a?b=1 HTTP/1.1" 200 612 "-" "curl/8")";
const std::string kNative = R"({"ts_ns":1696938936000000000,"method":"POST","url":"/a","body":"x"})";
const std::string kKubernetesTime = "2023-10-10T11:55:36.139620629Z ";

// text as the inside of a JSON string
std::string escaped(const std::string& text) {
    std::string out;
    for (const char c : text) out += c == '"' || c == '\\' ? std::string("\\") + c : std::string(1, c);
    return out;
}

std::string docker(const std::string& text, const std::string& end = "\\n", const char* stream = "stdout") {
    return R"({"log":")" + escaped(text) + end + R"(","stream":")" + stream + R"(","time":"2023-10-10T11:55:36.1Z"})" + "\n";
}

}  // namespace

TEST_CASE("an access log is read in every envelope, by its content") {
    const std::pair<std::string, std::string> envelopes_and_names[] = {
        {docker(kCombined), "access in Docker json-file"},
        {kKubernetesTime + "stdout F " + kCombined + "\n", "access in CRI"},
        {"[pod/web-5d7/nginx] " + kCombined + "\n", "access in kubectl logs --prefix"},
        {"[pod/web-5d7/nginx] " + kKubernetesTime + kCombined + "\n", "access in kubectl logs --prefix in lines with a time"},
        {"web-1  | " + kCombined + "\n", "access in docker compose"},
        {"<190>1 2023-10-10T11:55:36.003Z web01 nginx 1234 - - " + kCombined + "\n", "access in syslog (RFC 5424)"},
        {"<190>1 2023-10-10T11:55:36Z web01 nginx 1234 ID47 [a@1 b=\"x \\\"] y\"][c@1 d=\"\"] \xEF\xBB\xBF" + kCombined + "\n",
         "access in syslog (RFC 5424)"},
        {"<190>Oct 10 11:55:36 web01 nginx: " + kCombined + "\n", "access in syslog (RFC 3164)"},
        {"Oct  1 11:55:36 nginx[12]: " + kCombined + "\n", "access in syslog (RFC 3164)"},
        {"2023-10-10T11:55:36.123456+02:00 web01 nginx[12]: " + kCombined + "\r\n", "access in syslog"},
        {kKubernetesTime + kCombined + "\n", "access in lines with a time"},
        {R"({"__REALTIME_TIMESTAMP":"1","MESSAGE":")" + escaped(kCombined) + R"(","_PID":"7"})" + "\n", "access in journal JSON"},
        {R"({"@timestamp":"2023-10-10T11:55:36Z","message":")" + escaped(kCombined) + R"(","host":{"name":"a"}})" + "\n",
         "access in JSON \"message\""},
        {R"({"log":")" + escaped(kCombined) + R"(","kubernetes":{"pod_name":"a"}})" + "\n", "access in JSON \"log\""},
        {docker("<190>Oct 10 11:55:36 web01 nginx: " + kCombined), "access in Docker json-file in syslog (RFC 3164)"},
        {"__CURSOR=s=1\n_PID=12\nMESSAGE=" + kCombined + "\n\n", "access in journal export"},
    };
    for (const auto& each : envelopes_and_names) {
        const auto& [text, name] = each;
        CAPTURE(each.first);
        const Contents contents = read_text(text + text);
        CHECK(contents.formats == name);
        REQUIRE(contents.requests.size() == 2);
        CHECK(contents.requests[1].target == "/a?b=1");
        CHECK(contents.requests[1].at == kSampleTime);
        CHECK(header(contents.requests[1], "User-Agent") == "curl/8");
        CHECK(contents.damage.empty());
    }
    CHECK(read_text(docker(kNative)).requests.at(0).body == "x");
    CHECK(read_text("Oct 10 11:55:36 web01 app: " + kNative + "\n").formats == "jsonl in syslog (RFC 3164)");
}

TEST_CASE("parts of a line are joined, each stream for itself, and the others keep their numbers") {
    const std::string first = kCombined.substr(0, 50), second = kCombined.substr(50, 10), third = kCombined.substr(60);
    const Contents joined = read_text(docker(kCombined) + docker(first, "") + docker("other", "\\n", "stderr") + docker(second, "") +
                                      docker(third) + docker("no request") + docker(kCombined));
    REQUIRE(joined.requests.size() == 3);
    CHECK(joined.requests[1].target == "/a?b=1");
    CHECK(joined.requests[1].source_line == 5);
    CHECK(joined.requests[2].source_line == 7);
    REQUIRE(joined.warnings.size() == 1);
    CHECK(joined.warnings[0].find(": 2 lines are not requests, skipped (the first at 3: not a line of an access log: 'other')") !=
          std::string::npos);

    const Contents cri = read_text(kKubernetesTime + "stdout P " + first + "\n" + kKubernetesTime + "stderr F x\n" + kKubernetesTime +
                                   "stdout F " + second + third + "\n");
    REQUIRE(cri.requests.size() == 1);
    CHECK(cri.requests[0].target == "/a?b=1");
    // Shippers remove the ends of lines: then no line is a part.
    CHECK(read_text(docker(kCombined, "") + docker(kCombined, "")).requests.size() == 2);
}

TEST_CASE("messages of the journal may be bytes, in JSON and in the export format") {
    std::string bytes = "[";
    for (const char c : kCombined) bytes += (bytes.size() > 1 ? "," : "") + std::to_string(static_cast<unsigned char>(c));
    CHECK(read_text(R"({"MESSAGE":)" + bytes + "]}\n").requests.at(0).target == "/a?b=1");

    const auto field = [](const std::string& name, const std::string& value) {
        std::string out = name + "\n";
        for (int i = 0; i < 8; ++i) out += static_cast<char>(value.size() >> 8 * i & 0xff);
        return out + value + "\n";
    };
    const std::string tail = "_PID=1\n\n";
    const Contents log = read_text("__CURSOR=s=1\n" + field("MESSAGE", kCombined) + tail + "__CURSOR=s=2\n" +
                                   field("COREDUMP", "a\nMESSAGE=b\n\n") + "MESSAGE=" + kCombined + "\n" + tail);
    CHECK(log.requests.size() == 2);
    CHECK(log.damage.empty());
}

TEST_CASE("what a container says before its first request is passed over, and counted") {
    std::string text;
    for (int i = 0; i < 30; ++i) text += docker("/docker-entrypoint.sh: step " + std::to_string(i));
    for (int i = 0; i < 31; ++i) text += docker(kCombined);
    const Contents contents = read_text(text, LogOptions());
    CHECK(contents.requests.size() == 31);
    CHECK(contents.damage.empty());
    REQUIRE(contents.warnings.size() == 1);
    CHECK(contents.warnings[0].find(": 30 lines are not requests, skipped (the first at 1: ") != std::string::npos);
}

TEST_CASE("a log of which most cannot be read is an error, however few its lines are") {
    const std::string junk = "something else\n";
    CHECK_THROWS_WITH_AS(read_text(kCombined + "\n" + junk + junk, LogOptions()),
                         doctest::Contains("2 of 3 lines cannot be read as requests:\n"), Error);
    CHECK(read_text(kCombined + "\n" + junk, LogOptions()).requests.size() == 1);
    LogOptions some;
    some.max_bad_share = 0.7;
    CHECK(read_text(kCombined + "\n" + junk + junk, some).requests.size() == 1);
    CHECK_THROWS_AS(read_text(docker(kCombined) + docker("a") + docker("b"), LogOptions()), Error);
}

TEST_CASE("HAProxy's httplog: captures, escapes, and what is cut or no request") {
    const std::string start = "192.0.2.1:41000 [07/Jun/2024:12:30:00.250] www~ app/node0 0/0/1/17/18 ";
    const std::string ok = start + "200 291 - - ---- 1/1/0/0/0 0/0 ";
    const Contents log =
        read_text(ok + "\"GET /a HTTP/1.1\"\n" + ok + "{shop.example.com|curl 8 #7Bx#7D} {|} \"GET /b?q=#22x#22 HTTP/2.0\" 0/0/0/0/0\n" +
                  ok + "\"GET /cut?q=12\n" + ok + "\"<BADREQ>\"\n" + ok + "\"GET /no-version\"\n" + ok + "\"post /c HTTP/1.1\"\n" +
                  "192.0.2.1:4 [07/Jun/2024:12:30:00.250] tcp app/node0 0/0/5007 212 -- 0/0/0/0/3 0/0\n");
    CHECK(log.formats == "haproxy");
    REQUIRE(log.requests.size() == 3);
    CHECK(log.requests[0].at == 1717763400s + 250ms);
    CHECK(log.requests[1].target == "/b?q=\"x\"");
    CHECK(log.requests[2].method == "POST");
    CHECK(log.damage.size() == 4);
}

TEST_CASE("JSON logs of Caddy, Traefik, pino, winston, Google Cloud, ECS and of no known server") {
    const auto one = [](const std::string& line) {
        const Contents contents = read_text(line + "\n" + R"({"level":"info","msg":"started"})" + "\n" + line + "\n", LogOptions());
        REQUIRE(contents.requests.size() == 2);
        CHECK(contents.damage.empty());
        return contents.requests[1];
    };
    const Request caddy = one(
        R"({"level":"info","ts":1696938936.5,"logger":"http.log.access","msg":"handled request","request":{"remote_ip":"127.0.0.1","proto":"HTTP/2.0","method":"GET","host":"shop","uri":"/a?b=1","headers":{"User-Agent":["curl"],"Accept":["x","y"]},"tls":{"version":772}},"bytes_read":0,"duration":0.25,"size":10,"status":404,"resp_headers":{"Server":["Caddy"]}})");
    CHECK(caddy.at == kSampleTime + 250ms);
    CHECK(caddy.target == "/a?b=1");
    CHECK(caddy.recorded_status == 404);
    CHECK(header(caddy, "Accept") == "x|y");
    CHECK(header(caddy, "Host") == "shop");

    const Request traefik = one(
        R"({"ClientHost":"10.0.0.1","DownstreamStatus":200,"Duration":1500000,"RequestContentSize":0,"RequestHost":"shop","RequestMethod":"POST","RequestPath":"/a","StartUTC":"2023-10-10T11:55:36.25Z","level":"info","request_User-Agent":"curl","time":"2023-10-10T11:55:37Z"})");
    CHECK(traefik.at == kSampleTime + 250ms);
    CHECK(traefik.method == "POST");
    CHECK(header(traefik, "User-Agent") == "curl");

    const Request pino = one(
        R"({"level":30,"time":1696938936500,"pid":1,"req":{"id":1,"method":"PUT","url":"/a","headers":{"content-type":"application/json","content-length":"7"},"body":{"a":1}},"res":{"statusCode":201},"responseTime":100,"msg":"request completed"})");
    CHECK(pino.at == kSampleTime + 400ms);
    CHECK(pino.body == R"({"a":1})");
    CHECK(pino.recorded_status == 201);

    const Request winston = one(
        R"({"level":"info","message":"HTTP GET /a","meta":{"req":{"httpVersion":"1.1","method":"GET","url":"/a","headers":{"host":"shop"}},"res":{"statusCode":200},"responseTime":5},"timestamp":"2023-10-10T11:55:36.005Z"})");
    CHECK(winston.at == kSampleTime);

    CHECK(one(R"({"httpRequest":{"requestMethod":"GET","requestUrl":"https://shop/a","status":200},"timestamp":"2023-10-10T11:55:36.0Z"})")
              .target == "https://shop/a");
    CHECK(
        one(R"({"@timestamp":"2023-10-10T11:55:36.0Z","http.request.method":"get","url":{"path":"/a","query":"b=1"},"http":{"response":{"status_code":200}}})")
            .target == "/a?b=1");
    const Request guessed = one(
        R"({"time":"2023-10-10T11:55:36.0Z","id":"","remote_ip":"127.0.0.1","method":"GET","uri":"/a","status":200,"latency":9,"bytes_in":0})");
    CHECK(guessed.at == kSampleTime);
    CHECK(guessed.target == "/a");
    // Lengths tell empty bodies from those that the log does not have: nginx spills, and a handler may not read.
    const auto missing = [](const std::string& line) {
        const TemporaryDirectory directory;
        std::ofstream(directory.path() + "/log") << line << "\n";
        Log log({directory.path() + "/log"}, {});
        Record record;
        REQUIRE(log.next(record));
        return record.body_missing;
    };
    CHECK(missing(R"({"msec":"1.5","request":"POST /a HTTP/1.1","request_body":"","content_length":"90000"})"));
    CHECK_FALSE(missing(R"({"msec":"1.5","request":"POST /a HTTP/1.1","request_body":"","content_length":""})"));
    CHECK(missing(R"({"ts":1.5,"request":{"method":"DELETE","uri":"/a","headers":{"Content-Length":["3"]}},"bytes_read":0})"));
    CHECK_FALSE(missing(R"({"ts":1.5,"request":{"method":"POST","uri":"/a","headers":{}},"bytes_read":0})"));
    // A form that express has parsed: its bytes are not in the log.
    const std::string form =
        R"({"time":1,"req":{"method":"POST","url":"/a","headers":{"content-type":"application/x-www-form-urlencoded"},"body":{"a":"1"}}})"
        "\n";
    CHECK(read_text(form).requests.at(0).body.empty());
}

TEST_CASE("hits of Elasticsearch, one in a line, are the documents that they hold") {
    const Contents hits = read_text(
        R"({"_index":"filebeat-1","_id":"a","_source":{"@timestamp":"2023-10-10T11:55:36.250Z","http":{"request":{"method":"post"}},"url":{"original":"/k?q=1"}}})"
        "\n"
        R"({"_index":"filebeat-1","_id":"b","_source":{"@timestamp":"2023-10-10T11:55:37Z","http":{"request":{"method":"get"}},"url":{"original":"/{"}}})"
        "\n",
        LogOptions());
    CHECK(hits.formats == "access-json in Elasticsearch hits");
    REQUIRE(hits.requests.size() == 2);
    CHECK(hits.requests[0].at == kSampleTime + 250ms);
    CHECK(hits.requests[0].method == "POST");
    CHECK(hits.requests[0].target == "/k?q=1");
    CHECK(hits.requests[1].target == "/{");
    CHECK(hits.damage.empty());
}

TEST_CASE("a log is read by its server's own format string") {
    const auto read_as = [](const std::string& pattern, const std::string& text) {
        LogOptions options = lenient();
        options.pattern = pattern;
        return read_text(text, options);
    };
    const Contents nginx =
        read_as(R"($remote_addr - [$time_local] "$request" $status $upstream_response_time $request_time "$http_x_id" $connection)",
                "::1 - [10/Oct/2023:11:55:36 +0000] \"GET /a?q=\\x22 HTTP/1.1\" 200 0.1, 0.2 : 0.3 0.7 \"id 1\" 77\nother\n");
    CHECK(nginx.formats == "pattern");
    REQUIRE(nginx.requests.size() == 1);
    CHECK(nginx.requests[0].target == "/a?q=\"");
    CHECK(nginx.requests[0].recorded_status == 200);
    CHECK(header(nginx.requests[0], "X-Id") == "id 1");
    CHECK(nginx.requests[0].connection == "77");
    CHECK(nginx.damage.size() == 1);

    const Contents whole = read_as("log_format timed '$msec|$request_method|'\n  '$request_uri|$request_time|$request_body';",
                                   "1696938936.500|post|/a|0.250|{\\x22a\\x22:1}\n");
    REQUIRE(whole.requests.size() == 1);
    CHECK(whole.requests[0].at == kSampleTime + 250ms);
    CHECK(whole.requests[0].method == "POST");
    CHECK(whole.requests[0].body == "{\"a\":1}");

    // As the directive has it, and as a shell leaves it.
    for (const char* json : {R"(log_format j escape=json '{"t":"$msec","r":"$request","b":"$request_body"}';)",
                             R"(escape=json '{"t":"$msec","r":"$request",' '"b":"$request_body"}')",
                             R"(escape=json {"t":"$msec","r":"$request","b":"$request_body"})"}) {
        const Contents escaped = read_as(json, R"({"t":"1696938936.250","r":"POST /a?q=\"b\" HTTP/1.1","b":"{\"k\":\"v\\n\"}"})"
                                               "\n");
        REQUIRE(escaped.requests.size() == 1);
        CHECK(escaped.requests[0].target == "/a?q=\"b\"");
        CHECK(escaped.requests[0].body == R"({"k":"v\n"})");
    }

    const Contents apache =
        read_as(R"(LogFormat "%v:%p %h %l %u %t \"%r\" %>s %O \"%{Referer}i\" \"%{User-Agent}i\" %D" timed)",
                "shop:80 ::1 - - [10/Oct/2023:11:55:36 +0000] \"GET /a\\\"b HTTP/1.1\" 200 5 \"-\" \"curl \\\"8\\\"\" 1500\n");
    REQUIRE(apache.requests.size() == 1);
    CHECK(apache.requests[0].at == kSampleTime);
    CHECK(apache.requests[0].target == "/a\"b");
    CHECK(header(apache.requests[0], "User-Agent") == "curl \"8\"");
    CHECK(header(apache.requests[0], "Host") == "shop");

    const Contents zoned = read_as("$time_local $status $request_method $request_uri", "10/Oct/2023:13:55:36 +0200 200 GET /a\n");
    REQUIRE(zoned.requests.size() == 1);
    CHECK(zoned.requests[0].at == kSampleTime);
    CHECK(zoned.requests[0].target == "/a");
    CHECK(read_as("$remote_addr \"$request\"", docker("::1 \"GET /a HTTP/1.1\"")).formats == "pattern in Docker json-file");
    CHECK_THROWS_WITH_AS(read_as("$remote_addr", ""), doctest::Contains(""), Error);
    CHECK_THROWS_WITH_AS(read_as("$request$status", kCombined), doctest::Contains("two variables without a separator between them"), Error);
    CHECK_THROWS_WITH_AS(read_as("$remote_addr $status", kCombined), doctest::Contains("has no request in it"), Error);
}

TEST_CASE("a HAR may have its request line, HTTP/2's pseudo headers, or other things among its headers; bodies in other forms") {
    const auto entry = [](const std::string& more) {
        return R"({"log":{"version":"1.2","entries":[{"startedDateTime":"2023-10-10T11:55:36Z","request":{"method":"post","url":"http://u:secret@shop/a",)" +
               more + "}}]}}";
    };
    const Contents odd = read_text(entry(
        R"("headers":[{"name":"POST /a HTTP/1.1","value":""},{"name":"POST","value":"/a HTTP/1.1"},{"name":":path","value":"/a"},{"name":"X","value":1},"Accept: x"],"bodySize":0)"));
    REQUIRE(odd.requests.size() == 1);
    CHECK(odd.requests[0].method == "POST");
    CHECK(odd.requests[0].target == "http://shop/a");
    CHECK(odd.requests[0].headers == std::vector<std::pair<std::string, std::string>>{{"X", "1"}, {"Accept", "x"}});
    CHECK(odd.damage.empty());
    const auto body = [&](const std::string& post_data) {
        Log log({[&] {
                    static TemporaryDirectory directory;
                    const std::string path = directory.path() + "/log";
                    std::ofstream(path) << entry(R"("headers":{"A":"b"},"postData":)" + post_data);
                    return path;
                }()},
                LogOptions());
        Record record;
        REQUIRE(log.next(record));
        return record.body_missing ? std::string("missing") : std::string(record.body);
    };
    CHECK(body(R"({"mimeType":"application/json","text":{"a": [1]}})") == R"({"a": [1]})");
    CHECK(body(R"({"mimeType":"application/x-www-form-urlencoded","text":{"a":1}})") == "missing");
    CHECK(body(R"({"mimeType":"application/x-www-form-urlencoded","params":{"a":"b c","d":"e"}})") == "a=b+c&d=e");
    CHECK(body(R"({"mimeType":"application/x-www-form-urlencoded","params":[{"name":"a","value":"100%"},{"name":"b","value":"x+y"}]})") ==
          "a=100%25&b=x%2By");
    CHECK(body(R"({"mimeType":"application/x-www-form-urlencoded","params":[{"name":"a","value":"%C3%A9"},{"name":"b","value":"x+y"}]})") ==
          "a=%C3%A9&b=x+y");
    CHECK(body(R"({"mimeType":"application/x-www-form-urlencoded","params":[{"name":"a","value":["b"]}]})") == "missing");
    CHECK(body(R"({"mimeType":"multipart/form-data","params":[{"name":"a","fileName":"b"}]})") == "missing");
    CHECK(body(R"("a=b")") == "a=b");
    CHECK(body("null").empty());
}

TEST_CASE("a query or a time that the first request does not have is found in the others") {
    const auto second = [](const std::string& first_line, const std::string& second_line) {
        const TemporaryDirectory directory;
        std::ofstream(directory.path() + "/log") << first_line << "\n" << second_line << "\n";
        Log log({directory.path() + "/log"}, {});
        Record record;
        REQUIRE(log.next(record));
        REQUIRE(log.next(record));
        return std::string(record.target);
    };
    // zap's middleware for gin, with an empty query; a logger that leaves it out; attributes of OpenTelemetry.
    CHECK(second(R"({"level":"info","ts":1764500000.5,"method":"GET","path":"/a","query":"","status":200})",
                 R"({"level":"info","ts":1764500001.5,"method":"GET","path":"/a","query":"q=1&page=2","status":200})") == "/a?q=1&page=2");
    CHECK(second(R"({"ts":1764500000.5,"method":"GET","path":"/a","status":200})",
                 R"({"ts":1764500001.5,"method":"GET","path":"/a","query":"q=1","status":200})") == "/a?q=1");
    CHECK(
        second(
            R"({"startTimeUnixNano":"1764500000000000000","attributes":{"http.request.method":"GET","url.path":"/a","url.query":"","http.response.status_code":200}})",
            R"({"startTimeUnixNano":"1764500001000000000","attributes":{"http.request.method":"GET","url.path":"/a","url.query":"q=1","http.response.status_code":200}})") ==
        "/a?q=1");
}
