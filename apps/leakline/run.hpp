// The program without its process: reads a command line, runs the command, and says on standard error why that failed. What
// belongs to the process (signals, descriptors, the guard) is main's, so that tests run commands in their own.
//
// Thread-safety: one thread.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "commands.hpp"

namespace leakline::cli {

// words: without the program's name. before_command: called when the options are read and before the command runs; not for
// --help and where they are refused. Returns the exit code (see exit_code.hpp). Throws nothing.
int run(const std::vector<std::string>& words, const Interruption& interruption = {},
        const std::function<void(const CommandRow&)>& before_command = {});

}  // namespace leakline::cli
