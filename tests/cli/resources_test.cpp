// What else runs out, end to end: the built leakline on a service that uses up what its mode says.
#include <doctest/doctest.h>

#include <fstream>
#include <nlohmann/json.hpp>

#include "support/binary.hpp"
#include "support/diagnosed.hpp"
#include "system/temporary_directory.hpp"

using namespace leakline;
using namespace leakline::test;
using nlohmann::json;

namespace {

const std::string kService = binary("resource_service"), kSource = LEAKLINE_SOURCE_DIR "/tests/programs/resource_service.cpp";

std::string traffic(const TemporaryDirectory& directory) {
    std::string text;
    for (int i = 0; i < 200; ++i)
        text += R"({"ts_ns":)" + std::to_string(1'714'953'600'000'000'000 + i * 20'000'000LL) + R"(,"method":"GET","url":"/x"})" + "\n";
    std::ofstream(directory.path() + "/traffic.jsonl") << text;
    return directory.path() + "/traffic.jsonl";
}

struct Run {
    Outcome outcome;
    json diagnosis;
    std::string junit;
};

const std::vector<std::string> kRounds = {"--min-round", "200ms"};
// Two speeds of 3 s each: the log's 50 requests/s 20 times and 7 times as fast.
const std::vector<std::string> kSoak = {"--soak", "72h", "--soak-time", "6s", "--time-scale", "20"};

Run diagnose(const std::string& mode, const std::vector<std::string>& how = kRounds) {
    const TemporaryDirectory directory;
    const std::string report = directory.path() + "/run.json", junit = directory.path() + "/run.xml";
    std::vector<std::string> words = {"diagnose", "--traffic", traffic(directory), "-o", report, "-o", junit};
    words.insert(words.end(), how.begin(), how.end());
    words.insert(words.end(), {"--", kService, "{port}", mode});
    Run run{run_binary("leakline", words), {}, {}};
    INFO(run.outcome.out << run.outcome.err);
    run.diagnosis = json::parse(read_file(report));
    run.junit = read_file(junit);
    return run;
}

json resource(const Run& run, const std::string& name) {
    for (const json& count : run.diagnosis["resources"]["counts"])
        if (count["resource"] == name) return count;
    FAIL("no " << name);
    return {};
}

}  // namespace

TEST_CASE("sockets left in CLOSE_WAIT are a leak with their kind and rate, in every format") {
    const Run run = diagnose("close_wait");
    INFO(run.outcome.out << run.outcome.err);
    CHECK(run.outcome.code == 1);
    CHECK(run.diagnosis["verdict"] == "leak");
    const json descriptors = resource(run, "descriptors");
    CHECK(descriptors["verdict"] == "growing");
    CHECK(descriptors["per_request"]["estimate"].get<double>() == doctest::Approx(0.05).epsilon(0.02));
    CHECK(descriptors["kinds"][0]["name"].get<std::string>().starts_with("TCP CLOSE_WAIT to 127.0.0.1:"));
    CHECK(descriptors["limit_name"].get<std::string>().starts_with("RLIMIT_NOFILE of resource_servic"));
    CHECK(descriptors["time_to_limit_h"].get<double>() > 0);
    CHECK(resource(run, "threads")["verdict"] == "stable");
    CHECK(run.outcome.out.starts_with("LEAK: file descriptors leak, 50 per 1,000 requests"));
    CHECK(run.junit.find("<testcase name=\"file descriptors do not leak\"") != std::string::npos);
    CHECK(run.junit.find("failures=\"1\"") != std::string::npos);  // not that memory leaks
    const json& line = run.diagnosis["resource_lines"][0];
    CHECK(line["function"].get<std::string>().find("tcp") != std::string::npos);
    CHECK(line["line"] == line_with(kSource, "const int descriptor = ::socket("));
    CHECK(line["caller"]["line"] == line_with(kSource, "tcp(false, closing_port);"));
    CHECK(line["grows"] == true);
    CHECK(line["per_request"]["estimate"].get<double>() == doctest::Approx(0.05).epsilon(0.02));
    const std::string opened = "opened at        " + line["file"].get<std::string>();
    CHECK(run.outcome.out.find(opened) != std::string::npos);
    CHECK(run.junit.find(opened) != std::string::npos);
}

TEST_CASE("threads that end and are never joined leak the mappings of their stacks, and the line that starts them is named") {
    const Run run = diagnose("unjoined", {"--min-round", "200ms", "--retries", "0"});
    INFO(run.outcome.out << run.outcome.err);
    CHECK(run.outcome.code == 1);
    CHECK(resource(run, "mappings")["verdict"] == "growing");
    CHECK(resource(run, "threads")["verdict"] == "stable");
    const json& line = run.diagnosis["resource_lines"][0];
    CHECK(line["resource"] == "mappings");
    CHECK(line["line"] == line_with(kSource, "::pthread_create(&thread"));
    CHECK(line["caller"]["line"] == line_with(kSource, "start_unjoined();\n    if"));
    CHECK(line["per_request"]["estimate"].get<double>() == doctest::Approx(0.2).epsilon(0.02));
    CHECK(run.outcome.out.find("not joined       " + line["file"].get<std::string>()) != std::string::npos);
}

TEST_CASE("shared memory that no process has attached is a leak, with the kernel's limit") {
    const Run run = diagnose("sysv_memory");
    INFO(run.outcome.out << run.outcome.err);
    CHECK(run.outcome.code == 1);
    // They run out if another copy of this test takes from the same limit.
    CHECK(run.outcome.out.starts_with("LEAK: IPC objects "));
    const json objects = resource(run, "ipc_objects");
    CHECK(objects["verdict"] == "growing");
    CHECK(objects["kinds"][0]["name"] == "System V shared memory segment");
    CHECK(objects["limit_name"] == "kernel.shmmni");
    CHECK(objects["per_request"]["estimate"].get<double>() == doctest::Approx(0.01).epsilon(0.02));
    CHECK(objects["time_to_limit_h"].get<double>() > 0);
}

TEST_CASE("pools of descriptors, threads and mappings that fill up are no leak") {
    const Run run = diagnose("pools");
    INFO(run.outcome.out << run.outcome.err);
    CHECK(run.outcome.code == 0);
    CHECK(run.outcome.out.find("opened at") == std::string::npos);
    for (const char* name : {"descriptors", "threads", "mappings", "processes"}) CHECK(resource(run, name)["verdict"] == "stable");
}

TEST_CASE("workers that leak 1,024 B per request are a leak by memory, with the processes that grow") {
    const Run run = diagnose("prefork");
    INFO(run.outcome.out << run.outcome.err);
    CHECK(run.outcome.code == 1);
    const json& growth = run.diagnosis["trend"]["bytes_per_request"];
    CHECK(growth["estimate"].get<double>() == doctest::Approx(1040).epsilon(0.05));  // malloc adds 16 B
    const json& processes = run.diagnosis["resources"]["processes"];
    CHECK(processes["seen"] == 3);
    CHECK(processes["list"][0]["recorded"] == true);
    const json& line = run.diagnosis["headline_line"];
    CHECK(line["bytes_per_request"].get<double>() == doctest::Approx(1024).epsilon(0.05 + noise_of_samples(line)));
    CHECK(run.diagnosis["series"]["metric"] == "anonymous");
}

TEST_CASE("a soak counts descriptors, threads, mappings and processes at pauses of the traffic") {
    const Run leak = diagnose("files", kSoak);
    INFO(leak.outcome.out << leak.outcome.err);
    CHECK(leak.outcome.code == 1);
    const json descriptors = resource(leak, "descriptors");
    CHECK(descriptors["verdict"] == "growing");
    CHECK(descriptors["per_request"]["estimate"].get<double>() == doctest::Approx(0.05).epsilon(0.05));
    CHECK(descriptors["kinds"][0]["name"] == "file /etc/passwd");
    CHECK(descriptors["time_to_limit_h"].get<double>() > 0);
    CHECK(leak.diagnosis["resources"]["mark_requests"].size() >= 7);
    CHECK(leak.outcome.out.starts_with("LEAK: file descriptors leak, "));
    CHECK(leak.junit.find("<testcase name=\"file descriptors do not leak\"") != std::string::npos);
    const Run healthy = diagnose("pools", kSoak);
    INFO(healthy.outcome.out << healthy.outcome.err);
    CHECK(healthy.outcome.code != 1);  // so short a soak need not decide on memory
    for (const char* name : {"descriptors", "threads", "mappings", "processes"}) CHECK(resource(healthy, name)["verdict"] == "stable");
    CHECK(healthy.diagnosis["resources"]["processes"]["seen"] == 1);
}

TEST_CASE("that a program has no debug info is said once, although two runs find it") {
    const TemporaryDirectory directory;
    const std::string program = directory.path() + "/service", report = directory.path() + "/report.json";
    REQUIRE(run_binary("/usr/bin/strip", {"-g", "-o", program, kService}).code == 0);
    const Outcome outcome =
        run_binary("leakline", {"diagnose", "--rounds", "4", "--retries", "0", "--min-round", "50ms", "--quiet-time", "20ms",
                                "--inconclusive", "pass", "--traffic", traffic(directory), "-o", report, "--", program, "{port}", "none"});
    INFO(outcome.out << outcome.err);
    CHECK(outcome.code == 0);
    const std::string all = read_file(report);
    std::size_t said = 0;
    for (std::size_t at = 0; (at = all.find("has no debug info", at)) != std::string::npos; ++at) ++said;
    CHECK(said == 1);
}
