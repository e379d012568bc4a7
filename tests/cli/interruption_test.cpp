// A second Ctrl-C ends the program at once: nothing half-written stays behind, and nothing is left running.
#include <doctest/doctest.h>
#include <fcntl.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <csignal>
#include <filesystem>
#include <thread>

#include "support/binary.hpp"
#include "support/loopback_server.hpp"
#include "system/output_file.hpp"
#include "system/proc_file.hpp"
#include "system/temporary_directory.hpp"

using namespace leakline;
using namespace leakline::test;
using namespace std::chrono_literals;

namespace {

struct Folders {
    TemporaryDirectory root;
    std::string outputs = root.path() + "/outputs", temporary = root.path() + "/temporary";
    std::string log = root.path() + "/log.jsonl";

    Folders() {
        std::filesystem::create_directory(outputs);
        std::filesystem::create_directory(temporary);
        OutputFile file(log);
        file.write(R"({"ts_ns":1,"method":"GET","url":"/","headers":{}})"
                   "\n");
        file.commit();
    }
};

// Signals the command again and again as soon as `begun`, until it ends.
ExitStatus interrupt_twice(const Folders& folders, std::vector<std::string> arguments, int number, const std::function<bool()>& begun) {
    Command command;
    command.arguments = std::move(arguments);
    command.arguments.insert(command.arguments.begin(), binary("leakline"));
    command.environment = {{"TMPDIR", folders.temporary}};
    command.output_file = folders.root.path() + "/said";
    Child child = Child::start(command);
    while (child.running() && !begun()) std::this_thread::sleep_for(5ms);
    const Nanoseconds patience = 50s;
    for (Nanoseconds waited{0}; waited < patience && child.running(); waited += 1ms) {
        child.signal(number);
        child.wait_for(1ms);
    }
    INFO(read_file(command.output_file));
    REQUIRE(child.status().has_value());
    return *child.status();
}

// Soon gone, or a zombie that its new parent has not reaped yet.
bool ends(int pid) {
    for (int i = 0; i < 6000; ++i) {
        const auto stat = read_small_file("/proc/" + std::to_string(pid) + "/stat");
        if (!stat || stat->find(") Z ") != std::string::npos) return true;
        std::this_thread::sleep_for(10ms);
    }
    return false;
}

}  // namespace

TEST_CASE("a second signal during a replay leaves no half-written report behind") {
    // Its one request is never answered, so that the first signal waits for --grace.
    LoopbackServer server([](Wire& wire) {
        wire.read_request();
        wire.wait_for_close();
    });
    for (const int number : {SIGINT, SIGTERM}) {
        const Folders folders;
        const ExitStatus ended =
            interrupt_twice(folders,
                            {"replay", folders.log, "--target", server.url(), "--timeout", "10m", "--grace", "10m", "-o",
                             folders.outputs + "/a.json", "-o", folders.outputs + "/b.html", "--histogram", folders.outputs + "/c.hgrm"},
                            number, [&, before = server.connections()] { return server.connections() > before; });
        CHECK(ended.signal == number);
        CHECK(std::filesystem::is_empty(folders.outputs));
    }
}

TEST_CASE("a dry run that is interrupted says what it has seen") {
    const Folders folders;
    const std::string pipe = folders.root.path() + "/pipe", report = folders.outputs + "/a.json";
    REQUIRE(::mkfifo(pipe.c_str(), 0600) == 0);
    const int writer = ::open(pipe.c_str(), O_RDWR | O_CLOEXEC);
    const std::string line = read_file(folders.log);
    REQUIRE(::write(writer, line.data(), line.size()) == static_cast<ssize_t>(line.size()));
    Command command;
    command.arguments = {binary("leakline"), "replay", pipe, "--dry-run", "-o", report};
    command.output_file = folders.root.path() + "/said";
    Child child = Child::start(command);
    for (int unread = 1; child.running() && unread > 0; std::this_thread::sleep_for(5ms)) REQUIRE(::ioctl(writer, FIONREAD, &unread) == 0);
    child.signal(SIGINT);
    REQUIRE(child.wait_for(50s).has_value());
    ::close(writer);
    INFO(read_file(command.output_file));
    CHECK(child.status()->code == 130);
    const std::string said = read_file(report);
    CHECK(said.find("\"read\": 1,") != said.npos);
    CHECK(said.find("\"interrupted: this report covers only part of the log\"") != said.npos);
}

TEST_CASE("two signals for one wish, as timeout(1) sends them, end a replay as one does: with its report") {
    LoopbackServer server([](Wire& wire) {
        wire.read_request();
        wire.wait_for_close();
    });
    const Folders folders;
    Command command;
    command.arguments = {
        binary("leakline"),         "replay", folders.log, "--target", server.url(), "--timeout", "10m", "--grace", "1s", "-o",
        folders.outputs + "/a.json"};
    command.output_file = folders.root.path() + "/said";
    Child child = Child::start(command);
    while (child.running() && server.connections() == 0) std::this_thread::sleep_for(5ms);
    child.signal(SIGINT);
    child.signal(SIGTERM);  // of another number, so that the two do not become one on their way
    REQUIRE(child.wait_for(50s).has_value());
    INFO(read_file(command.output_file));
    CHECK(child.status()->signal == 0);
    CHECK((child.status()->code == 130 || child.status()->code == 143));
    CHECK(read_file(folders.outputs + "/a.json").find("\"aborted\": 1") != std::string::npos);
}

TEST_CASE("a second signal removes temporary folders with what is in them, and the service with it") {
    // Never ready, and deaf to SIGTERM, so that the first signal waits for --grace.
    for (const std::string command : {"minimize", "diagnose"}) {
        const Folders folders;
        const std::string pid_file = folders.root.path() + "/pid";
        std::vector<std::string> arguments = {command, "--grace", "10m", "--ready-timeout", "10m", "-o", folders.outputs + "/a.json"};
        if (command == "minimize")
            arguments.insert(arguments.begin() + 1, folders.log);
        else
            arguments.insert(arguments.end(), {"--traffic", folders.log});
        arguments.insert(arguments.end(), {"--", binary("deaf_program"), "{port_file}", pid_file});
        const ExitStatus ended = interrupt_twice(folders, arguments, SIGINT, [&] { return std::filesystem::exists(pid_file); });
        INFO(command << read_file(folders.root.path() + "/said"));
        CHECK(ended.signal == SIGINT);
        CHECK(std::filesystem::is_empty(folders.outputs));
        CHECK(std::filesystem::is_empty(folders.temporary));
        CHECK(ends(std::stoi(read_file(pid_file))));
    }
}

TEST_CASE("the reference service's database goes with it, however it is ended") {
    const Folders folders;
    const auto has_traffic = [&] {
        std::error_code gone;  // what it walks over comes and goes
        for (std::filesystem::recursive_directory_iterator at(folders.temporary, gone), end; !gone && at != end; at.increment(gone))
            if (at->path().filename() == "trackd.db-wal" && std::filesystem::file_size(at->path(), gone) > 300'000 && !gone) return true;
        return false;
    };
    // So short a grace ends it by SIGKILL, before it can remove anything itself.
    const ExitStatus ended =
        interrupt_twice(folders, {"diagnose", "--grace", "1us", "-o", folders.outputs + "/a.json"}, SIGINT, has_traffic);
    CHECK(ended.shell_code() == 128 + SIGINT);
    CHECK(std::filesystem::is_empty(folders.temporary));
}

TEST_CASE("SIGKILL, which no handler sees, leaves neither the service, nor its daemon, nor temporary folders behind") {
    const Folders folders;
    const std::string pid_file = folders.root.path() + "/pid", daemon_file = folders.root.path() + "/daemon";
    Command command;
    command.arguments = {binary("leakline"),          "diagnose", "--ready-timeout",      "10m",         "--traffic", folders.log, "-o",
                         folders.outputs + "/a.json", "--",       binary("deaf_program"), "{port_file}", pid_file,    daemon_file};
    command.environment = {{"TMPDIR", folders.temporary}};
    command.output_file = folders.root.path() + "/said";
    Child child = Child::start(command);
    while (child.running() && !(std::filesystem::exists(pid_file) && std::filesystem::exists(daemon_file)))
        std::this_thread::sleep_for(5ms);
    REQUIRE(child.running());
    CHECK_FALSE(std::filesystem::is_empty(folders.temporary));
    ::kill(child.pid(), SIGKILL);
    CHECK(child.wait().signal == SIGKILL);
    CHECK(ends(std::stoi(read_file(pid_file))));
    CHECK(ends(std::stoi(read_file(daemon_file))));
    const auto is_clean = [&] { return std::filesystem::is_empty(folders.temporary) && std::filesystem::is_empty(folders.outputs); };
    for (int i = 0; i < 6000 && !is_clean(); ++i) std::this_thread::sleep_for(10ms);
    CHECK(is_clean());
}

TEST_CASE("a signal ends a command while it reads its options, and while it reads a file that never ends") {
    const TemporaryDirectory directory;
    const std::string pipe = directory.path() + "/pipe", log = LEAKLINE_TESTDATA "/logs/track_small.jsonl";
    REQUIRE(::mkfifo(pipe.c_str(), 0600) == 0);
    const std::vector<std::string> cases[] = {{"--config", pipe, "doctor"},
                                              {"report", pipe},
                                              {"diagnose", "--traffic", log, "--baseline", pipe},
                                              {"baseline", pipe, "-o", pipe + ".json"}};
    for (const std::vector<std::string>& arguments : cases) {
        Command command;
        command.arguments = arguments;
        command.arguments.insert(command.arguments.begin(), binary("leakline"));
        command.output_file = directory.path() + "/said";
        Child child = Child::start(command);
        // It hangs in open(2) until somebody writes, and there it is when the writer's end can be opened; then in read(2).
        int writer = -1;
        while (child.running() && (writer = ::open(pipe.c_str(), O_WRONLY | O_NONBLOCK | O_CLOEXEC)) < 0) std::this_thread::sleep_for(2ms);
        child.signal(SIGTERM);
        const auto status = child.wait_for(60s);
        ::close(writer);
        INFO(arguments[0] << read_file(command.output_file));
        REQUIRE(status.has_value());
        CHECK(status->shell_code() == 128 + SIGTERM);
    }
}
