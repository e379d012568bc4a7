// diagnose with leakline's agent, end to end: memory and lines from one start of the real trackd, or from two.
#include <doctest/doctest.h>
#include <sys/stat.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>

#include "support/binary.hpp"
#include "system/temporary_directory.hpp"

using namespace leakline;
using namespace leakline::test;
using nlohmann::json;

namespace {

const std::string kTraffic = std::string(LEAKLINE_TESTDATA) + "/logs/track_small.jsonl";

// trackd behind a script that adds a line to a file at each start.
class CountedService {
  public:
    CountedService() {
        std::ofstream(script()) << "#!/bin/sh\necho started >> " << starts_file() << "\nexec \"$@\"\n";
        ::chmod(script().c_str(), 0755);
    }
    json diagnose(const std::string& mode, std::vector<std::string> options, int exit_code) {
        std::filesystem::remove(starts_file());
        const std::string report = folder_.path() + "/report.json";
        std::vector<std::string> words = {"diagnose", "--traffic", kTraffic, "-o", report};
        words.insert(words.end(), options.begin(), options.end());
        words.insert(words.end(),
                     {"--", script(), LEAKLINE_BIN_DIR "/trackd", "--mode", mode, "--listen", "127.0.0.1:0", "--port-file", "{port_file}"});
        const Outcome outcome = run_binary("leakline", words);
        INFO(outcome.out << outcome.err);
        REQUIRE(outcome.code == exit_code);
        return json::parse(read_file(report));
    }
    std::ptrdiff_t starts() const {
        const std::string text = read_file(starts_file());
        return std::count(text.begin(), text.end(), '\n');
    }

  private:
    std::string script() const { return folder_.path() + "/start.sh"; }
    std::string starts_file() const { return folder_.path() + "/starts"; }
    TemporaryDirectory folder_;
};

// A run is not extended to rule out a cache that is still filling.
const std::vector<std::string> kOnlyLeaks = {"--still-filling", "leak"};

const json& worst_line(const json& diagnosis) { return diagnosis["lines"].front(); }

}  // namespace

TEST_CASE("with the agent, one run of the service has the memory and the line that explains it") {
    CountedService service;
    const json diagnosis = service.diagnose("leaky", kOnlyLeaks, 1);
    CHECK(service.starts() == 1);
    CHECK(diagnosis["verdict"] == "leak");
    CHECK(diagnosis["trend"]["verdict"] == "growing");
    const json& line = worst_line(diagnosis);
    CHECK(line["file"].get<std::string>().ends_with("track_user_behavior.cpp"));
    // Both figures are of the same requests, and the estimate says how far it may be off.
    const double by_line = line["bytes_per_request"], by_memory = diagnosis["trend"]["bytes_per_request"]["estimate"];
    CHECK(by_line > 0.7 * by_memory);
    CHECK(by_line < 1.2 * by_memory);
    CHECK(line["growth_error_bytes"] > 0);
    CHECK(diagnosis["totals"]["sampling"]["interval_bytes"] > 1);
}

TEST_CASE("two runs by option, and where recording takes more than 5 % of the service's CPU time") {
    CountedService service;
    CHECK(service.diagnose("leaky", {"--runs", "2", "--still-filling", "leak"}, 1)["verdict"] == "leak");
    CHECK(service.starts() == 2);

    const json diagnosis = service.diagnose("leaky", {"--sample-interval", "1", "--still-filling", "leak"}, 1);
    CHECK(service.starts() == 2);
    CHECK(diagnosis["verdict"] == "leak");
    CHECK(diagnosis["retries"].dump().find("% of the CPU time: memory was measured without it") != std::string::npos);
}

TEST_CASE("one run requires the agent") {
    const Outcome outcome = run_binary("leakline", {"diagnose", "--runs", "1", "--tracker", "heaptrack"});
    CHECK(outcome.code == 2);
    CHECK(outcome.err.find("--runs: 1 cannot be combined with --tracker heaptrack") != std::string::npos);
}
