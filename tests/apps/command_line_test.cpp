// What every command has in common: help, refusals, exit codes.
#include <doctest/doctest.h>

#include <algorithm>
#include <filesystem>

#include "apps/run_here.hpp"
#include "base/strings.hpp"
#include "support/linked_log.hpp"
#include "system/byte_source.hpp"
#include "system/output_file.hpp"
#include "system/temporary_directory.hpp"

using namespace leakline;
using namespace leakline::test;

namespace {

// The names of all commands, from the overview.
std::vector<std::string> command_names() {
    std::vector<std::string> names;
    bool listed = false;
    const Outcome help = run_here({"--help"});
    for (const std::string_view line : split(help.out, '\n')) {
        if (listed && line.starts_with("  ") && line.size() > 2 && line[2] != ' ')
            names.emplace_back(line.substr(2, line.find(' ', 2) - 2));
        if (line == "Commands:") listed = true;
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
        const Outcome help = run_here({name, "--help"});
        INFO(name);
        CHECK(help.code == 0);
        CHECK(help.out.find("Example:\n  leakline " + name) != std::string::npos);
        CHECK(help.err.empty());
    }
}

TEST_CASE("every command can say less and can say more, and not both at once") {
    for (const std::string& name : command_names()) {
        INFO(name);
        const Outcome help = run_here({name, "--help"});
        CHECK(help.out.find("-q, --quiet") != std::string::npos);
        CHECK(help.out.find("-v, --verbose") != std::string::npos);
    }
    const Outcome both = run_here({"doctor", "--quiet", "--verbose"});
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
        {{"compare", golden, golden}, "analyzed from 9.5s to 59.5s: 6 marks"},
        {{"baseline", golden, "-o", directory.path() + "/baseline.json"}, "track_user_behavior: "},
        {{"trend", samples}, "flat.csv: 100 samples over 99 s, judged in "},
        {{"replay", log, "--target", "http://127.0.0.1:1", "--give-up", "1ms"}, "log.jsonl at pace recorded, once, up to "},
        {{"sample", "--duration", "1ms", "-o", directory.path() + "/s.csv", "--", "/bin/sleep", "10"}, "sampling sleep (pid "},
        {{"record", "-o", recording, "--", "/bin/true"}, "run.leak: leakline recording"},
        {{"lines", recording}, " events over "},
    };
    for (const auto& row : cases) {
        INFO(row.arguments[0]);
        const auto said = [&](std::vector<std::string> flags) {
            flags.insert(flags.begin(), row.arguments.front());
            flags.insert(flags.end(), row.arguments.begin() + 1, row.arguments.end());
            return run_here(flags).err;
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
    const Outcome outcome = run_here({"serve", "--verbose", "--mode", "no such mode"});
    CHECK(outcome.code == 2);
    CHECK(outcome.err.find(" --verbose\n") != std::string::npos);  // what it runs, without a value behind the flag
    CHECK(outcome.err.find("was not expected") == std::string::npos);
    CHECK(outcome.err.find("no such mode") != std::string::npos);
    const Outcome off = run_here({"serve", "--verbose=false", "--mode", "no such mode"});
    CHECK(off.err.find("--verbose") == std::string::npos);
}

TEST_CASE("an unknown command is a usage error that asks what was meant") {
    const Outcome outcome = run_here({"diagnos"});
    CHECK(outcome.code == 2);
    CHECK(outcome.out.empty());
    CHECK(outcome.err == "leakline: unknown command 'diagnos'; did you mean 'diagnose'?\n  hint: leakline --help lists the commands\n");
}

TEST_CASE("a mistyped option is named with its nearest neighbor, and never the words behind it") {
    struct Case {
        std::vector<std::string> words;
        const char* said;
    };
    const Case cases[] = {
        {{"diagnose", "--traffik", "x", "--", "./svc", "--port", "{port}"},
         "leakline diagnose: unknown option --traffik; did you mean --traffic?\n  hint: leakline diagnose --help lists the options\n"},
        {{"diagnose", "--trafic=x", "--", "./svc"},
         "leakline diagnose: unknown option --trafic; did you mean --traffic?\n  hint: leakline diagnose --help lists the options\n"},
        {{"replay", "x.jsonl", "-target", "http://h"},
         "leakline replay: unknown option -target; did you mean --target?\n  hint: leakline replay --help lists the options\n"},
        {{"minimize", "x.jsonl", "--pace", "max", "--kinds-onyl", "--", "./svc", "-p", "{port}"},
         "leakline minimize: unknown option --kinds-onyl; did you mean --kinds-only?\n  hint: leakline minimize --help lists the options\n"},
        {{"trend", "--frobnicate", "a.csv"},
         "leakline trend: unknown option --frobnicate\n  hint: leakline trend --help lists the options\n"},
        {{"record", "-o", "x", "./svc", "--frobnicate", "8080"},
         "leakline record: unknown option --frobnicate\n  hint: options of the program to run go after --: leakline record ... -- "
         "PROGRAM ARG...\n"},
        {{"diagnose", "./svc", "--port", "{port}"},
         "leakline diagnose: unknown option --port\n  hint: options of the program to run go after --: leakline diagnose ... -- "
         "PROGRAM ARG...\n"},
        {{"trend", "a.csv", "--config", "x.toml"},
         "leakline trend: unknown option --config\n  hint: --config goes before the command: leakline --config ... trend\n"},
        {{"--confg", "x", "trend"},
         "leakline: unknown option --confg; did you mean --config?\n  hint: leakline --help lists the options\n"},
        {{"--config", "x", "trnd"},
         "leakline: unknown command 'trnd'; did you mean 'trend'?\n  hint: leakline --help lists the commands\n"},
        {{"report", "a.json", "b.json", "c.json"}, "leakline report: unexpected argument 'b.json'\n  hint: leakline report --help\n"},
    };
    for (const Case& one : cases) {
        const Outcome outcome = run_here(one.words);
        CHECK(outcome.code == 2);
        CHECK(outcome.out.empty());
        CHECK(outcome.err == one.said);
    }
}

TEST_CASE("an option that does not exist is named by every command") {
    for (const std::string& name : command_names()) {
        const Outcome outcome = run_here({name, "--verbos", "behind", "--it"});
        CHECK(outcome.code == 2);
        CHECK(outcome.err == "leakline " + name + ": unknown option --verbos; did you mean --verbose?\n  hint: leakline " + name +
                                 " --help lists the options\n");
    }
}

TEST_CASE("an option with a bad value is a usage error that quotes it") {
    const Outcome outcome = run_here({"diagnose", "--memory-limit", "lots"});
    CHECK(outcome.code == 2);
    CHECK(outcome.err ==
          "leakline diagnose: --memory-limit: 'lots' is not a size; for example 512MiB, 1.5GiB or 65536\n  hint: leakline "
          "diagnose --help\n");
}

TEST_CASE("a missing value, a word that is no number, and a missing argument are named in words") {
    struct Case {
        std::vector<std::string> words;
        const char* said;
    };
    const Case cases[] = {
        {{"diagnose", "--traffic"}, "leakline diagnose: --traffic: a value is missing (LOG)\n  hint: leakline diagnose --help\n"},
        {{"diagnose", "--pid", "abc"},
         "leakline diagnose: --pid: must be between 1 and 2147483647, not 'abc'\n  hint: leakline diagnose --help\n"},
        {{"sample", "--pid", "abc"}, "leakline sample: --pid: 'abc' is not a number\n  hint: leakline sample --help\n"},
        {{"lines"}, "leakline lines: no FILE given\n  hint: leakline lines --help\n"},
        {{"compare", "a.leak"}, "leakline compare: no AFTER given\n  hint: leakline compare --help\n"},
        {{"doctor", "--quiet", "--verbose"},
         "leakline doctor: --quiet cannot be combined with --verbose\n  hint: leakline doctor --help\n"},
        {{"--memory-limit", "512MiB", "diagnose"},
         "leakline: unknown option --memory-limit\n  hint: options of a command go after it: leakline COMMAND --memory-limit ...\n"},
        {{"diagnose", "--budget", "POST /api/track"},
         "leakline: --budget: 'POST /api/track' is not a kind of request and its growth per request\n  hint: for example --budget "
         "'POST /api/track=16B/request'\n"},
    };
    for (const Case& one : cases) {
        const Outcome outcome = run_here(one.words);
        CHECK(outcome.code == 2);
        CHECK(outcome.err == one.said);
    }
}

TEST_CASE("help COMMAND prints what COMMAND --help does, and help of no command the overview") {
    CHECK(run_here({"help", "trend"}).out == run_here({"trend", "--help"}).out);
    CHECK(run_here({"help"}).out == run_here({"--help"}).out);
    const Outcome unknown = run_here({"help", "trnd"});
    CHECK(unknown.code == 2);
    CHECK(unknown.err == "leakline: unknown command 'trnd'; did you mean 'trend'?\n  hint: leakline --help lists the commands\n");
}

TEST_CASE("the version names the commit and the features of the build") {
    const std::string out = run_here({"--version"}).out;
    CHECK(out.starts_with("leakline " LEAKLINE_VERSION));
    CHECK(out.find("\nfeatures: ") != std::string::npos);
    if (std::filesystem::exists(LEAKLINE_SOURCE_DIR "/.git")) CHECK(out.find(" (commit ") != std::string::npos);
}

TEST_CASE("options of other commands in a TOML file do not run these") {
    const TemporaryDirectory directory;
    const std::string config = directory.path() + "/leakline.toml";
    OutputFile file(config);
    file.write("[diagnose]\nrounds = 12\n[trend]\nmetric = \"pss\"\n");
    file.commit();
    const Outcome outcome = run_here({"--config", config, "trend", LEAKLINE_TESTDATA "/no.csv"});
    CHECK(outcome.code == 2);
    CHECK(outcome.err == "leakline: " LEAKLINE_TESTDATA "/no.csv: cannot open: no such file or directory\n");
}

TEST_CASE("a line of [budget] is an option --budget of diagnose, whatever is in its name") {
    const TemporaryDirectory directory;
    const std::string config = directory.path() + "/leakline.toml";
    const auto said = [&](const std::string& text) {
        OutputFile file(config);
        file.write(text);
        file.commit();
        return run_here({"--config", config, "diagnose", "--", "/no/such/service"}).err;
    };
    CHECK(said("[budget]\n\"POST /api/v1.2/track\" = \"16B/hour\"\n[diagnose]\nrounds = 8\n")
              .starts_with("leakline: --budget: 'POST /api/v1.2/track=16B/hour' is not a kind of request"));
    CHECK(said("[budget]\n\"POST /api/track\" = \"16B/request\"\n").find("--budget") == std::string::npos);
}

TEST_CASE("options can come from a TOML file") {
    const TemporaryDirectory directory;
    const std::string config = directory.path() + "/leakline.toml";
    OutputFile file(config);
    file.write("[diagnose]\nmemory-limit = \"lots\"\n");
    file.commit();
    const Outcome outcome = run_here({"--config", config, "diagnose"});
    CHECK(outcome.code == 2);
    CHECK(outcome.err.find("'lots' is not a size") != std::string::npos);
}

TEST_CASE("a file of options that is none is refused, however long it is") {
    const Outcome endless = run_here({"--config", "/dev/zero", "doctor"});
    CHECK(endless.code == 2);
    CHECK(endless.err == "leakline: --config: the file is larger than 1 MiB\n");
    const TemporaryDirectory directory;
    CHECK(run_here({"--config", directory.path(), "doctor"}).err.find("is a directory") != std::string::npos);
    const Outcome none = run_here({"--config", directory.path() + "/none.toml", "doctor"});
    CHECK(none.code == 2);
    CHECK(none.err == "leakline: " + directory.path() + "/none.toml: cannot open: no such file or directory\n");
    const std::string config = directory.path() + "/leakline.toml";
    OutputFile file(config);
    file.write("[trend]\nmax-grwoth = \"1MiB/h\"\n");
    file.commit();
    const Outcome unknown = run_here({"--config", config, "trend", "x.csv"});
    CHECK(unknown.code == 2);
    CHECK(
        unknown.err ==
        "leakline: --config: unknown option 'max-grwoth' in [trend]; did you mean 'max-growth'?\n  hint: leakline trend --help lists the options\n");
}

TEST_CASE("a file that is read whole has a limit") {
    for (const std::vector<std::string>& words :
         {std::vector<std::string>{"report", "/dev/zero"}, {"baseline", "/dev/zero", "-o", "/dev/null"}}) {
        const Outcome outcome = run_here(words);
        CHECK(outcome.code == 2);
        CHECK(outcome.err == "leakline: /dev/zero: larger than 256 MiB\n  hint: is this the right file?\n");
    }
}

TEST_CASE("a name with control characters is shown, and not obeyed") {
    const Outcome outcome = run_here({"report", "/nonexistent/\x1b[31m\n::error::x"});
    CHECK(outcome.code == 2);
    CHECK(outcome.err == "leakline: /nonexistent/\\x1b[31m\\x0a::error::x: cannot open: no such file or directory\n");
    const Outcome command = run_here({"diag\x1b[31m\n::error::"});
    CHECK(command.err == "leakline: unknown command 'diag\\x1b[31m\\x0a::error::'\n  hint: leakline --help lists the commands\n");
}

TEST_CASE("the doctor finds what this machine has") {
    const Outcome outcome = run_here({"doctor"});
    CHECK(outcome.code == 0);
    CHECK(outcome.out.find("ok       heap tracker: leakline's agent, /usr/lib/heaptrack/libheaptrack_preload.so; names by ") !=
          std::string::npos);
}

TEST_CASE("history offers the forms that it can write, and no other") {
    const std::string golden = LEAKLINE_TESTDATA "/golden/diagnosis_v1.json";
    const Outcome refused = run_here({"history", golden, "--format", "xml"});
    CHECK(refused.code == 2);
    const std::string offer = "leakline: unknown report format 'xml'\n  hint: formats: ";
    REQUIRE(refused.err.starts_with(offer));
    const std::string forms(trim(std::string_view(refused.err).substr(offer.size())));
    CHECK(split(forms, ' ').size() >= 5);
    for (const std::string_view form : split(forms, ' ')) {
        CAPTURE(form);
        const Outcome written = run_here({"history", golden, "--format", std::string(form), "--inconclusive", "pass"});
        CHECK(written.code != 2);
        CHECK_FALSE(written.out.empty());
    }
}

TEST_CASE("without a command the overview is printed, as a usage error") {
    const Outcome outcome = run_here({});
    CHECK(outcome.code == 2);
    CHECK(outcome.out.empty());
    CHECK(outcome.err.find("Commands:") != std::string::npos);
}

TEST_CASE("a dry run writes its forms to files, and refuses those that it has not before it reads the log") {
    const TemporaryDirectory folder;
    const std::string log = std::string(LEAKLINE_SOURCE_DIR) + "/testdata/logs/track_small.jsonl";
    const std::string text = folder.path() + "/plan.txt", json = folder.path() + "/plan.json";
    const Outcome outcome = run_here({"replay", log, "--dry-run", "-o", text, "-o", json});
    CHECK(outcome.code == 0);
    CHECK(read_file(text) == outcome.out);
    CHECK(read_file(json) == run_here({"replay", log, "--dry-run", "--format", "json"}).out);

    const Outcome refused = run_here({"replay", "/no/such.log", "--dry-run", "-o", folder.path() + "/plan.md"});
    CHECK(refused.code == 2);
    CHECK(refused.err == "leakline: format md is not available for a dry run\n  hint: formats of a dry run: text json\n");
    const std::string histogram = folder.path() + "/latency.hgrm";
    const Outcome empty = run_here({"replay", log, "--dry-run", "--histogram", histogram});
    CHECK(empty.code == 2);
    CHECK(empty.err == "leakline: --histogram: a dry run has no latencies to write\n  hint: remove --dry-run or --histogram\n");
}

TEST_CASE("what is read is never replaced by what is written, under whatever name") {
    const LinkedLog it;
    const std::string service = "exit 1";
    const std::string jsonl = it.folder.path() + "/log.jsonl";
    std::filesystem::create_hard_link(it.log, jsonl);
    const auto refused = [&](const std::vector<std::string>& arguments, const std::string& output, const std::string& input) {
        const Outcome outcome = run_here(arguments);
        INFO(outcome.err);
        CHECK(outcome.code == 2);
        CHECK(outcome.err == "leakline: " + output + ": is the input" + (input == output ? "" : " " + input) +
                                 ", which would be overwritten\n  hint: name another file for the output\n");
        CHECK(read_file(it.log) == it.text);
    };
    for (const std::string& output : {it.log, it.symbolic, it.hard}) {
        refused({"replay", it.log, "--dry-run", "-o", output}, output, it.log);
        refused({"replay", it.log, "--target", "http://127.0.0.1:1", "--histogram", output}, output, it.log);
        refused({"minimize", it.log, "-o", output, "--", "/bin/false"}, output, it.log);
        refused({"diagnose", "--traffic", it.log, "-o", output, "--", "/bin/false"}, output, it.log);
        refused({"diagnose", "--traffic", it.log, "--recording", output, "--", "/bin/false"}, output, it.log);
        refused({"trend", it.log, "-o", output}, output, it.log);
        refused({"lines", it.log, "-o", output}, output, it.log);
        refused({"compare", it.hard, it.log, "-o", output}, output, it.hard);
        refused({"report", it.log, "-o", output}, output, it.log);
        refused({"history", it.log, "-o", output}, output, it.log);
        refused({"baseline", it.log, "-o", output}, output, it.log);
    }
    refused({"minimize", it.symbolic, "-o", jsonl, "--", "/bin/false"}, jsonl, it.symbolic);
    const std::string baseline = it.folder.path() + "/baseline.json";
    REQUIRE(run_here({"baseline", LEAKLINE_TESTDATA "/golden/diagnosis_v1.json", "-o", baseline}).code == 0);
    for (const std::string option : {"-o", "--recording"}) {
        const std::string accepted = read_file(baseline);
        refused({"diagnose", "--baseline", baseline, option, baseline, "--", "/bin/false"}, baseline, baseline);
        CHECK(read_file(baseline) == accepted);
    }
}

TEST_CASE("convert writes a log whole or not at all, and never over its input") {
    const TemporaryDirectory directory;
    const std::string log = LEAKLINE_TESTDATA "/cases/docker_json_file.log", out = directory.path() + "/out.jsonl";
    const Outcome converted = run_here({"convert", log, "-o", out});
    CHECK(converted.code == 0);
    CHECK(converted.err.find("read 20 = 20 written + 0 filtered + 0 bad; log format: access in Docker json-file\n") != std::string::npos);

    const std::string before = read_file(out);
    const Outcome same = run_here({"convert", out, "-o", out});
    CHECK(same.code == 2);
    CHECK(same.err.find("is the input, which would be overwritten") != std::string::npos);
    const Outcome nothing = run_here({"convert", log, "-o", out, "--allow-method", "DELETE"});
    CHECK(nothing.code == 2);
    CHECK(nothing.err.find("all requests were filtered out\n") != std::string::npos);
    CHECK(read_file(out) == before);
}
