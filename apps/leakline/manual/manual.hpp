// Man pages and the completion of shells, made of the options that the commands declare. Pure functions.
#pragma once

#include <string>

#include "leakline/command_line.hpp"

namespace leakline::cli {

// leakline(1), and leakline-COMMAND(1), for man(7). The pages have no date: a build of the same sources gives the same pages.
std::string man_page(const CLI::App& app);
std::string command_man_page(const CLI::App& command);

// Scripts that complete commands, options, words that options take, and files.
std::string bash_completion(const CLI::App& app);
std::string zsh_completion(const CLI::App& app);
std::string fish_completion(const CLI::App& app);

}  // namespace leakline::cli
