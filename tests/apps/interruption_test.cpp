// The first signal, without one: a stop that is requested while a command works, and what it then leaves. tests/cli sends real ones.
#include <doctest/doctest.h>
#include <fcntl.h>
#include <sys/stat.h>

#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <thread>

#include "apps/run_here.hpp"
#include "support/loopback_server.hpp"
#include "system/output_file.hpp"
#include "system/temporary_directory.hpp"

using namespace leakline;
using namespace leakline::test;
using namespace std::chrono_literals;
using nlohmann::json;

namespace {

// Runs the command, and stops it once `begun`.
Outcome interrupt(const std::vector<std::string>& words, const std::function<bool()>& begun, int signal = SIGINT) {
    std::stop_source stop;
    std::jthread stopper([&](const std::stop_token& over) {
        while (!over.stop_requested() && !begun()) std::this_thread::sleep_for(2ms);
        stop.request_stop();
    });
    return run_here(words, {stop.get_token(), [signal] { return signal; }});
}

bool at_once() { return true; }

const std::string kLine = R"({"ts_ns":1,"method":"GET","url":"/","headers":{}})"
                          "\n";

// A pipe whose writer says one line of a log, or nothing, and falls silent.
struct SilentPipe {
    TemporaryDirectory folder;
    std::string path = folder.path() + "/pipe";
    int writer = -1;
    explicit SilentPipe(const std::string& text) {
        REQUIRE(::mkfifo(path.c_str(), 0600) == 0);
        writer = ::open(path.c_str(), O_RDWR | O_CLOEXEC);
        REQUIRE(::write(writer, text.data(), text.size()) == static_cast<ssize_t>(text.size()));
    }
    ~SilentPipe() { ::close(writer); }
};

}  // namespace

TEST_CASE("a replay that is stopped reports the part that it has sent, with the code of the signal") {
    LoopbackServer server([](Wire& wire) {
        wire.read_request();
        wire.wait_for_close();
    });
    const SilentPipe log(kLine);
    const std::string report = log.folder.path() + "/a.json";
    for (const int signal : {SIGINT, SIGTERM}) {
        const std::size_t before = server.connections();
        const Outcome outcome = interrupt(
            {"replay", log.path, "--target", server.url(), "--pace", "max", "--grace", "1ms", "-o", report},
            [&] { return server.connections() > before; }, signal);
        INFO(outcome.err);
        CHECK(outcome.code == 128 + signal);
        const json stats = json::parse(read_file(report));
        CHECK(stats["sent"] == 1);
        CHECK(stats["warnings"].dump().find("interrupted: this report covers only part of the replay") != std::string::npos);
        REQUIRE(::write(log.writer, kLine.data(), kLine.size()) == static_cast<ssize_t>(kLine.size()));
    }
}

TEST_CASE("what reads a silent log ends: a dry run with what it has read, convert without its file") {
    const SilentPipe log(kLine);
    const Outcome dry = interrupt({"replay", log.path, "--dry-run", "--format", "json"}, at_once);
    CHECK(dry.code == 130);
    CHECK(json::parse(dry.out)["read"].get<int>() <= 1);
    CHECK(dry.out.find("interrupted: this report covers only part of the log") != std::string::npos);

    REQUIRE(::write(log.writer, kLine.data(), kLine.size()) == static_cast<ssize_t>(kLine.size()));
    const std::string out = log.folder.path() + "/out.jsonl";
    const Outcome converted = interrupt({"convert", log.path, "-o", out}, at_once, SIGTERM);
    INFO(converted.err);
    CHECK(converted.code == 143);
    CHECK(converted.err.find("was not written\n") != std::string::npos);
    CHECK_FALSE(std::filesystem::exists(out));
}

TEST_CASE("files that never end are given up: of samples, of a diagnosis among others, of a baseline") {
    const SilentPipe pipe("");
    const std::string log = LEAKLINE_TESTDATA "/logs/track_small.jsonl", golden = LEAKLINE_TESTDATA "/golden/diagnosis_v1.json";
    for (const std::vector<std::string>& words : {std::vector<std::string>{"trend", pipe.path},
                                                  {"history", golden, pipe.path},
                                                  {"diagnose", "--traffic", log, "--baseline", pipe.path}}) {
        INFO(words.front());
        CHECK(interrupt(words, at_once).code == 130);
    }
}

TEST_CASE("traffic and the self-test of the trend stop in the middle, and sampling with its samples") {
    const TemporaryDirectory folder;
    const std::string log = folder.path() + "/log.jsonl", samples = folder.path() + "/s.csv";
    CHECK(interrupt({"traffic", "--requests", "1000000000", "-o", log}, at_once).code == 130);
    CHECK_FALSE(std::filesystem::exists(log));
    const Outcome scores = interrupt({"trend", "--self-test", "--traces", "100000"}, at_once);
    CHECK(scores.code == 130);
    CHECK(scores.out.find("power curve") != std::string::npos);
    const Outcome sampled = interrupt({"sample", "--pid", std::to_string(::getpid()), "--interval", "1h", "-o", samples},
                                      [&] { return std::filesystem::exists(samples) && std::filesystem::file_size(samples) > 30; });
    CHECK(sampled.code == 130);
    CHECK(sampled.err == "leakline: 1 samples in " + samples + "\n");
}

TEST_CASE("a capture ends by a stop as it always does: with 0, and a whole log") {
    LoopbackServer server([](Wire&) {});
    const TemporaryDirectory folder;
    const std::string port = folder.path() + "/port", log = folder.path() + "/log.jsonl";
    const Outcome outcome = interrupt({"capture", "--listen", "127.0.0.1:0", "--target", server.url(), "-o", log, "--port-file", port},
                                      [&] { return std::filesystem::exists(port); });
    INFO(outcome.err);
    CHECK(outcome.code == 0);
    CHECK(outcome.err.find("0 requests over 0 connections, 0 written\n") != std::string::npos);
}
