// The subcommands: one row each, one cmd_*.cpp each. A new command is a file, a declaration here and a row in the table.
#pragma once

#include <CLI/CLI.hpp>
#include <functional>
#include <span>

namespace leakline::cli {

// Runs a parsed command; returns the process's exit code (see exit_code.hpp). Throws Error.
using Run = std::function<int()>;

struct CommandRow {
    const char* name;
    const char* summary;  // one line, for the overview
    const char* example;  // shown at the foot of --help
    // Adds the command's options to app and returns what runs after parsing.
    Run (*declare)(CLI::App& app);
};

Run declare_capture(CLI::App& app);
Run declare_convert(CLI::App& app);
Run declare_compare(CLI::App& app);
Run declare_history(CLI::App& app);
Run declare_lines(CLI::App& app);
Run declare_diagnose(CLI::App& app);
Run declare_doctor(CLI::App& app);
Run declare_minimize(CLI::App& app);
Run declare_record(CLI::App& app);
Run declare_replay(CLI::App& app);
Run declare_baseline(CLI::App& app);
Run declare_report(CLI::App& app);

std::span<const CommandRow> commands();

Run declare_sample(CLI::App& app);
Run declare_serve(CLI::App& app);
Run declare_traffic(CLI::App& app);
Run declare_trend(CLI::App& app);

}  // namespace leakline::cli
