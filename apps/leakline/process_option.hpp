// --pid: the running process that a command is about.
#pragma once

#include <string>
#include <vector>

#include "cli11_names.hpp"

namespace leakline::cli {

// The variables must live as long as app.
CLI::Option* add_process_option(CLI::App& app, int& pid, const std::string& help);
CLI::Option* add_process_option(CLI::App& app, std::vector<int>& pids, const std::string& help);

}  // namespace leakline::cli
