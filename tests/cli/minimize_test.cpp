// leakline minimize on a service that leaks by two kinds of requests together, and by one with a header.
#include <doctest/doctest.h>

#include <csignal>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <set>
#include <thread>
#include <tuple>

#include "base/strings.hpp"
#include "model/request_jsonl.hpp"
#include "support/binary.hpp"
#include "system/output_file.hpp"
#include "system/proc_file.hpp"
#include "system/temporary_directory.hpp"

using namespace leakline;
using namespace leakline::test;
using namespace std::chrono_literals;
using nlohmann::json;

namespace {

std::string write_log(const TemporaryDirectory& directory, std::vector<Request> requests) {
    std::string text;
    for (std::size_t i = 0; i < requests.size(); ++i) {
        requests[i].at = 1ms * i;
        append_jsonl(text, requests[i]);
    }
    const std::string path = directory.path() + "/traffic.jsonl";
    OutputFile file(path);
    file.write(text);
    file.commit();
    return path;
}

// Every session that is opened is closed by the next request.
std::string log_of_kinds(const TemporaryDirectory& directory) {
    const std::pair<const char*, const char*> kinds[] = {
        {"GET", "/health"}, {"POST", "/session"}, {"DELETE", "/session"}, {"POST", "/import"}, {"GET", "/report"}};
    std::vector<Request> requests(500);
    for (std::size_t i = 0; i < requests.size(); ++i) std::tie(requests[i].method, requests[i].target) = kinds[i % 5];
    return write_log(directory, std::move(requests));
}

// The header that leaks mostly comes with "early=1", which is tried before it.
std::string log_of_searches(const TemporaryDirectory& directory) {
    std::vector<Request> requests(400);
    for (std::size_t i = 0; i < requests.size(); ++i) {
        const bool beta = i % 2 == 0;
        requests[i].method = "GET";
        requests[i].target = beta != (i % 10 < 2 && i < 200) ? "/search?early=1" : "/search?early=0";
        requests[i].headers = {{"X-Beta", beta ? "on" : "off"}};
    }
    return write_log(directory, std::move(requests));
}

// One connection: two kinds that leak together do so in the log's order.
std::vector<std::string> minimize(const std::string& log, std::vector<std::string> more = {}) {
    std::vector<std::string> arguments = {"minimize",      log,    "--target-cmd", "'" + binary("pair_service") + "' {port_file}",
                                          "--connections", "1",    "--rounds",     "5",
                                          "--min-round",   "20ms", "--quiet-time", "50ms"};
    arguments.insert(arguments.end(), more.begin(), more.end());
    return arguments;
}

// By the schema, with members that it does not name refused; nothing is said where the validator is not installed.
void check_schema(const std::string& report) {
    const Outcome outcome = run_binary("/usr/bin/python3", {std::string(LEAKLINE_SOURCE_DIR) + "/tests/report/validate.py",
                                                            binary("leakline"), LEAKLINE_SOURCE_DIR, report, "minimized"});
    INFO(outcome.err);
    CHECK((outcome.code == 0 || outcome.code == 77));
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
        run_binary("leakline", minimize(log_of_kinds(directory), {"-o", smallest, "-o", report, "--leak-exit-code", "17"}));
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
    check_schema(report);
}

namespace {

// The kinds of requests of a log of 200, one after the other.
std::string log_of(const TemporaryDirectory& directory, const std::vector<std::string>& targets) {
    std::vector<Request> requests(200);
    for (std::size_t i = 0; i < requests.size(); ++i) {
        requests[i].method = "GET";
        requests[i].target = targets[i % targets.size()];
    }
    return write_log(directory, std::move(requests));
}

std::vector<std::string> minimize_with(const std::string& log, const std::string& report, const std::string& service,
                                       const std::string& mode) {
    return {"minimize",    log,    "-o",           report, "--kinds-only", "--connections", "4",      "--rounds", "5",
            "--min-round", "20ms", "--quiet-time", "50ms", "--",           service,         "{port}", mode};
}

}  // namespace

TEST_CASE("the requests that leak descriptors are found by the kind of descriptor that they leave open") {
    const TemporaryDirectory directory;
    const std::string report = directory.path() + "/min.json", log = log_of(directory, {"/", "/upload", "/list", "/status"});
    const Outcome outcome = run_binary("leakline", minimize_with(log, report, binary("resource_service"), "uploads"));
    INFO(outcome.out << outcome.err);
    CHECK(outcome.code == 1);
    CHECK(outcome.out.find("the smallest part that leaks: GET /upload\n") == 0);
    const json result = json::parse(read_file(report));
    CHECK(result["rest"] == "no_leak");
    CHECK(result["by_time"] == false);
    for (const json& trial : result["trials"])
        if (trial["part"] == "GET /upload") CHECK(trial["count_per_request"].get<double>() == doctest::Approx(1).epsilon(.05));
    check_schema(report);
}

TEST_CASE("a leak that follows time has no smallest part, and the result says so") {
    const TemporaryDirectory directory;
    const std::string report = directory.path() + "/min.json", smallest = directory.path() + "/min.jsonl";
    std::vector<std::string> arguments = minimize_with(log_of(directory, {"/", "/list"}), report, binary("resource_service"), "clock");
    arguments.insert(arguments.begin() + 2, {"-o", smallest});
    const Outcome outcome = run_binary("leakline", arguments);
    INFO(outcome.out << outcome.err);
    CHECK(outcome.code == 1);
    CHECK(outcome.out.find(
              "the leak depends on time: memory grows without requests, so no request causes it and the log cannot be reduced\n") == 0);
    CHECK_FALSE(std::filesystem::exists(smallest));
    const json result = json::parse(read_file(report));
    CHECK(result["by_time"] == true);
    CHECK(result["kinds"].empty());
    CHECK(result["trials"].size() == 1);
    check_schema(report);
}

TEST_CASE("a leak per connection shows whatever is requested: one kind is left, with its bytes per connection") {
    const TemporaryDirectory directory;
    const std::string report = directory.path() + "/min.json";
    const Outcome outcome = run_binary("leakline", minimize_with(log_of(directory, {"/a", "/b"}), report, TRAFFIC_SERVICE, "connection"));
    INFO(outcome.out << outcome.err);
    CHECK(outcome.code == 1);
    const json result = json::parse(read_file(report));
    CHECK(result["kinds"].size() == 1);
    CHECK(result["rest"] == "leak");
    REQUIRE(result["trials"].size() >= 2);
    CHECK(result["trials"][1]["bytes_per_connection"].get<double>() == doctest::Approx(8192).epsilon(.3));
    check_schema(report);
}

TEST_CASE("without a kind that the leak needs the log does not leak, and a kind that it has not is refused") {
    const TemporaryDirectory directory;
    const std::string log = log_of_kinds(directory), report = directory.path() + "/min.json";
    const Outcome outcome = run_binary("leakline", minimize(log, {"-o", report, "--without", "GET /report"}));
    INFO(outcome.out << outcome.err);
    CHECK(outcome.code == 0);
    CHECK(outcome.out.find("excluded by --without: GET /report\n") != outcome.out.npos);
    const json result = json::parse(read_file(report));
    REQUIRE(result["trials"].size() == 1);
    CHECK(result["trials"][0]["requests"] == 400);
    check_schema(report);

    const Outcome refused = run_binary("leakline", minimize(log, {"--without", "GET /reports"}));
    CHECK(refused.code == 2);
    CHECK(refused.err.find("leakline: --without: no requests of the kind 'GET /reports' in the log; did you mean 'GET /report'?\n") == 0);
}

TEST_CASE("a parameter that mostly comes with the header that leaks is not named") {
    const TemporaryDirectory directory;
    const std::string smallest = directory.path() + "/min.jsonl", report = directory.path() + "/min.json";
    const Outcome outcome = run_binary("leakline", minimize(log_of_searches(directory), {"-o", smallest, "-o", report}));
    INFO(outcome.out << outcome.err);
    REQUIRE(outcome.code == 1);
    CHECK(outcome.out.find("the smallest part that leaks: GET /search where x-beta: is 'on'\n") == 0);
    CHECK(json::parse(read_file(report))["requests"] == 200);
    CHECK(outcome.out.find(": a different, smaller leak") != outcome.out.npos);  // early=0, by the few with the header
    check_schema(report);
}

TEST_CASE("what a run cannot tell, and a service that does not start, end as the contract says") {
    const TemporaryDirectory directory;
    std::vector<Request> requests(200);
    for (Request& request : requests) std::tie(request.method, request.target) = std::pair("GET", "/health");
    const std::string log = write_log(directory, std::move(requests)), report = directory.path() + "/min.json";
    // A budget that no short run could see growth below.
    const std::vector<std::string> doubtful = {"-o", report, "--max-growth", "0.001B/request", "--leak-exit-code", "17", "--repeats", "0"};
    const Outcome outcome = run_binary("leakline", minimize(log, doubtful));
    INFO(outcome.out << outcome.err);
    CHECK(outcome.code == 3);
    CHECK(outcome.out.find("the whole log, 1 kind of request: inconclusive: ") == 0);
    check_schema(report);
    const Outcome dead = run_binary("leakline", {"minimize", log, "--target-cmd", "/bin/false {port}", "-o", report});
    CHECK(dead.code == 4);
    CHECK(dead.err.find("leakline: /bin/false: exited before it was ready: exit code 1\n") == 0);
}

TEST_CASE("an interruption ends the search: the best so far stands, and nothing is left running") {
    const TemporaryDirectory directory;
    const std::string smallest = directory.path() + "/min.jsonl";
    Command command;
    command.arguments = minimize(log_of_kinds(directory), {"-o", smallest, "-q"});
    command.arguments.insert(command.arguments.begin(), binary("leakline"));
    command.output_file = directory.path() + "/out";
    Child child = Child::start(command);
    while (child.running() && !std::filesystem::exists(smallest)) std::this_thread::sleep_for(20ms);
    ::kill(child.pid(), SIGINT);
    CHECK(child.wait().shell_code() == 130);
    const std::string said = read_file(command.output_file);
    INFO(said);
    CHECK(said.find("the search was not finished; the smallest part so far that leaks: ") == 0);
    CHECK(kinds_of(smallest).size() >= 2);
    CHECK_FALSE(any_left_of(binary("pair_service")));
}
