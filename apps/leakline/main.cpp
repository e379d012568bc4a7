// Parse, dispatch, and the last catch. What the commands do is in cmd_*.cpp.
#include <fmt/format.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <iostream>
#include <string>
#include <vector>

#include "base/error.hpp"
#include "command_line.hpp"
#include "commands.hpp"
#include "exit_code.hpp"
#include "help_formatter.hpp"
#include "print_error.hpp"
#include "standard_descriptors.hpp"
#include "system/guard.hpp"
#include "system/interruption.hpp"
#include "system/reader_gone.hpp"

namespace {

using namespace leakline;

int print_cause(const Error& error) {
    const std::string_view text = error.what();
    // The command line itself is at fault, and its location says so already.
    const bool named = error.location() == "leakline" || error.location().starts_with("leakline ");
    print_error("{}{}\n", named ? "" : "leakline: ", text);
    // What an interruption cut short fails as interrupted, whatever it says.
    if (const int signal = interruption::received()) return cli::kInterrupted + signal;
    return error.kind() == ErrorKind::system ? cli::kInvalid : cli::kUsage;
}

// An option takes one value each time it is given. With CLI11's default a list option would swallow the words behind it,
// and the "--" that ends our options and begins the command to run.
void take_one_value(CLI::App& app) {
    for (CLI::Option* option : app.get_options())
        if (!option->get_positional()) option->allow_extra_args(false);
    for (CLI::App* group : app.get_subcommands([](CLI::App*) { return true; })) take_one_value(*group);
}

// "record -o -- true" would write a file of the name "--".
void refuse_missing_value(const std::vector<std::pair<CLI::App*, cli::Run>>& commands, int argc, char** argv) {
    for (int i = 2; i < argc; ++i) {
        if (std::string_view(argv[i]) != "--") continue;
        const auto command =
            std::find_if(commands.begin(), commands.end(), [&](const auto& each) { return each.first->get_name() == argv[1]; });
        const CLI::Option* const option = command != commands.end() ? command->first->get_option_no_throw(argv[i - 1]) : nullptr;
        if (option != nullptr && std::string_view(argv[i - 1]).starts_with('-') && option->get_expected_min() > 0 &&
            option->get_type_size() != 0)
            throw Error(ErrorKind::usage, std::string("leakline ") + argv[1], fmt::format("{}: a value is missing", argv[i - 1]),
                        fmt::format("leakline {} --help", argv[1]));
        return;
    }
}

// --help and --version. A reader that has gone (a pipe to head) has read enough.
int print_and_exit(const CLI::App& app, const CLI::ParseError& error) {
    errno = 0;
    const int code = app.exit(error);
    std::cout.flush();
    if (std::cout || errno == EPIPE) return code;
    throw os_error(ErrorKind::system, "standard output", "cannot write", errno);
}

int run(int argc, char** argv) {
    CLI::App app{"Find memory leaks of native HTTP services, down to the source line"};
    app.name("leakline");
    cli::set_up_help(app, "leakline " LEAKLINE_VERSION);
    app.footer("'leakline COMMAND --help' shows the options of a command and an example.");
    app.config_formatter(cli::bounded_config_reader());
    app.allow_config_extras(CLI::config_extras_mode::error);
    app.set_config("--config", "", "Read options from a TOML file: one [command] section for each command, long option names as keys")
        ->type_name("FILE");
    app.require_subcommand(1);

    std::vector<std::pair<CLI::App*, cli::Run>> runs;
    for (const cli::CommandRow& row : cli::commands()) {
        CLI::App* command = app.add_subcommand(row.name, row.summary);
        command->group("Commands");
        command->footer(std::string("Example:\n  ") + row.example);
        command->configurable();
        runs.emplace_back(command, row.declare(*command));
    }
    take_one_value(app);
    if (argc <= 1) {
        print_error("{}", app.help());
        return cli::kUsage;
    }
    refuse_missing_value(runs, argc, argv);
    try {
        app.parse(argc, argv);
    } catch (const CLI::ParseError& error) {
        if (error.get_exit_code() == 0) return print_and_exit(app, error);
        const std::vector<std::string> words(argv + 1, argv + argc);
        throw cli::explain_parse_error(app, words, error);
    }
    interruption::install();
    const Guard guard(argv);
    for (const auto& [command, function] : runs)
        if (command->parsed()) return function();
    return cli::kUsage;
}

}  // namespace

int main(int argc, char** argv) {
    hold_standard_descriptors();
    try {
        interruption::install(interruption::Response::at_once);
        return run(argc, argv);
    } catch (const ReaderGone&) {
        return cli::kNoLeak;
    } catch (const Error& error) {
        return print_cause(error);
    } catch (const std::bad_alloc&) {
        print_error("leakline: out of memory\n");
        return cli::kInvalid;
    } catch (const std::exception& error) {
        print_error("leakline: internal error: {}\n  hint: please report this with the command line\n", error.what());
        return cli::kInvalid;
    }
}
