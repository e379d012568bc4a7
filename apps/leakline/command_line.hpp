// The command line of leakline: all commands with their options, and what is wrong with one that was typed.
#pragma once

#include <CLI/CLI.hpp>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "base/error.hpp"
#include "commands.hpp"

namespace leakline::cli {

// Not movable: options refer to where they are. One thread.
class CommandLine {
  public:
    struct Declared {
        const CommandRow& row;
        CLI::App* app;
        Run run;
    };

    CommandLine();
    CommandLine(const CommandLine&) = delete;
    CommandLine& operator=(const CommandLine&) = delete;

    CLI::App& app() { return app_; }
    const std::vector<Declared>& commands() const { return commands_; }

  private:
    CLI::App app_;
    std::vector<Declared> commands_;
};

// "help" as the first word stands for --help: the words that mean the same.
std::vector<std::string> without_help_command(std::vector<std::string> words);

// words: without the program's name. Names the first unknown command or option, with the nearest known one, and never the
// words behind it; else what CLI11 says. Error{usage}.
Error explain_parse_error(const CLI::App& app, std::span<const std::string> words, const CLI::ParseError& error);

}  // namespace leakline::cli
