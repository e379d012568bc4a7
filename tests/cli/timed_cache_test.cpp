// Services that keep what they have for half an hour: in a run of seconds they are healthy only by a clock that runs faster, which
// they know nothing of. LEAKLINE_TIMED_CACHES="wait_for condition timerfd wheel python node" tries other kinds than the first.
#include <doctest/doctest.h>

#include <algorithm>
#include <charconv>
#include <nlohmann/json.hpp>

#include "base/strings.hpp"
#include "support/diagnosed.hpp"
#include "support/get_log.hpp"
#include "system/executables.hpp"
#include "system/temporary_directory.hpp"

using namespace leakline;
using namespace leakline::test;
using nlohmann::json;

namespace {

struct Swept : Diagnosed {
    bool swept = false;  // in each of its runs
};

std::vector<std::string> command_of(const std::string& kind) {
    const std::string folder = std::string(LEAKLINE_SOURCE_DIR) + "/tests/programs/";
    if (kind == "python") return {"python3", folder + "timed_cache.py", "{port}"};
    if (kind == "node") return {"node", folder + "timed_cache.js", "{port}"};
    return {TIMED_CACHE, "{port}", kind};
}

// The clock runs so fast that half an hour passes in a fraction of a round, and growth is a leak at once: no run needs an extension.
Swept diagnose(const std::string& kind, bool leak) {
    const TemporaryDirectory directory;
    const std::string sweeps = directory.path() + "/sweeps";
    std::vector<std::string> service = command_of(kind);
    if (leak) service.emplace_back("leak");
    service.push_back("log=" + sweeps);
    Swept result{diagnose_service(
        write_get_log(directory.path()),
        {"--time-scale", "18000", "--rounds", "6", "--min-round", "400ms", "--pace", "5000/s", "--still-filling", "leak"}, service)};
    result.swept = std::filesystem::exists(sweeps);
    if (!result.swept) return result;
    const std::string counts = read_file(sweeps);
    for (const std::string_view line : split(trim(counts), '\n')) {
        int count = 0;
        std::from_chars(line.data(), line.data() + line.size(), count);
        result.swept = result.swept && count > 0;
    }
    return result;
}

// Those of the environment, or a sample of them: all of them take minutes.
std::vector<std::string> kinds() {
    const std::string_view chosen = environment_variable("LEAKLINE_TIMED_CACHES");
    std::vector<std::string> found;
    for (const std::string_view kind : split(chosen.empty() ? "wait_for" : chosen, ' ')) found.emplace_back(kind);
    return found;
}

bool has(const json& list, const std::string& text) {
    return std::any_of(list.begin(), list.end(), [&](const json& item) { return item.get<std::string>().find(text) != std::string::npos; });
}

}  // namespace

TEST_CASE("a cache that is cleaned after half an hour is no leak by a clock that runs 18000 times as fast") {
    for (const std::string& kind : kinds()) {
        const Swept diagnosed = diagnose(kind, false);
        INFO(kind << ": " << diagnosed.outcome.out << diagnosed.outcome.err);
        CHECK(diagnosed.report["verdict"] == "no_leak");
        CHECK(diagnosed.swept);
        CHECK(has(diagnosed.report["warnings"], "the service's clock ran 18000 times as fast as the machine's"));
        CHECK(has(diagnosed.report["warnings"], "kept their length (--clock-threshold)"));
    }
}

TEST_CASE("the same cache with a leak behind it is a leak") {
    for (const std::string& kind : kinds()) {
        const Swept diagnosed = diagnose(kind, true);
        INFO(kind << ": " << diagnosed.outcome.out << diagnosed.outcome.err);
        CHECK(diagnosed.report["verdict"] == "leak");
        CHECK(diagnosed.swept);
    }
}

TEST_CASE("trackd's cleaning works by a clock of its own and by ours") {
    const TemporaryDirectory directory;
    const std::string report = directory.path() + "/report.json";
    const Outcome outcome = run_binary(
        "leakline", {"diagnose", "--traffic", LEAKLINE_TESTDATA "/logs/track_small.jsonl", "--min-round", "500ms", "--time-scale", "20000",
                     "-o", report, "--", binary("trackd"), "--mode", "ttl", "--listen", "127.0.0.1:0", "--port-file", "{port_file}"});
    INFO(outcome.out << outcome.err);
    CHECK(json::parse(read_file(report))["verdict"] == "no_leak");
}

TEST_CASE("a soak sets the clock of a service that takes no speed, and leaves it alone when told to") {
    const TemporaryDirectory directory;
    for (const bool scaled : {true, false}) {
        const std::string report = directory.path() + (scaled ? "/scaled.json" : "/real.json");
        std::vector<std::string> words = {"diagnose",
                                          "--traffic",
                                          write_get_log(directory.path()),
                                          "--soak",
                                          "6h",
                                          "--soak-time",
                                          "8s",
                                          "--time-scale",
                                          "3600",
                                          "--rounds",
                                          "4",
                                          "--min-round",
                                          "200ms",
                                          "-o",
                                          report};
        if (!scaled) words.insert(words.end(), {"--clock", "real"});
        words.insert(words.end(), {"--", TIMED_CACHE, "{port}", "timerfd"});
        const Outcome outcome = run_binary("leakline", words);
        INFO(outcome.out << outcome.err);
        const json diagnosis = json::parse(read_file(report));
        CHECK(diagnosis["soak"]["service_scaled"] == scaled);
        CHECK(has(diagnosis["warnings"], "only the traffic was made faster") == !scaled);
        if (scaled) CHECK(diagnosis["verdict"] != "leak");
    }
}

TEST_CASE("a static service is refused with a scale, and a soak says that its clock is the machine's") {
    const TemporaryDirectory directory;
    const std::string log = write_get_log(directory.path());
    const Outcome refused =
        run_binary("leakline", {"diagnose", "--traffic", log, "--time-scale", "600", "--", binary("heap_subject_static"), "{port}"});
    CHECK(refused.code == 2);
    CHECK(refused.err.find("its clock cannot be set: it is linked statically, so no library can be loaded into it") != std::string::npos);
    const Outcome real = run_binary(
        "leakline", {"diagnose", "--traffic", log, "--time-scale", "600", "--clock", "real", "--", TIMED_CACHE, "{port}", "timerfd"});
    CHECK(real.code == 2);
    CHECK(real.err.find("--time-scale: has no effect with --clock real") != std::string::npos);
}
