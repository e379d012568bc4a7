// What is wrong with a command line, in the words of someone who typed it: CLI11 lists the words that are left over.
#pragma once

#include <CLI/CLI.hpp>
#include <span>
#include <string>

#include "base/error.hpp"

namespace leakline::cli {

// words: without the program's name. Names the first unknown command or option, with the nearest known one, and never the
// words behind it; else what CLI11 says. Error{usage}.
Error explain_parse_error(const CLI::App& app, std::span<const std::string> words, const CLI::ParseError& error);

// A reader of --config files that reads at most 1 MiB: CLI11's own reads for ever what never ends.
std::shared_ptr<CLI::Config> bounded_config_reader();

}  // namespace leakline::cli
