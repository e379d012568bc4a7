// leakline minimize on a service that leaks by two kinds of requests together.
#include <doctest/doctest.h>

#include <csignal>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <set>
#include <thread>

#include "model/request_jsonl.hpp"
#include "support/binary.hpp"

using namespace leakline;
using namespace leakline::test;
using namespace std::chrono_literals;
using nlohmann::json;

namespace {

// Every session that is opened is closed by the next request.
std::string log_in(const TemporaryDirectory& directory) {
    const std::pair<const char*, const char*> kinds[] = {
        {"GET", "/health"}, {"POST", "/session"}, {"DELETE", "/session"}, {"POST", "/import"}, {"GET", "/report"}};
    std::string text;
    for (int i = 0; i < 500; ++i) {
        const auto& [method, target] = kinds[i % 5];
        Request request;
        request.at = 1ms * i;
        request.method = method;
        request.target = target;
        append_jsonl(text, request);
    }
    const std::string path = directory.path() + "/traffic.jsonl";
    OutputFile file(path);
    file.write(text);
    file.commit();
    return path;
}

// One connection: two kinds that leak together do so in the log's order.
std::vector<std::string> minimize(const std::string& log, std::vector<std::string> more = {}) {
    std::vector<std::string> arguments = {"minimize", log, "--target-cmd", "'" + binary("pair_service") + "' {port_file}",
                                          "--connections", "1", "--rounds", "5", "--min-round", "100ms"};
    arguments.insert(arguments.end(), more.begin(), more.end());
    return arguments;
}

std::set<std::string> kinds_of(const std::string& log) {
    std::set<std::string> kinds;
    const std::string text = read_file(log);
    for (const std::string_view line : split(text, '\n')) {
        if (line.empty()) continue;
        const json request = json::parse(line);
        kinds.insert(request["method"].get<std::string>() + " " + request["url"].get<std::string>());
    }
    return kinds;
}

bool any_left_of(const std::string& program) {
    for (const auto& entry : std::filesystem::directory_iterator("/proc"))
        if (const auto text = read_small_file(entry.path() / "cmdline"); text && text->starts_with(program)) return true;
    return false;
}

}  // namespace

TEST_CASE("two kinds that leak only together are found, and a part that only lacks what frees is no leak") {
    const TemporaryDirectory directory;
    const std::string smallest = directory.path() + "/min.jsonl", report = directory.path() + "/min.json";
    const Outcome outcome =
        run_binary("leakline", minimize(log_in(directory), {"-o", smallest, "-o", report, "--leak-exit-code", "17"}));
    INFO(outcome.out << outcome.err);
    REQUIRE(outcome.code == 17);
    CHECK(kinds_of(smallest) == std::set<std::string>{"GET /report", "POST /import"});
    const json result = json::parse(read_file(report));
    CHECK(result["complete"] == true);
    CHECK(result["kinds"].size() == 2);
    CHECK(result["requests"] == 200);
    CHECK(result["rest"] == "no_leak");
    CHECK(result["diagnosis_of"] == "part");
    CHECK(result["diagnosis"]["verdict"] == "leak");
    CHECK(result["diagnosis"]["lines"][0]["source"].get<std::string>().find("reports.push_back") != std::string::npos);
    CHECK(outcome.out.find("the smallest part that leaks: POST /import, GET /report\n") == 0);
}

TEST_CASE("an interruption ends the search: the best so far stands, and nothing is left running") {
    const TemporaryDirectory directory;
    const std::string smallest = directory.path() + "/min.jsonl";
    Command command;
    command.arguments = minimize(log_in(directory), {"-o", smallest, "-q"});
    command.arguments.insert(command.arguments.begin(), binary("leakline"));
    command.output_file = directory.path() + "/out";
    Child child = Child::start(command);
    while (child.running() && !std::filesystem::exists(smallest)) std::this_thread::sleep_for(20ms);
    ::kill(child.pid(), SIGINT);
    CHECK(child.wait().shell_code() == 130);
    const std::string said = read_file(command.output_file);
    INFO(said);
    CHECK(said.find("not searched to the end; the smallest part so far that leaks: ") == 0);
    CHECK(kinds_of(smallest).size() >= 2);
    CHECK_FALSE(any_left_of(binary("pair_service")));
}
