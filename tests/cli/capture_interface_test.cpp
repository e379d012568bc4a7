// leakline capture --interface beside a client and its server.
#include <doctest/doctest.h>
#include <unistd.h>

#include <csignal>
#include <nlohmann/json.hpp>
#include <thread>

#include "support/binary.hpp"
#include "support/loopback_server.hpp"
#include "support/raw_connection.hpp"
#include "system/temporary_directory.hpp"

using namespace leakline;
using namespace leakline::test;
using namespace std::chrono_literals;
using nlohmann::json;

TEST_CASE("a capture from an interface needs a port, no proxy's options, and the right to capture") {
    const TemporaryDirectory directory;
    const auto run = [&](std::vector<std::string> options) {
        options.insert(options.begin(), "capture");
        options.insert(options.end(), {"-o", directory.path() + "/log"});
        return run_binary("leakline", options);
    };
    CHECK(run({}).err ==
          "leakline capture: nothing to capture from\n"
          "  hint: --target URL forwards requests to a service; --interface lo --port 8080 records those that pass an interface\n");
    CHECK(run({"--interface", "lo"}).err.starts_with("leakline capture: --interface requires --port\n"));
    CHECK(run({"--target", "http://127.0.0.1:1", "--listen-http2"})
              .err.starts_with("leakline capture: --listen-http2 requires --listen-cert\n"));
    CHECK(run({"--interface", "lo", "--port", "80", "--max-connections", "5"}).code == 2);
    CHECK(run({"--interface", "lo", "--port", "80", "--target", "http://127.0.0.1:1"}).code == 2);
    CHECK(run({"--interface", "lo", "--port", "65536"}).code == 2);
    CHECK(run({"--port", "80"}).code == 2);
    const Outcome none = run({"--interface", "none0", "--port", "80"});
    CHECK(none.code == 2);
    CHECK(none.err.find("there is no network interface 'none0'") != std::string::npos);
    if (::geteuid() != 0) {
        MESSAGE("not root: a capture without the right to is not tested");
        return;
    }
    const Outcome refused = run_binary("/usr/bin/setpriv", {"--bounding-set=-net_raw", "--inh-caps=-net_raw", binary("leakline"), "capture",
                                                            "--interface", "lo", "--port", "80", "-o", directory.path() + "/log"});
    CHECK(refused.code == 4);
    CHECK(refused.err.find("lo: packets cannot be captured: operation not permitted\n  hint: run it as root, or give leakline the "
                           "capability CAP_NET_RAW") != std::string::npos);
}

TEST_CASE("requests on an interface are recorded in the log, with credentials redacted") {
    RecordingServer server;
    const TemporaryDirectory directory;
    const std::string log = directory.path() + "/log.jsonl", said = directory.path() + "/said";
    Command command;
    const std::string port = server.url().substr(server.url().rfind(':') + 1);
    command.arguments = {binary("leakline"), "capture", "--interface", "lo", "--port", port, "--responses", "-o", log};
    command.output_file = said;
    Child capture = Child::start(command);
    while (read_file(said).find("capturing port") == std::string::npos) {
        if (!capture.running()) {
            MESSAGE("packets of lo may not be captured here: not tested");
            return;
        }
        std::this_thread::sleep_for(5ms);
    }
    {
        RawConnection client(static_cast<std::uint16_t>(std::stoi(port)));
        REQUIRE(client.send(request_text("POST", "/a?b=1", "{\"x\":1}", "X-Kept: 1\r\nAuthorization: Bearer s3cret\r\n")));
        CHECK(RawConnection::status(client.response(true)) == 200);
    }
    while (read_file(log).empty()) std::this_thread::sleep_for(5ms);
    ::kill(capture.pid(), SIGINT);
    CHECK(capture.wait().shell_code() == 0);
    const json line = json::parse(read_file(log));
    CHECK(line["method"] == "POST");
    CHECK(line["url"] == "/a?b=1");
    CHECK(line["body"] == "{\"x\":1}");
    CHECK(line["headers"]["X-Kept"] == "1");
    CHECK(line["headers"]["Authorization"] == "redacted");
    CHECK(line["status"] == 200);
    CHECK(line["response"]["status"] == 200);
    CHECK(line["response"]["latency_ns"].get<std::int64_t>() > 0);
    CHECK(!line.contains("conn"));
    CHECK(read_file(said).find("1 request over 1 connection, 1 written, 1 with responses\n") != std::string::npos);
}
