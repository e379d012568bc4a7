// leakline serve: trackd under a limit that the kernel enforces.
#include <doctest/doctest.h>
#include <signal.h>

#include <filesystem>
#include <thread>

#include "system/temporary_directory.hpp"
#include "trackd_process.hpp"

namespace leakline {
namespace {

using namespace std::chrono_literals;
using test::RawConnection;
using test::request_text;
using test::Trackd;

TEST_CASE("serve passes trackd's options on, and ends with 0 when it is told to end") {
    const TemporaryDirectory directory;
    Trackd served(directory, {"--mode", "lru", "--capacity", "2", "--ttl", "1h30m"}, {LEAKLINE_BIN_DIR "/leakline", "serve"});
    for (const char* user : {"1", "2", "3"})
        served.ask(request_text("POST", "/api/track", std::string(R"({"user_id":)") + user + R"(,"events":[{}]})"));
    const std::string metrics = served.ask(request_text("GET", "/metrics"));
    CHECK(metrics.find("trackd_cache_entries{mode=\"lru\"} 2\n") != std::string::npos);
    served.child().signal(SIGTERM);
    const auto status = served.child().wait_for(60s);
    REQUIRE(status);
    CHECK(status->shell_code() == 0);
    CHECK(served.output().find("trackd: stopping\n") != std::string::npos);
}

TEST_CASE("a leak that reaches the limit ends the service, and serve says so with 4") {
    const TemporaryDirectory directory;
    Trackd served(directory, {"--mode", "leaky", "--db", "none", "--memory-limit", "48MiB"}, {LEAKLINE_BIN_DIR "/leakline", "serve"});
    const std::string request =
        request_text("POST", "/api/track", R"({"user_id":1,"events":[{"x":")" + std::string(100'000, 'x') + "\"}]}");
    {
        RawConnection connection(served.port());
        int answered = 0;
        while (answered < 5000 && connection.send(request) && RawConnection::status(connection.response()) == 200) ++answered;
        CHECK(answered > 50);
        CHECK(answered < 600);  // 48 MiB hold no more
    }
    const auto status = served.child().wait_for(60s);
    REQUIRE(status);
    CHECK(status->shell_code() == 4);
    CAPTURE(served.output());
    CHECK(served.output().find("leakline: trackd was ") != std::string::npos);
    CHECK(served.output().find("48 MiB") != std::string::npos);
}

TEST_CASE("what a killed trackd leaves among the temporary files goes with serve") {
    const TemporaryDirectory directory, temporary;
    Trackd served(directory, {}, {LEAKLINE_BIN_DIR "/leakline", "serve"},
                  [&](Command& command) { command.environment.emplace_back("TMPDIR", temporary.path()); });
    CHECK_FALSE(std::filesystem::is_empty(temporary.path()));  // its database
    const std::string serve = std::to_string(served.child().pid());
    ::kill(std::stoi(read_file("/proc/" + serve + "/task/" + serve + "/children")), SIGKILL);
    const auto status = served.child().wait_for(60s);
    REQUIRE(status);
    CHECK(status->shell_code() == 4);
    CHECK(std::filesystem::is_empty(temporary.path()));
}

TEST_CASE("trackd stops in order when serve is killed") {
    const TemporaryDirectory directory;
    Trackd served(directory, {}, {LEAKLINE_BIN_DIR "/leakline", "serve"});
    served.child().signal(SIGKILL);
    CHECK(served.child().wait().signal == SIGKILL);
    const auto has_stopped = [&] { return served.output().find("trackd: stopping") != std::string::npos; };
    for (int i = 0; i < 6000 && !has_stopped(); ++i) std::this_thread::sleep_for(10ms);
    CHECK(has_stopped());
}

TEST_CASE("serve refuses what trackd would refuse") {
    const TemporaryDirectory directory;
    Command command;
    command.arguments = {LEAKLINE_BIN_DIR "/leakline", "serve", "--capacity", "0"};
    command.output_file = directory.path() + "/output";
    CHECK(Child::start(command).wait().shell_code() == 2);
    CHECK(read_file(command.output_file).starts_with("leakline serve: --capacity: "));
}

}  // namespace
}  // namespace leakline
