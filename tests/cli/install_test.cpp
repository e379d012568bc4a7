// An installed copy: moved to a folder with blanks in its name, used from elsewhere, without a home that can be written to.
#include <doctest/doctest.h>

#include <filesystem>

#include "base/strings.hpp"
#include "support/binary.hpp"
#include "system/executables.hpp"

using namespace leakline;
using namespace leakline::test;

namespace fs = std::filesystem;

namespace {

Outcome run_shell(const std::string& command, const std::vector<std::string>& arguments = {}, const char* shell = "bash") {
    std::vector<std::string> words = {"-c", command, shell};
    words.insert(words.end(), arguments.begin(), arguments.end());
    return run_binary(*find_executable(shell), words);
}

// One for all cases: it takes a second.
struct Installed {
    Installed() : prefix(folder.path() + "/an opt/usr") {
        const Outcome outcome = run_binary("/usr/bin/env", {"cmake", "--install", LEAKLINE_BIN_DIR "/..", "--prefix", prefix});
        INFO(outcome.out << outcome.err);
        REQUIRE(outcome.code == 0);
        fs::permissions(folder.path(), fs::perms(0755));  // other users look into it
    }
    std::string file(const std::string& name) const { return prefix + "/" + name; }

    const TemporaryDirectory folder;
    const std::string prefix;
};

const Installed& installed() {
    static const Installed one;
    return one;
}

bool have(const char* program) {
    if (find_executable(program)) return true;
    MESSAGE("not tried: " << program << " is not installed");
    return false;
}

}  // namespace

TEST_CASE("an installed copy is small, whole and knows that it is installed") {
    const Installed& copy = installed();
    CHECK(fs::file_size(copy.file("bin/leakline")) <= 8'000'000);
    for (const char* name : {"share/doc/leakline/LICENSE", "share/doc/leakline/LICENSES.txt", "share/doc/leakline/copyright",
                             "share/doc/leakline/apps/leakline/README.md", "include/leakline/loop.hpp", "libexec/leakline/ci/run.sh"}) {
        CAPTURE(name);
        CHECK(fs::is_regular_file(copy.file(name)));
    }
    const Outcome doctor = run_shell("cd / && exec \"$1\" doctor", {copy.file("bin/leakline")});
    INFO(doctor.out);
    CHECK(doctor.code == 0);
    CHECK(doctor.out.find(": installed in " + copy.prefix + "/bin\n") != std::string::npos);
    CHECK(doctor.out.find("ok       reference service: " + copy.prefix + "/libexec/leakline/trackd\n") != std::string::npos);
    CHECK(run_binary("leakline", {"doctor"}).out.find(": built in " LEAKLINE_BIN_DIR "\n") != std::string::npos);

    // As /usr/local/bin/leakline often is.
    const std::string link = copy.folder.path() + "/link";
    fs::create_symlink(copy.file("bin/leakline"), link);
    CHECK(run_binary(link, {"doctor"}).out == doctor.out);
}

TEST_CASE("diagnose of an installed copy names the leaking line and shows it, for a user without a home") {
    const Installed& copy = installed();
    const bool root = ::geteuid() == 0;
    const std::string as_user = root ? "setpriv --reuid 65534 --regid 65534 --clear-groups " : "";
    const Outcome outcome =
        run_shell("cd / && HOME=/proc " + as_user + "\"$1\" diagnose --rounds 4 --max-time 1s --quiet", {copy.file("bin/leakline")});
    INFO(outcome.out << outcome.err);
    CHECK(outcome.out.find("lib/service/track_user_behavior.cpp:50 in leakline::service::track_user_behavior") != std::string::npos);
    CHECK(outcome.out.find("event_cache.append(user_id, events);") != std::string::npos);
}

TEST_CASE("every command has a man page, which names all of its options and is free of faults") {
    const Installed& copy = installed();
    std::size_t pages = 0;
    for (const auto& entry : fs::directory_iterator(copy.file("share/man/man1"))) {
        ++pages;
        const std::string page = entry.path(), text = read_file(page);
        CAPTURE(page);
        if (have("man")) {
            const Outcome shown = run_binary("/usr/bin/env", {"MANWIDTH=140", "MAN_KEEP_FORMATTING=", "man", "--warnings", "-l", page});
            CHECK(shown.err.empty());
            CHECK(shown.out.find("EXIT STATUS") != std::string::npos);
        }
        const std::string stem = entry.path().stem(), command = stem == "leakline" ? "" : stem.substr(9);
        std::vector<std::string> words = {"--help"};
        if (!command.empty()) words.insert(words.begin(), command);
        for (const std::string_view line : split(run_binary("leakline", words).out, '\n')) {
            if (!line.starts_with("  --")) continue;
            std::string name(line.substr(2, line.find_first_of(" ,[", 2) - 2));
            for (std::size_t at = 0; (at = name.find('-', at)) != std::string::npos; at += 2) name.insert(at, "\\");
            CAPTURE(name);
            CHECK(text.find(name) != std::string::npos);
        }
    }
    CHECK(pages >= 17);
}

TEST_CASE("bash completes commands, options, the words that they take, and files") {
    const std::string script = installed().file("share/bash-completion/completions/leakline");
    const auto completed = [&](const std::vector<std::string>& words) {
        std::vector<std::string> arguments = {script};
        arguments.insert(arguments.end(), words.begin(), words.end());
        const Outcome outcome = run_shell(
            "source \"$1\"; shift; compopt() { echo \"compopt $*\"; }; COMP_WORDS=(\"$@\"); COMP_CWORD=$(($# - 1)); _leakline; "
            "echo \"${COMPREPLY[*]}\"",
            arguments);
        CHECK(outcome.err.empty());
        return std::string(trim(outcome.out));
    };
    CHECK(completed({"leakline", "diag"}) == "diagnose");
    CHECK(completed({"leakline", "help", "mini"}) == "minimize");
    CHECK(completed({"leakline", "diagnose", "--time-s"}) == "--time-scale");
    CHECK(completed({"leakline", "--config", "x.toml", "trend", "--self"}) == "--self-test");
    CHECK(completed({"leakline", "diagnose", "--mode", "l"}) == "compopt +o default\nleaky lru");
    CHECK(completed({"leakline", "diagnose", "--inconclusive", "=", "w"}) == "compopt +o default\nwarn");
    CHECK(completed({"leakline", "diagnose", "--traffic", "x"}).empty());                 // files
    CHECK(completed({"leakline", "diagnose", "--rounds", "1"}) == "compopt +o default");  // not even files
    CHECK(completed({"leakline", "diagnose", "--", "slee"}).find("sleep") != std::string::npos);
}

TEST_CASE("fish and zsh read their completions") {
    if (have("fish")) {
        const std::string script = installed().file("share/fish/vendor_completions.d/leakline.fish");
        const Outcome outcome = run_binary("/usr/bin/env", {"HOME=/tmp", "fish", "--no-config", "-c",
                                                            "source $argv[1]; complete -C 'leakline diagnose --mod'; "
                                                            "complete -C 'leakline diagnose --mode lr'; complete -C 'leakline comp'",
                                                            script});
        CHECK(outcome.err.empty());
        CHECK(
            outcome.out ==
            "--mode\tMode of trackd, if no command is given: leaky, bounded, lru or ttl\nlru\tMode of trackd, if no command is given: leaky, "
            "bounded, lru or ttl\ncompare\tCompare two recordings or diagnoses line by line, to check a fix or a change\n");
    }
    if (have("zsh")) {
        const std::string script = installed().file("share/zsh/site-functions/_leakline");
        // What zsh's own _arguments is given for a command.
        const Outcome outcome = run_shell(
            "_arguments() { print -rl -- \"$@\"; state=argument line=(diagnose); }; _describe() { :; }; curcontext=:::; source \"$1\"",
            {script}, "zsh");
        CHECK(outcome.err.empty());
        CHECK(outcome.out.find(
                  "\n--mode[Mode of trackd, if no command is given\\: leaky, bounded, lru or ttl]:MODE:(leaky bounded lru ttl)\n") !=
              std::string::npos);
        CHECK(outcome.out.find("\n*--traffic[") != std::string::npos);
    }
}
