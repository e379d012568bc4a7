// record, lines and compare as a user runs them, on a program whose leaks are known to the byte.
#include <doctest/doctest.h>

#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>

#include "base/strings.hpp"
#include "heap/tracker.hpp"
#include "support/binary.hpp"
#include "system/proc_file.hpp"
#include "system/temporary_directory.hpp"

using namespace leakline;
using namespace leakline::test;

namespace {

std::string recording_of(const TemporaryDirectory& scratch, const std::string& program) {
    const std::string path = scratch.path() + "/" + program + ".leak";
    const Outcome outcome = run_binary("leakline", {"record", "--interval", "50ms", "-o", path, "--", LEAKS_DIR "/" + program});
    CAPTURE(outcome.err);
    REQUIRE(outcome.code == 0);
    return path;
}

}  // namespace

TEST_CASE("lines prints the bytes of a recording, writes every form of it, and refuses what it cannot find") {
    const TemporaryDirectory scratch;
    const std::string recording = recording_of(scratch, "gcc-O2");

    const std::string json = scratch.path() + "/lines.json", profile = scratch.path() + "/lines.pb.gz";
    Outcome outcome = run_binary("leakline", {"lines", recording, "--window", "0s..1h", "--top", "3", "-o", json, "-o", profile, "-o",
                                              scratch.path() + "/lines.folded"});
    CAPTURE(outcome.err);
    CHECK(outcome.code == 0);
    CHECK(outcome.out.find("Memory accounting") != std::string::npos);
    const auto report = nlohmann::json::parse(read_file(json));
    const auto& accounting = report["books"];
    CHECK(accounting["attributed_bytes"].get<long>() + accounting["unattributed_bytes"].get<long>() ==
          accounting["live_delta_bytes"].get<long>());
    std::map<std::string, long> growth;
    for (const auto& line : report["lines"])
        if (line["file"].get<std::string>().ends_with("leaks.cpp")) {
            const auto source = line["source"].get<std::string>();
            growth[source.substr(std::min(source.size(), source.find_first_not_of(' ')))] = line["growth_bytes"];
        }
    CHECK(growth["Node* node = new Node{list, {1, 2}};  // leaks 1000 x 24"] == 24'000);
    CHECK(growth["keep(malloc(size));  // leaks 100 x 40 + 50 x 72"] == 7600);
    long folded = 0;
    const std::string folded_text = read_file(scratch.path() + "/lines.folded");
    for (std::string_view line : split(folded_text, '\n'))
        if (!line.empty()) folded += std::stol(std::string(line.substr(line.rfind(' ') + 1)));
    CHECK(folded == accounting["live_delta_bytes"].get<long>());

    outcome = run_binary("leakline", {"lines", recording, "--window", "0s..1h", "--function", "append_node", "--strict", "--unit", "B",
                                      "--precision", "0", "-q"});
    CHECK(outcome.code == 0);
    CHECK(outcome.out.starts_with("Filename: "));
    CHECK(outcome.out.find("Line #    Mem usage    Increment  Occurrences   Line Contents\n"
                           "=============================================================\n") != std::string::npos);
    CHECK(outcome.out.find("1000       Node* node = new Node{list, {1, 2}};") != std::string::npos);

    outcome = run_binary("leakline", {"lines", recording, "--function", "append_nod"});
    CHECK(outcome.code == 2);
    CHECK(outcome.err.find("no allocation passes through a function named 'append_nod' that has debug info; did you "
                           "mean 'append_node'?") != std::string::npos);
    outcome = run_binary("leakline", {"lines", recording, "--window", "5s..1s"});
    CHECK(outcome.code == 2);
    outcome = run_binary("leakline", {"lines", scratch.path() + "/none.leak", "-o", scratch.path() + "/kept.json"});
    CHECK(outcome.code == 2);
    CHECK_FALSE(read_small_file(scratch.path() + "/kept.json"));
}

TEST_CASE("a recording that is cut off says how far it is good, and one that is still empty that it may be being written") {
    const TemporaryDirectory scratch;
    const std::string recording = recording_of(scratch, "gcc-O2"), cut = scratch.path() + "/cut.leak", none = scratch.path() + "/none.leak";
    std::filesystem::copy_file(recording, cut);
    std::filesystem::resize_file(cut, std::filesystem::file_size(cut) - 10);
    Outcome outcome = run_binary("leakline", {"lines", cut});
    CHECK(outcome.code == 0);
    CHECK(outcome.out.find("; recording truncated: usable up to its last complete record\n") != std::string::npos);
    CHECK(outcome.err.find("the recording is truncated here") != std::string::npos);
    std::ofstream(none).close();
    outcome = run_binary("leakline", {"lines", none});
    CHECK(outcome.code == 2);
    CHECK(outcome.err == "leakline: " + none +
                             ": is empty\n  hint: its recorder has not written anything yet (heaptrack buffers its "
                             "newest 128 KiB), or was killed before it did\n");
}

TEST_CASE("record says what is wrong with where it is to write, and where a program's own options go") {
    const TemporaryDirectory scratch;
    const std::string pipe = scratch.path() + "/pipe", file = scratch.path() + "/run.leak";
    REQUIRE(::mkfifo(pipe.c_str(), 0600) == 0);
    for (const std::string& path : {pipe, std::string("-")}) {
        const Outcome outcome =
            run_binary("leakline", {"record", "-q", "-o", path, "--", LEAKLINE_BIN_DIR "/heap_subject", "leak", "1", "1"});
        CHECK(outcome.code == 2);
        CHECK(outcome.err == "leakline: " + path +
                                 ": the recording cannot go to a pipe or a terminal: it is read again at the end\n"
                                 "  hint: write it to a file, and give that to leakline lines\n");
    }
    CHECK_FALSE(std::filesystem::exists("-"));
    if (::access("/dev/full", W_OK) == 0) {
        const Outcome outcome = run_binary("leakline", {"record", "-q", "-o", file, "--keep-raw", "/dev/full", "--",
                                                        LEAKLINE_BIN_DIR "/heap_subject", "leak", "9999", "1"});
        CHECK(outcome.code == 4);
        CHECK(outcome.err ==
              "leakline: /dev/full: the raw stream could not be written: no space left on device\n"
              "  hint: free some space, or write elsewhere with --keep-raw; the recording itself is complete\n");
        CHECK(run_binary("leakline", {"lines", file, "-q"}).code == 0);
    }
    const Outcome outcome = run_binary("leakline", {"record", "-o", file, "ls", "-l"});
    CHECK(outcome.code == 2);
    CHECK(outcome.err.find("\n  hint: options of the program to run go after --: leakline record ... -- PROGRAM ARG...\n") !=
          std::string::npos);
}

TEST_CASE("the books of a recording have what malloc keeps, and say so where that is what RSS grew by") {
    const TemporaryDirectory scratch;
    const std::string path = scratch.path() + "/run.leak";
    REQUIRE(run_binary("leakline", {"record", "-q", "--tracker", "heaptrack", "--interval", "100ms", "-o", path, "--",
                                    LEAKLINE_BIN_DIR "/heap_subject", "fragment"})
                .code == 0);
    const Outcome outcome = run_binary("leakline", {"lines", path, "--format", "json", "--window", "0s..1h"});
    REQUIRE(outcome.code == 0);
    const auto report = nlohmann::json::parse(outcome.out);
    const auto& accounting = report["books"];
    REQUIRE(accounting["retention_delta_bytes"].is_number());
    CHECK(accounting["retention_delta_bytes"].get<long>() > 10'000'000);  // of 19.7 MB: read while it works
    CHECK(accounting["live_delta_bytes"].get<long>() < 5'000'000);
    REQUIRE(accounting["overhead_delta_bytes"].is_number());
    CHECK(accounting["live_delta_bytes"].get<long>() + accounting["overhead_delta_bytes"].get<long>() +
              accounting["retention_delta_bytes"].get<long>() + accounting["other_delta_bytes"].get<long>() ==
          accounting["rss_delta_bytes"].get<long>());
    CAPTURE(outcome.err);
    CHECK(outcome.err.find("memory that was freed and that malloc keeps") != std::string::npos);
}

TEST_CASE("compare of a program with itself passes, and its JSON form compares as the recording does") {
    const TemporaryDirectory scratch;
    const std::string recording = recording_of(scratch, "gcc-O0");
    const std::string json = scratch.path() + "/lines.json";
    REQUIRE(run_binary("leakline", {"lines", recording, "-q", "-o", json}).code == 0);
    for (const std::string& before : {recording, json}) {
        const Outcome outcome = run_binary("leakline", {"compare", before, recording, "--format", "json"});
        CAPTURE(outcome.err);
        CHECK(outcome.code == 0);
        CHECK(nlohmann::json::parse(outcome.out)["outcome"] == "passed");
    }
    const Outcome outcome = run_binary("leakline", {"compare", recording, recording, "--max-growth", "1B/request"});
    CHECK(outcome.code == 2);
    CHECK(outcome.err.find("the recordings contain no request counts") != std::string::npos);
}

TEST_CASE("of a program of the system, what leaks less what is suppressed is heaptrack_print's total as it prints it by default") {
    const TemporaryDirectory scratch;
    const std::string base = scratch.path() + "/run";
    REQUIRE(run_binary("leakline",
                       {"record", "-q", "--keep-raw", base + ".raw.zst", "-o", base + ".leak", "--", "/usr/bin/ls", "-lR", "/usr/include"})
                .code == 0);
    // The default rules are about blocks that libraries keep to the end: those of the C library's own buffers here.
    const std::string script = "set -e; zstd -qdc " + base + ".raw.zst | " + heap::find_tracker().interpreter + " >" + base +
                               ".text 2>/dev/null; heaptrack_print -F " + base + ".stacks --flamegraph-cost-type leaked " + base +
                               ".text >/dev/null 2>&1";
    REQUIRE(run_binary("/bin/sh", {"-c", script}).code == 0);
    long printed = 0;
    const std::string stacks = read_file(base + ".stacks");
    for (std::string_view line : split(stacks, '\n'))
        if (!line.empty()) printed += std::stol(std::string(line.substr(line.rfind(' ') + 1)));
    CHECK(printed > 0);
    for (const char* form : {".leak", ".raw.zst", ".text"}) {
        CAPTURE(form);
        const Outcome outcome = run_binary("leakline", {"lines", base + form, "--format", "json", "-q"});
        REQUIRE(outcome.code == 0);
        const auto totals = nlohmann::json::parse(outcome.out)["totals"];
        CHECK(totals["suppressed_bytes"].get<long>() > 0);
        CHECK(totals["leaked_bytes"].get<long>() - totals["suppressed_bytes"].get<long>() == printed);
    }
}

TEST_CASE("a recording from elsewhere makes lines read no file that it alone names") {
    const TemporaryDirectory scratch;
    const std::string program = scratch.path() + "/leaks", recording = scratch.path() + "/run.leak";
    std::filesystem::copy_file(LEAKS_DIR "/gcc-O2", program);
    REQUIRE(run_binary("leakline", {"record", "-q", "--interval", "50ms", "-o", recording, "--", program}).code == 0);
    const std::string text = "Node* node = new Node{list, {1, 2}};";
    const auto shows_text = [&](const std::vector<std::string>& more) {
        std::vector<std::string> words = {"lines", recording, "--window", "0s..1h", "--function", "append_node"};
        words.insert(words.end(), more.begin(), more.end());
        const Outcome outcome = run_binary("leakline", words);
        CHECK(outcome.code == 0);
        return outcome.out.find(text) != std::string::npos;
    };
    CHECK(shows_text({}));
    // Another program stands there now, as on another machine.
    std::filesystem::remove(program);
    std::filesystem::copy_file(LEAKLINE_BIN_DIR "/leakline", program);
    CHECK_FALSE(shows_text({}));
    CHECK(
        run_binary("leakline", {"lines", recording}).err.find("source code is not shown: the recording does not prove that it was made") !=
        std::string::npos);
    CHECK(shows_text({"--source", LEAKLINE_SOURCE_DIR "/tests/programs"}));
}

TEST_CASE("secrets of a command line do not stand in recordings and reports") {
    const TemporaryDirectory scratch;
    const std::string recording = scratch.path() + "/run.leak";
    REQUIRE(run_binary("leakline", {"record", "-q", "-o", recording, "--", LEAKS_DIR "/gcc-O2", "--password", "hunter2"}).code == 0);
    const Outcome outcome = run_binary("leakline", {"lines", recording, "--format", "json", "-v"});
    CHECK(outcome.out.find("--password REDACTED") != std::string::npos);
    CHECK((outcome.out + outcome.err).find("hunter2") == std::string::npos);
}

TEST_CASE("an export of another profiler is complete, and its rate per hour that of its data") {
    // One KiB in 80 ms, in a file without a trailer (see testdata/README.md).
    const Outcome outcome = run_binary("leakline", {"lines", CASES_DIR "/export_without_trailer.heaptrack", "--format", "json", "-q"});
    CHECK(outcome.code == 0);
    const auto report = nlohmann::json::parse(outcome.out);
    CHECK(report["completeness"] == "complete");
    CHECK(report["headline_line"]["line"] == 42);
    CHECK(report["headline_line"]["file"] == "/src/api/handler.c");
    const double per_hour = report["lines"][0]["bytes_per_hour_interval"]["estimate"];
    CHECK(per_hour == doctest::Approx(1024.0 * 3600 / 0.08).epsilon(0.02));
}
