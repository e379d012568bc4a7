// What every command has in common: help, unknown words, exit codes.
#include <doctest/doctest.h>

#include <algorithm>

#include "base/file.hpp"
#include "base/text.hpp"
#include "support/binary.hpp"

using namespace leakline;
using namespace leakline::test;

namespace {

// The names of all commands, from the overview.
std::vector<std::string> command_names() {
    std::vector<std::string> names;
    bool listed = false;
    const Outcome help = run_binary("leakline", {"--help"});
    for (const std::string_view line : split(help.out, '\n')) {
        if (listed && line.starts_with("  ") && line.size() > 2 && line[2] != ' ')
            names.emplace_back(line.substr(2, line.find(' ', 2) - 2));
        if (line == "Subcommands:") listed = true;
    }
    return names;
}

}  // namespace

TEST_CASE("the contract's commands are there, and every command's help has an example that names it") {
    const std::vector<std::string> names = command_names();
    for (const char* name : {"diagnose", "serve", "replay", "sample", "trend", "record", "lines", "compare", "report", "doctor"}) {
        INFO(name);
        CHECK(std::count(names.begin(), names.end(), name) == 1);
    }
    for (const std::string& name : names) {
        const Outcome help = run_binary("leakline", {name, "--help"});
        INFO(name);
        CHECK(help.code == 0);
        CHECK(help.out.find("Example:\n  leakline " + name) != std::string::npos);
        CHECK(help.err.empty());
    }
}

TEST_CASE("every command can say less and can say more, and not both at once") {
    for (const std::string& name : command_names()) {
        INFO(name);
        const Outcome help = run_binary("leakline", {name, "--help"});
        CHECK(help.out.find("-q,--quiet") != std::string::npos);
        CHECK(help.out.find("-v,--verbose") != std::string::npos);
    }
    const Outcome both = run_binary("leakline", {"doctor", "--quiet", "--verbose"});
    CHECK(both.code == 2);
}

TEST_CASE("--quiet silences notes, and --verbose says what was read and what was made of it") {
    const TemporaryDirectory directory;
    const std::string log = directory.path() + "/log.jsonl", golden = LEAKLINE_TESTDATA "/golden/diagnosis_v1.json";
    const std::string samples = directory.path() + "/flat.csv", recording = directory.path() + "/run.leak";
    std::string csv = "t_s,rss_bytes\n";
    for (int i = 0; i < 100; ++i) csv += std::to_string(i) + ",20000000\n";
    OutputFile file(samples);
    file.write(csv);
    file.commit();
    const struct {
        std::vector<std::string> arguments;
        std::string detail;  // a part of what only --verbose says
    } cases[] = {
        {{"doctor"}, "leakline: PATH="},
        {{"traffic", "--requests", "5", "-o", log}, "log.jsonl: 5 requests over "},
        {{"report", golden}, "2024-06-07T08:09:10Z, leak; 121 samples, 3 lines, 6 rounds"},
        {{"history", golden}, "2024-06-07T08:09:10Z, leak; "},
        {{"compare", golden, golden}, "judged from 9.5s to 59.5s: 6 marks"},
        {{"baseline", golden, "-o", directory.path() + "/baseline.json"}, "track_user_behavior: "},
        {{"trend", samples}, "flat.csv: 100 samples over 99 s, judged in "},
        {{"replay", log, "--target", "http://127.0.0.1:1", "--give-up", "1ms"}, "log.jsonl at pace recorded, once, up to "},
        {{"sample", "--duration", "1ms", "-o", directory.path() + "/s.csv", "--", "/bin/sleep", "10"}, "watches sleep (pid "},
        {{"record", "-o", recording, "--", "/bin/true"}, "run.leak: leakline recording"},
        {{"lines", recording}, " events over "},
    };
    for (const auto& row : cases) {
        INFO(row.arguments[0]);
        const auto said = [&](std::vector<std::string> flags) {
            flags.insert(flags.begin(), row.arguments.front());
            flags.insert(flags.end(), row.arguments.begin() + 1, row.arguments.end());
            return run_binary("leakline", flags).err;
        };
        const std::string quiet = said({"--quiet"}), usual = said({}), verbose = said({"--verbose"});
        for (const std::string_view line : split(quiet, '\n'))
            CHECK_MESSAGE((line.empty() || line.starts_with("leakline: warning: ")), line);
        CHECK(usual.find(row.detail) == std::string::npos);
        CHECK(verbose.find(row.detail) != std::string::npos);
        CHECK(verbose.find("leakline: took ") != std::string::npos);
    }
}

TEST_CASE("serve hands its flags on to trackd") {
    const Outcome outcome = run_binary("leakline", {"serve", "--verbose", "--mode", "no such mode"});
    CHECK(outcome.code == 2);
    CHECK(outcome.err.find(" --verbose\n") != std::string::npos);  // what it runs, without a value behind the flag
    CHECK(outcome.err.find("was not expected") == std::string::npos);
    CHECK(outcome.err.find("no such mode") != std::string::npos);
    const Outcome off = run_binary("leakline", {"serve", "--verbose=false", "--mode", "no such mode"});
    CHECK(off.err.find("--verbose") == std::string::npos);
}

TEST_CASE("an unknown command is a usage error that asks what was meant") {
    const Outcome outcome = run_binary("leakline", {"diagnos"});
    CHECK(outcome.code == 2);
    CHECK(outcome.out.empty());
    CHECK(outcome.err ==
          "leakline: unknown command 'diagnos'; did you mean 'diagnose'?\n  hint: leakline --help lists the commands\n");
}

TEST_CASE("an option with a bad value is a usage error that quotes it") {
    const Outcome outcome = run_binary("leakline", {"diagnose", "--memory-limit", "lots"});
    CHECK(outcome.code == 2);
    CHECK(outcome.err ==
          "leakline diagnose: --memory-limit: 'lots' is not a size; for example 512MiB, 1.5GiB or 65536\n  hint: leakline "
          "diagnose --help\n");
}

TEST_CASE("options can come from a TOML file") {
    const TemporaryDirectory directory;
    const std::string config = directory.path() + "/leakline.toml";
    OutputFile file(config);
    file.write("[diagnose]\nmemory-limit = \"lots\"\n");
    file.commit();
    const Outcome outcome = run_binary("leakline", {"--config", config, "diagnose"});
    CHECK(outcome.code == 2);
    CHECK(outcome.err.find("'lots' is not a size") != std::string::npos);
}

TEST_CASE("the doctor finds what this machine has") {
    const Outcome outcome = run_binary("leakline", {"doctor"});
    CHECK(outcome.code == 0);
    CHECK(outcome.out.find("ok       heap tracker: /usr/lib/heaptrack/libheaptrack_preload.so, ") != std::string::npos);
}

TEST_CASE("without a command the overview is printed, as a usage error") {
    const Outcome outcome = run_binary("leakline", {});
    CHECK(outcome.code == 2);
    CHECK(outcome.out.empty());
    CHECK(outcome.err.find("Subcommands:") != std::string::npos);
}

TEST_CASE("a dry run writes its forms to files, and refuses those that it has not before it reads the log") {
    const TemporaryDirectory folder;
    const std::string log = std::string(LEAKLINE_SOURCE_DIR) + "/testdata/logs/track_small.jsonl";
    const std::string text = folder.path() + "/plan.txt", json = folder.path() + "/plan.json";
    const Outcome outcome = run_binary("leakline", {"replay", log, "--dry-run", "-o", text, "-o", json});
    CHECK(outcome.code == 0);
    CHECK(read_file(text) == outcome.out);
    CHECK(read_file(json) == run_binary("leakline", {"replay", log, "--dry-run", "--format", "json"}).out);

    const Outcome refused = run_binary("leakline", {"replay", "/no/such.log", "--dry-run", "-o", folder.path() + "/plan.md"});
    CHECK(refused.code == 2);
    CHECK(refused.err == "leakline: --dry-run: there is no md form of this\n  hint: text or json\n");
}
