// The built trackd as a process: what only a process can show.
#include <doctest/doctest.h>
#include <signal.h>
#include <sqlite3.h>

#include <atomic>
#include <set>
#include <thread>

#include "support/raw_connection.hpp"
#include "system/byte_source.hpp"
#include "system/child_process.hpp"
#include "system/executables.hpp"
#include "system/output_file.hpp"
#include "system/proc_file.hpp"
#include "system/temporary_directory.hpp"
#include "trackd_process.hpp"

namespace leakline {
namespace {

using namespace std::chrono_literals;
using test::RawConnection;
using test::request_text;
using test::Trackd;

std::set<std::string> users_in(const std::string& database) {
    std::set<std::string> users;
    sqlite3* handle = nullptr;
    REQUIRE(sqlite3_open(database.c_str(), &handle) == SQLITE_OK);
    const auto add = [](void* out, int, char** texts, char**) {
        static_cast<std::set<std::string>*>(out)->insert(texts[0]);
        return 0;
    };
    CHECK(sqlite3_exec(handle, "SELECT user_id FROM events", add, &users, nullptr) == SQLITE_OK);
    sqlite3_close(handle);
    return users;
}

TEST_CASE("what was answered 200 is in the database after kill -9") {
    const TemporaryDirectory directory;
    const std::string database = directory.path() + "/events.db";
    Trackd trackd(directory, {"--db", database});
    // Four clients that note what was promised to them, until the service is killed under their hands.
    std::vector<std::vector<std::string>> promised(4);
    std::atomic<int> answers{0};
    std::vector<std::thread> clients;
    for (std::size_t c = 0; c < promised.size(); ++c)
        clients.emplace_back([&, c] {
            RawConnection connection(trackd.port());
            for (int i = 0;; ++i) {
                const std::string user = std::to_string(c) + "-" + std::to_string(i);
                if (!connection.send(request_text("POST", "/api/track", R"({"user_id":")" + user + R"(","events":[{"n":1}]})"))) return;
                if (RawConnection::status(connection.response()) != 200) return;
                promised[c].push_back(user);
                ++answers;
            }
        });
    while (answers < 2000 && trackd.child().running()) std::this_thread::yield();
    trackd.child().signal(SIGKILL);
    for (std::thread& client : clients) client.join();
    CHECK(trackd.child().wait().signal == SIGKILL);
    const std::set<std::string> saved = users_in(database);
    int lost = 0, total = 0;
    for (const auto& users : promised)
        for (const std::string& user : users) {
            ++total;
            lost += saved.count(user) == 0;
        }
    CHECK(total >= 2000);
    CHECK(lost == 0);
}

TEST_CASE("SIGTERM ends it with 0, and its temporary database goes with it") {
    const TemporaryDirectory directory;
    setenv("TMPDIR", directory.path().c_str(), 1);
    Trackd trackd(directory);
    unsetenv("TMPDIR");
    CHECK(RawConnection::status(trackd.ask(request_text("POST", "/api/track", R"({"user_id":1,"events":[{}]})"))) == 200);
    CHECK(trackd.child().terminate(10s).shell_code() == 0);
    CHECK(trackd.output() == "trackd: mode leaky, listening on http://127.0.0.1:" + std::to_string(trackd.port()) + "\ntrackd: stopping\n");
    Command list;
    list.arguments = {"find", directory.path(), "-name", "*.db*"};
    list.output_file = directory.path() + "/found";
    Child::start(list).wait();
    CHECK(read_file(directory.path() + "/found").empty());
}

TEST_CASE("its metrics pass promtool's check, with alerts on and off") {
    const auto promtool = find_executable("promtool");
    REQUIRE_MESSAGE(promtool, "promtool is missing: scripts/setup.sh installs it");
    const TemporaryDirectory directory;
    for (const std::vector<std::string>& arguments :
         {std::vector<std::string>{"--mode", "ttl"}, {"--mode", "lru", "--alert-at", "90%", "--record", directory.path() + "/log"}}) {
        Trackd trackd(directory, arguments);
        trackd.ask(request_text("POST", "/api/track", R"({"user_id":1,"events":[{}]})"));
        trackd.ask(request_text("POST", "/api/track", "x"));
        OutputFile metrics(directory.path() + "/metrics");
        metrics.write(RawConnection::body(trackd.ask(request_text("GET", "/metrics"))));
        metrics.commit();
        Command check;
        check.arguments = {"sh", "-c", "promtool check metrics < '" + directory.path() + "/metrics'"};
        check.output_file = directory.path() + "/verdict";
        CHECK(Child::start(check).wait().shell_code() == 0);
        CHECK(read_file(directory.path() + "/verdict").empty());  // no advice either
        std::remove((directory.path() + "/verdict").c_str());
    }
}

TEST_CASE("usage errors end with 2, before anything listens") {
    const TemporaryDirectory directory;
    const std::vector<std::vector<std::string>> wrong = {{"--mode", "lur"},
                                                         {"--listen", "127.0.0.1:http"},
                                                         {"--capacity", "0"},
                                                         {"--alert-at", "2"},
                                                         {"--alert-at", "80%", "--alert-to", "webhok=http://x"},
                                                         {"--alert-to", "log"},
                                                         {"--durability", "much"},
                                                         {"--db", "/no/such/folder/x.db"},
                                                         {"--record", "/no/such/folder/x"},
                                                         {"--unknown"}};
    for (const auto& arguments : wrong) {
        CAPTURE(arguments[0]);
        Command command;
        command.arguments = {LEAKLINE_BIN_DIR "/trackd", "--port-file", directory.path() + "/port"};
        command.arguments.insert(command.arguments.end(), arguments.begin(), arguments.end());
        command.output_file = directory.path() + "/output";
        Child child = Child::start(command);
        const auto status = child.wait_for(60s);
        REQUIRE(status);
        CHECK(status->shell_code() == 2);
        CHECK(read_file(directory.path() + "/output").starts_with("trackd: "));
        CHECK_FALSE(read_small_file(directory.path() + "/port"));
        std::remove((directory.path() + "/output").c_str());
    }
}

}  // namespace
}  // namespace leakline
