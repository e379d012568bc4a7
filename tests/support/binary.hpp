// Runs one of the built programs and keeps what it printed.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "base/quantities.hpp"
#include "system/byte_source.hpp"
#include "system/child_process.hpp"
#include "system/temporary_directory.hpp"

namespace leakline::test {

struct Outcome {
    int code = 0;  // exit code, or 128 + signal
    std::string out, err;
};

// A name with a slash in front is a program of the system.
inline std::string binary(const std::string& name) { return name.starts_with("/") ? name : std::string(LEAKLINE_BIN_DIR) + "/" + name; }

// The program is ended after `limit`, and the outcome is then that of its signal.
inline Outcome run_binary(const std::string& name, std::vector<std::string> arguments,
                          std::vector<std::pair<std::string, std::string>> environment = {},
                          Nanoseconds limit = std::chrono::seconds(240)) {
    const TemporaryDirectory scratch;
    const std::string out = scratch.path() + "/out", err = scratch.path() + "/err";
    Command command;
    // The shell only redirects: the program takes its place, and its arguments are not seen by the shell.
    command.arguments = {"sh", "-c", "out=$1 err=$2; shift 2; exec \"$@\" >\"$out\" 2>\"$err\"", "sh", out, err, binary(name)};
    command.arguments.insert(command.arguments.end(), arguments.begin(), arguments.end());
    command.environment = std::move(environment);
    Child child = Child::start(command);
    if (!child.wait_for(limit)) child.terminate(std::chrono::seconds(5));
    Outcome outcome;
    outcome.code = child.wait().shell_code();
    outcome.out = read_file(out);
    outcome.err = read_file(err);
    return outcome;
}

}  // namespace leakline::test
