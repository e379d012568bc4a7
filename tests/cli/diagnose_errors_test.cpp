// What goes wrong around a diagnosis: each is a clear error, the contract's exit code, nothing left behind.
#include <doctest/doctest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <csignal>
#include <filesystem>
#include <nlohmann/json.hpp>

#include "support/binary.hpp"
#include "system/output_file.hpp"
#include "system/temporary_directory.hpp"

using namespace leakline;
using namespace leakline::test;
using nlohmann::json;

namespace {

const std::string kTraffic = std::string(LEAKLINE_TESTDATA) + "/logs/track_small.jsonl";

void write(const std::string& path, const std::string& text, bool executable = false) {
    OutputFile file(path);
    file.write(text);
    file.commit();
    if (executable) ::chmod(path.c_str(), 0755);
}

Outcome diagnose(std::vector<std::string> arguments) {
    arguments.insert(arguments.begin(), "diagnose");
    return run_binary("leakline", arguments);
}

std::vector<std::string> trackd(const std::string& mode) {
    return {"--", binary("trackd"), "--mode", mode, "--listen", "127.0.0.1:0", "--port-file", "{port_file}"};
}

std::vector<std::string> with(std::vector<std::string> first, const std::vector<std::string>& second) {
    first.insert(first.end(), second.begin(), second.end());
    return first;
}

}  // namespace

TEST_CASE("a script is run like any service: what is wrong with it shows when it starts") {
    const TemporaryDirectory directory;
    write(directory.path() + "/run.sh", "#!/bin/sh\necho cannot find the database\nexit 5\n", true);
    const Outcome outcome = diagnose({"--traffic", kTraffic, "--", directory.path() + "/run.sh", "{port}"});
    CHECK(outcome.code == 4);
    CHECK(outcome.err.find("run.sh: exited before it was ready: exit code 5") != std::string::npos);
    CHECK(outcome.err.find("cannot find the database") != std::string::npos);
}

TEST_CASE("a missing heaptrack is told before anything starts, with the package") {
    const TemporaryDirectory empty;
    std::vector<std::string> arguments = {"diagnose", "--traffic", kTraffic, "--tracker", "heaptrack"};
    const Outcome outcome = run_binary("leakline", arguments, {{"LEAKLINE_HEAPTRACK_DIR", empty.path()}});
    INFO(outcome.err);
    CHECK(outcome.code == 4);
    CHECK(outcome.err.find("apt-get install") != std::string::npos);
    CHECK(outcome.out.empty());
}

TEST_CASE("a target that dies before it is ready shows what it said") {
    const Outcome outcome =
        diagnose({"--traffic", kTraffic, "--", binary("trackd"), "--mode", "no-such-mode", "--port-file", "{port_file}"});
    INFO(outcome.err);
    CHECK(outcome.code == 4);
    CHECK(outcome.err.find("exited before it was ready: exit code 2") != std::string::npos);
    CHECK(outcome.err.find("no-such-mode") != std::string::npos);
}

TEST_CASE("a target that never becomes ready is given up, and ended") {
    const Outcome outcome =
        diagnose({"--traffic", kTraffic, "--target", "http://127.0.0.1:9", "--ready-timeout", "300ms", "--", "sleep", "98765"});
    CHECK(outcome.code == 4);
    CHECK(outcome.err.find("did not answer at http://127.0.0.1:9 within 300ms") != std::string::npos);
    const Outcome left = run_binary("/usr/bin/pgrep", {"-f", "^sleep 98765"});
    CHECK(left.out.empty());
}

TEST_CASE("a target that dies under traffic makes the run invalid, and the report is still written") {
    const TemporaryDirectory directory;
    const std::string service = directory.path() + "/dying.py", report = directory.path() + "/dying.json";
    write(service,
          "import http.server, os, sys\n"
          "class H(http.server.BaseHTTPRequestHandler):\n"
          "    n = 0\n"
          "    def do_GET(self):\n"
          "        self.send_response(200); self.send_header('Content-Length', '0'); self.end_headers()\n"
          "    def do_POST(self):\n"
          "        H.n += 1\n"
          "        if H.n > 200:\n"
          "            print('out of handles', 'giving \\x1b up', sep='\\n', flush=True)\n"
          "            os._exit(7)\n"
          "        self.do_GET()\n"
          "    def log_message(self, *a): pass\n"
          "http.server.HTTPServer(('127.0.0.1', int(sys.argv[1])), H).serve_forever()\n");
    const std::string markdown = directory.path() + "/dying.md";
    const Outcome outcome = diagnose({"--traffic", kTraffic, "-o", report, "-o", markdown, "--", "/usr/bin/python3", service, "{port}"});
    INFO(outcome.out << outcome.err);
    CHECK(outcome.code == 4);
    const json diagnosis = json::parse(read_file(report));
    CHECK(diagnosis["verdict"] == "invalid");
    CHECK(diagnosis["reasons"][0].get<std::string>().find("the service exited during the run, in round 1: exit code 7") !=
          std::string::npos);
    // Its lines, without what would be shown as a line's end or obeyed by a terminal.
    CHECK(diagnosis["reasons"][1] == "its last output: out of handles | giving \\x1b up");
    for (const std::string& shown : {outcome.out, read_file(markdown)}) {
        CHECK(shown.find("out of handles") != std::string::npos);
        CHECK(shown.find("\\x0a") == std::string::npos);
        CHECK(shown.find('\x1b') == std::string::npos);
    }
}

TEST_CASE("traffic that the service refuses makes the run invalid") {
    const TemporaryDirectory directory;
    const std::string log = directory.path() + "/wrong.jsonl", report = directory.path() + "/wrong.json";
    std::string text;
    for (int i = 0; i < 50; ++i)
        text += "{\"ts_ns\":" + std::to_string(i * 1000000) + ",\"method\":\"GET\",\"url\":\"/nowhere\",\"headers\":{}}\n";
    write(log, text);
    const Outcome outcome = diagnose(with({"--traffic", log, "--rounds", "4", "--min-round", "100ms", "-o", report}, trackd("bounded")));
    INFO(outcome.out << outcome.err);
    CHECK(outcome.code == 4);
    const json diagnosis = json::parse(read_file(report));
    CHECK(diagnosis["reasons"][0].get<std::string>().find("too many requests failed: 0 % of") == 0);
}

TEST_CASE("Ctrl-C writes what is there, leaves nothing running, and exits with 130") {
    const TemporaryDirectory directory;
    const std::string report = directory.path() + "/partial.json", db = directory.path() + "/marker.db";
    Command command;
    command.arguments = with({binary("leakline"), "diagnose", "--traffic", kTraffic, "-o", report}, with(trackd("leaky"), {"--db", db}));
    command.output_file = directory.path() + "/output";
    Child child = Child::start(command);
    // Traffic is on its way when the database has grown.
    for (int i = 0; i < 3000; ++i) {
        struct stat status {};
        if (::stat((db + "-wal").c_str(), &status) == 0 && status.st_size > 100'000) break;
        ::usleep(10'000);
    }
    child.signal(SIGINT);
    const auto status = child.wait_for(std::chrono::seconds(60));
    REQUIRE(status.has_value());
    INFO(read_file(command.output_file));
    CHECK(status->code == 130);
    const json diagnosis = json::parse(read_file(report));
    CHECK(diagnosis["verdict"] == "inconclusive");
    CHECK(diagnosis["reasons"][0] == "interrupted: this is a partial result");
    CHECK(run_binary("/usr/bin/pgrep", {"-f", db}).out.empty());
}

TEST_CASE("the script of the gate names no reports where none were written") {
    const TemporaryDirectory directory;
    const std::string output = directory.path() + "/output";
    const Outcome outcome = run_binary(
        "/usr/bin/env", {"GITHUB_OUTPUT=" + output, "LEAKLINE=" + binary("leakline"), "LEAKLINE_OUT=" + directory.path() + "/reports",
                         "LEAKLINE_ROUNDS=2", LEAKLINE_TESTDATA "/../scripts/ci/run.sh"});
    CHECK(outcome.code == 2);
    CHECK(read_file(output) == "verdict=invalid\n");
}
