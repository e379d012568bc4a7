// What only the started program shows: its descriptors, pipes, and where it is installed. The rest is in tests/apps.
#include <doctest/doctest.h>
#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>

#include "base/strings.hpp"
#include "support/binary.hpp"
#include "support/linked_log.hpp"
#include "system/byte_source.hpp"
#include "system/child_process.hpp"
#include "system/output_file.hpp"
#include "system/temporary_directory.hpp"

using namespace leakline;
using namespace leakline::test;

namespace {

Outcome run_shell(const std::string& command) { return run_binary("/bin/sh", {"-c", command}); }

}  // namespace

TEST_CASE("a reader that has closed the pipe is no error") {
    const std::string golden = LEAKLINE_TESTDATA "/golden/diagnosis_v1.json", log = LEAKLINE_TESTDATA "/logs/track_small.jsonl";
    const std::vector<std::string> cases[] = {{"report", golden},
                                              {"report", golden, "--format", "html"},
                                              {"report", golden, "-o", "/dev/stdout", "--format", "json"},
                                              {"doctor"},
                                              {"traffic", "--requests", "1000000000"},
                                              {"replay", log, "--dry-run"},
                                              {"sample", "--pid", std::to_string(::getpid()), "--interval", "10ms", "-o", "-"},
                                              {"--help"}};
    const TemporaryDirectory directory;
    for (const std::vector<std::string>& words : cases) {
        int pipe[2];
        REQUIRE(::pipe2(pipe, O_CLOEXEC) == 0);
        ::close(pipe[0]);
        Command command;
        command.arguments = words;
        command.arguments.insert(command.arguments.begin(), binary("leakline"));
        command.output_file = directory.path() + "/said";
        command.before_exec = [end = pipe[1]] { return ::dup2(end, STDOUT_FILENO) >= 0; };
        Child child = Child::start(command);
        ::close(pipe[1]);
        const auto status = child.wait_for(std::chrono::seconds(60));
        const std::string said = read_file(command.output_file);
        INFO(words[0] << ": " << said);
        REQUIRE(status.has_value());
        CHECK(status->shell_code() == 0);
        CHECK(said.find("broken pipe") == std::string::npos);
        ::unlink(command.output_file.c_str());
    }
}

TEST_CASE("where the control groups are mounted read-only, the doctor does not send root to root") {
    const std::string script =
        "awk '$2 ~ \"^/sys/fs/cgroup\" { print $2 }' /proc/mounts | while read -r at; do mount -o remount,bind,ro \"$at\" || exit 77; "
        "done && exec \"$0\" doctor";
    const Outcome outcome = run_binary("/usr/bin/unshare", {"-m", "sh", "-c", script, binary("leakline")});
    if (outcome.out.find("process memory: ") == std::string::npos || outcome.out.find("memory limits: cgroup") != std::string::npos) {
        MESSAGE("not tried: mounts cannot be made read-only here: " << outcome.err);
        return;
    }
    INFO(outcome.out);
    CHECK(outcome.out.find("/sys/fs/cgroup is mounted read-only") != std::string::npos);
    CHECK(outcome.out.find("run as root") == std::string::npos);
}

TEST_CASE("without standard descriptors nothing is written where it does not belong, and what cannot be printed is an error") {
    const TemporaryDirectory directory;
    const std::string leakline = binary("leakline") + " ", recording = directory.path() + "/run.leak";
    // Messages would go into the recording, which would be the file with number 2.
    CHECK(run_shell(leakline + "record -o " + recording + " -- /bin/ls / <&- >&- 2>&-").code <= 2);  // ls minds
    const Outcome read = run_shell(leakline + "lines " + recording);
    INFO(read.err);
    CHECK(read.code == 0);
    CHECK(run_shell(leakline + "lines " + recording + " <&- >&- 2>&-").code == 4);
    for (const char* arguments : {"--help", "--version", "record --help"}) {
        CAPTURE(arguments);
        const Outcome full = run_shell(leakline + arguments + " > /dev/full");
        CHECK(full.code == 4);
        CHECK(full.err.find("standard output: cannot write") != std::string::npos);
    }
}

TEST_CASE("an option without its value does not take the -- that begins the command") {
    const TemporaryDirectory directory;
    const Outcome outcome = run_shell("cd " + directory.path() + " && " + binary("leakline") + " record -o -- true");
    CHECK(outcome.code == 2);
    CHECK(outcome.err.find("-o: a value is missing") != std::string::npos);
    CHECK_FALSE(std::filesystem::exists(directory.path() + "/--"));
}

TEST_CASE("pipes and devices are written into, not replaced") {
    const LinkedLog it;
    const std::string dry_run = binary("leakline") + " replay " + it.log + " --dry-run --format json ";
    const std::string plain = run_shell(dry_run).out;
    REQUIRE(plain.starts_with("{"));
    // Both into one file, one behind the other; by its name or as a descriptor.
    const std::string out = it.folder.path() + "/out";
    for (const std::string name : {"-", "/dev/stdout", "/dev/fd/1", "/proc/self/fd/1"}) {
        INFO(name);
        CHECK(run_shell(dry_run + "-o " + name + " > " + out).code == 0);
        CHECK(read_file(out) == plain + plain);
    }
    const std::string pipe = it.folder.path() + "/pipe.json";
    const Outcome through =
        run_shell("mkfifo " + pipe + "; cat " + pipe + " > " + out + " & " + dry_run + "-o " + pipe + " >/dev/null; wait");
    CHECK(through.code == 0);
    CHECK(read_file(out) == plain);
    CHECK(std::filesystem::is_fifo(pipe));
    const std::string null = it.folder.path() + "/null.json";
    std::filesystem::create_symlink("/dev/null", null);
    CHECK(run_shell(dry_run + "-o " + null).code == 0);
    CHECK(std::filesystem::is_symlink(null));
    CHECK(std::filesystem::is_character_file("/dev/null"));

    std::filesystem::rename(pipe, it.folder.path() + "/pipe.jsonl");
    const Outcome again = run_binary("leakline", {"minimize", it.log, "-o", it.folder.path() + "/pipe.jsonl", "--", "/bin/false"});
    CHECK(again.code == 2);
    CHECK(again.err.find("pipe.jsonl: is not a regular file: the log is written anew whenever a smaller part leaks\n") !=
          std::string::npos);
}

TEST_CASE("what a shell sends to standard output or takes from standard input is not replaced either") {
    const LinkedLog it;
    const std::string leakline = binary("leakline") + " ";
    const Outcome piped_in = run_shell(leakline + "replay - --dry-run -o " + it.hard + " < " + it.log);
    CHECK(piped_in.code == 2);
    CHECK(piped_in.err.find("hard.json: is standard input, which would be overwritten\n") != std::string::npos);
    CHECK(run_shell(leakline + "replay " + it.log + " --dry-run -o - >> " + it.hard).code == 2);
    CHECK(read_file(it.log) == it.text);
    const std::string out = it.folder.path() + "/out.txt";
    const Outcome twice = run_shell(leakline + "replay " + it.log + " --dry-run -o " + out + " > " + out);
    CHECK(twice.code == 2);
    CHECK(twice.err.find("out.txt: is also the file that standard output is redirected to\n") != std::string::npos);
}

TEST_CASE("convert reads and writes pipes") {
    const TemporaryDirectory directory;
    const std::string log = LEAKLINE_TESTDATA "/cases/docker_json_file.log", out = directory.path() + "/out.jsonl";
    REQUIRE(run_binary("leakline", {"convert", log, "-o", out}).code == 0);
    const Outcome piped = run_shell(binary("leakline") + " convert - -o - < " + log);
    CHECK(piped.code == 0);
    CHECK(piped.out == read_file(out));
}
