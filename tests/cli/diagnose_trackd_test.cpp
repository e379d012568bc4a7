// diagnose, end to end: the built leakline on the real trackd with the log in testdata.
#include <doctest/doctest.h>

#include <map>
#include <nlohmann/json.hpp>
#include <regex>

#include "base/strings.hpp"
#include "support/binary.hpp"
#include "system/temporary_directory.hpp"

using namespace leakline;
using namespace leakline::test;
using nlohmann::json;

namespace {

const std::string kTraffic = std::string(LEAKLINE_TESTDATA) + "/logs/track_small.jsonl";

// The number of the line of file whose text holds part; fails the test where it is not exactly one.
int line_of_text(const std::string& file, const std::string& part) {
    int number = 0, found = 0, count = 0;
    const std::string text = read_file(file);
    for (const std::string_view line : split(text, '\n')) {
        ++number;
        if (line.find(part) == std::string_view::npos) continue;
        found = number;
        ++count;
    }
    REQUIRE(count == 1);
    return found;
}

// Words with "#" for each number and the unit behind it, without intervals (which are left out where they are narrow):
// what two runs print alike.
std::string without_figures(const std::string& text) {
    static const std::regex blanks(R"(\s+)"), folder(R"( \S*/lib/)"),
        figure(R"((^|[ (])-?[0-9][0-9,.]*([hms][0-9hms]*)?( (B|KiB|MiB|GiB)\b)?)"), interval(R"( \(# to #\))");
    std::string words = std::regex_replace(text, blanks, " ");
    words = std::regex_replace(words, folder, " lib/");
    words = std::regex_replace(words, figure, "$1#");
    return std::regex_replace(words, interval, "");
}

// The rows of a report ("  growth   ..." and what is indented below it), by name; the headline is the row "".
std::map<std::string, std::string> rows_of(const std::vector<std::string>& lines) {
    std::map<std::string, std::string> rows;
    std::string name;
    for (const std::string& line : lines) {
        if (line.size() > 3 && line.starts_with("  ") && line[2] != ' ') {
            const std::size_t end = line.find("  ", 2);
            name = line.substr(2, end - 2);
            rows[name] = end == std::string::npos ? "" : line.substr(end);
        } else if (line.empty() && !name.empty()) {
            break;
        } else {
            rows[name] += " " + line;
        }
    }
    return rows;
}

std::vector<std::string> lines_of(const std::string& text) {
    std::vector<std::string> lines;
    for (const std::string_view line : split(text, '\n')) lines.emplace_back(line);
    return lines;
}

// What the README quotes of the run that it names in a comment.
std::vector<std::string> quoted_in_readme(const std::string& command) {
    std::vector<std::string> lines;
    bool found = false;
    for (const std::string& line : lines_of(read_file(LEAKLINE_SOURCE_DIR "/README.md"))) {
        if (line == "<!-- from: " + command + " -->")
            found = true;
        else if (found && line.starts_with("    "))
            lines.push_back(line.substr(4));
        else if (found && line.empty())
            lines.emplace_back();
        else if (found)
            break;
    }
    return lines;
}

std::string base_name(const std::string& path) { return path.substr(path.rfind('/') + 1); }

}  // namespace

TEST_CASE("the leaky service is found out: verdict, exit code, and the line that appends to the cache") {
    const TemporaryDirectory directory;
    const std::string report = directory.path() + "/leaky.json", text = directory.path() + "/leaky.txt",
                      markdown = directory.path() + "/leaky.md";
    const Outcome outcome = run_binary("leakline", {"diagnose", "--mode", "leaky", "--traffic", kTraffic, "--memory-limit", "512MiB", "-o",
                                                    report, "-o", text, "-o", markdown});
    INFO(outcome.out << outcome.err);
    REQUIRE(outcome.code == 1);
    const json diagnosis = json::parse(read_file(report));
    CHECK(diagnosis["schema"] == 1);
    CHECK(diagnosis["verdict"] == "leak");
    CHECK(diagnosis["trend"]["verdict"] == "growing");

    // The README shows parts of this report; figures differ from run to run.
    const auto quoted =
        rows_of(quoted_in_readme("leakline diagnose --mode leaky --traffic testdata/logs/track_small.jsonl --memory-limit 512MiB"));
    const auto printed = rows_of(lines_of(outcome.out));
    CHECK(quoted.size() >= 5);
    for (const auto& each : quoted) {
        const auto& [name, row] = each;
        INFO("README.md, row '" << each.first << "'");
        REQUIRE(printed.count(name) == 1);
        CHECK(without_figures(printed.at(name)).starts_with(without_figures(row)));
    }

    const std::string source = std::string(LEAKLINE_SOURCE_DIR) + "/lib/service/track_user_behavior.cpp";
    const json& top = diagnosis["lines"][0];
    CHECK(base_name(top["file"]) == "track_user_behavior.cpp");
    CHECK(top["line"] == line_of_text(source, "event_cache.append("));
    CHECK(top["source"].get<std::string>().find("event_cache.append(") != std::string::npos);
    CHECK(top["class"] == "linear");

    // What the heap says a request leaves behind, and what the process's memory says, are two measurements of one
    // thing: malloc's headers and rounding lie between them.
    const double by_lines = top["bytes_per_request"], by_memory = diagnosis["trend"]["bytes_per_request"]["estimate"];
    CHECK(by_memory > by_lines * 0.9);
    CHECK(by_memory < by_lines * 1.5);

    const json& accounting = diagnosis["books"];
    CHECK(accounting["live_delta_bytes"] ==
          accounting["attributed_bytes"].get<std::int64_t>() + accounting["unattributed_bytes"].get<std::int64_t>());
    const json& replay = diagnosis["replay"];
    CHECK(replay["read"] == replay["bad"].get<std::int64_t>() + replay["filtered"].get<std::int64_t>() +
                                replay["sent"].get<std::int64_t>() + replay["unsent"].get<std::int64_t>());
    CHECK(diagnosis["trend"]["time_to_limit_h"]["estimate"] > 0);

    CHECK(outcome.out.find("track_user_behavior.cpp:" + std::to_string(top["line"].get<int>())) != std::string::npos);
    CHECK(outcome.out.find("Line #    Mem usage    Increment  Occurrences   Line Contents") != std::string::npos);
    REQUIRE(diagnosis.contains("held_by"));
    CHECK(diagnosis["held_by"]["holder"]["path"].get<std::string>().ends_with("event_cache.mode_->records_"));
    CHECK(diagnosis["held_by"]["holder"]["member_file"].get<std::string>().ends_with("lib/service/leaky.cpp"));  // the mode in use
    CHECK(diagnosis["held_by"]["holder"]["type"] == "std::list<leakline::service::CachedEvents>");
    CHECK(outcome.out.find("\n  held by          ") != std::string::npos);
    CHECK(read_file(text).find("event_cache.append(") != std::string::npos);
    CHECK(read_file(markdown).find("event_cache.append(") != std::string::npos);
}

TEST_CASE("the bounded service has no leak: its cache fills and is then stable") {
    const TemporaryDirectory directory;
    const std::string report = directory.path() + "/bounded.json";
    const Outcome outcome =
        run_binary("leakline", {"diagnose", "--mode", "bounded", "--min-round", "300ms", "--traffic", kTraffic, "-o", report});
    INFO(outcome.out << outcome.err);
    REQUIRE(outcome.code == 0);
    const json diagnosis = json::parse(read_file(report));
    CHECK(diagnosis["verdict"] == "no_leak");
    CHECK(diagnosis["trend"]["verdict"] != "growing");
    CHECK_FALSE(diagnosis["reasons"].empty());
    const std::string source = std::string(LEAKLINE_SOURCE_DIR) + "/lib/service/track_user_behavior.cpp";
    bool seen = false;
    for (const json& line : diagnosis["lines"]) {
        CHECK(line["leaking"] == false);  // a few bytes in a whole run may well grow linearly
        if (base_name(line["file"]) != "track_user_behavior.cpp" || line["line"] != line_of_text(source, "event_cache.append(")) continue;
        // Where the first round has filled the cache, only its level is seen.
        CHECK((line["class"] == "filling then flat" || line["class"] == "flat"));
        seen = true;
    }
    CHECK(seen);
}

TEST_CASE("timed cleaning is no leak in a run of seconds: its clock is fast enough for records to expire") {
    const TemporaryDirectory directory;
    const std::string report = directory.path() + "/ttl.json";
    const Outcome outcome =
        run_binary("leakline", {"diagnose", "--mode", "ttl", "--min-round", "500ms", "--traffic", kTraffic, "-o", report});
    INFO(outcome.out << outcome.err);
    CHECK(outcome.code == 0);
    CHECK(json::parse(read_file(report))["verdict"] == "no_leak");
}

TEST_CASE("a soak replays the log at two speeds, and the leaky service's growth is not put down to time") {
    const TemporaryDirectory directory;
    const std::string report = directory.path() + "/soak.json";
    const Outcome outcome = run_binary("leakline", {"diagnose", "--mode", "leaky", "--soak", "72h", "--soak-time", "8s", "--memory-limit",
                                                    "12MiB", "--rounds", "7", "--min-round", "200ms", "--traffic", kTraffic, "-o", report});
    INFO(outcome.out << outcome.err);
    const json diagnosis = json::parse(read_file(report)), soak = diagnosis["soak"];
    REQUIRE(soak["runs"].size() == 2);
    CHECK(soak["service_scaled"] == true);
    CHECK(soak["runs"][0]["time_scale"].get<double>() == doctest::Approx(3 * soak["runs"][1]["time_scale"].get<double>()));
    CHECK(soak["runs"][1]["trend"]["verdict"] != "shrinking");
    CHECK(soak["growth"] != "with time");
    CHECK(soak["growth"] != "none");

    // Under the limit it is a rehearsal as well: the kernel ends the faster run, and the report still names the line.
    const json& fast = soak["runs"][0];
    if (fast["end"] != "killed") {
        MESSAGE("not killed at its limit: ", fast["end"].dump(), " ", diagnosis["warnings"].dump());
        CHECK((fast["end"] == "limit" || fast["end"] == "time"));  // no cgroup, or too slow a machine
        return;
    }
    CHECK(fast["limit_reached_h"] == fast["hours"]);
    CHECK(diagnosis["oom_kill"]["text"].get<std::string>().starts_with("OOM-killed at its limit of 12 MiB"));
    CHECK(outcome.code == 1);
    CHECK(base_name(diagnosis["lines"][0]["file"]) == "track_user_behavior.cpp");
}
