// The subcommands: one row each, one cmd_*.cpp each. A new command is a file, a declaration here and a row in the table.
#pragma once

#include <csignal>
#include <functional>
#include <span>
#include <stop_token>

#include "cli11_names.hpp"

namespace leakline::cli {

// What asks a command to end before its work is done: signals in the program, tests in theirs.
struct Interruption {
    std::stop_token stop;
    std::function<int()> signal = [] { return SIGINT; };  // once stop is requested: what did it

    bool requested() const { return stop.stop_requested(); }
};

// Runs a parsed command; returns the process's exit code (see exit_code.hpp). Throws Error.
using Run = std::function<int(const Interruption&)>;

// What the first signal does.
enum class OnSignal {
    ends_at_once,    // nothing is written before the end, so there is nothing to wait for
    reports_partly,  // the command stops, writes what it has, and the exit code is that of the signal
    ends_as_usual,   // the command stops as it usually does, with an exit code of its own
};

struct CommandRow {
    const char* name;
    const char* summary;  // one line, for the overview
    const char* example;  // shown at the foot of --help
    // Adds the command's options to app and returns what runs after parsing.
    Run (*declare)(CLI::App& app);
    OnSignal on_signal;
};

Run declare_audit(CLI::App& app);
Run declare_capture(CLI::App& app);
Run declare_comment(CLI::App& app);
Run declare_replay_merge(CLI::App& app);
Run declare_stub(CLI::App& app);
Run declare_convert(CLI::App& app);
Run declare_compare(CLI::App& app);
Run declare_gate(CLI::App& app);
Run declare_history(CLI::App& app);
Run declare_holders(CLI::App& app);
Run declare_lines(CLI::App& app);
Run declare_diagnose(CLI::App& app);
Run declare_doctor(CLI::App& app);
Run declare_mcp(CLI::App& app);
Run declare_minimize(CLI::App& app);
Run declare_record(CLI::App& app);
Run declare_replay(CLI::App& app);
Run declare_baseline(CLI::App& app);
Run declare_report(CLI::App& app);

std::span<const CommandRow> commands();

Run declare_sample(CLI::App& app);
Run declare_serve(CLI::App& app);
Run declare_top(CLI::App& app);
Run declare_traffic(CLI::App& app);
Run declare_trend(CLI::App& app);

}  // namespace leakline::cli
