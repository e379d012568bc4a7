#include "run.hpp"

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cerrno>
#include <iostream>
#include <new>

#include "base/error.hpp"
#include "command_line.hpp"
#include "exit_code.hpp"
#include "help_formatter.hpp"
#include "print_error.hpp"
#include "system/reader_gone.hpp"

namespace leakline::cli {

namespace {

int print_cause(const Error& error, const Interruption& interruption) {
    const std::string_view text = error.what();
    // The command line itself is at fault, and its location says so already.
    const bool named = error.location() == "leakline" || error.location().starts_with("leakline ");
    print_error("{}{}\n", named ? "" : "leakline: ", text);
    // What an interruption cut short fails as interrupted, whatever it says.
    if (interruption.requested()) return kInterrupted + interruption.signal();
    return error.kind() == ErrorKind::system ? kInvalid : kUsage;
}

// An option takes one value each time it is given. With CLI11's default a list option would swallow the words behind it,
// and the "--" that ends our options and begins the command to run.
void take_one_value(CLI::App& app) {
    for (CLI::Option* option : app.get_options())
        if (!option->get_positional()) option->allow_extra_args(false);
    for (CLI::App* group : app.get_subcommands([](CLI::App*) { return true; })) take_one_value(*group);
}

// "record -o -- true" would write a file of the name "--".
void refuse_missing_value(const CLI::App& app, const std::vector<std::string>& words) {
    const auto dashes = std::find(words.begin(), words.end(), "--");
    if (dashes == words.end() || dashes - words.begin() < 2) return;
    const std::string& before = *std::prev(dashes);
    for (const CLI::App* command : app.get_subcommands([&](const CLI::App* one) { return one->get_name() == words.front(); })) {
        const CLI::Option* const option = before.starts_with('-') ? command->get_option_no_throw(before) : nullptr;
        if (option == nullptr || option->get_expected_min() == 0 || option->get_type_size() == 0) continue;
        const std::string where = "leakline " + command->get_name();
        throw Error(ErrorKind::usage, where, before + ": a value is missing", where + " --help");
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

int parse_and_run(const std::vector<std::string>& words, const Interruption& interruption,
                  const std::function<void(const CommandRow&)>& before_command) {
    CLI::App app{"Find memory leaks in native HTTP services, down to the source line"};
    app.name("leakline");
    set_up_help(app, "leakline " LEAKLINE_VERSION);
    app.footer("'leakline COMMAND --help' shows the options of a command and an example.");
    app.config_formatter(bounded_config_reader());
    app.allow_config_extras(CLI::config_extras_mode::error);
    app.set_config("--config", "", "Read options from a TOML file: one [command] section for each command, long option names as keys")
        ->type_name("FILE");
    app.require_subcommand(1);

    struct Declared {
        const CommandRow& row;
        CLI::App* app;
        Run run;
    };
    std::vector<Declared> declared;
    for (const CommandRow& row : commands()) {
        CLI::App* command = app.add_subcommand(row.name, row.summary);
        command->group("Commands");
        command->footer(std::string("Example:\n  ") + row.example);
        command->configurable();
        declared.push_back({row, command, row.declare(*command)});
    }
    take_one_value(app);
    if (words.empty()) {
        print_error("{}", app.help());
        return kUsage;
    }
    refuse_missing_value(app, words);
    try {
        app.parse(std::vector<std::string>(words.rbegin(), words.rend()));  // CLI11 takes them from the end
    } catch (const CLI::ParseError& error) {
        if (error.get_exit_code() == 0) return print_and_exit(app, error);
        throw explain_parse_error(app, words, error);
    }
    for (const Declared& command : declared) {
        if (!command.app->parsed()) continue;
        if (before_command) before_command(command.row);
        const int code = command.run(interruption);
        const bool partly = interruption.requested() && command.row.on_signal == OnSignal::reports_partly;
        return partly ? kInterrupted + interruption.signal() : code;
    }
    return kUsage;
}

}  // namespace

int run(const std::vector<std::string>& words, const Interruption& interruption,
        const std::function<void(const CommandRow&)>& before_command) {
    try {
        return parse_and_run(words, interruption, before_command);
    } catch (const ReaderGone&) {
        return kNoLeak;
    } catch (const Error& error) {
        return print_cause(error, interruption);
    } catch (const std::bad_alloc&) {
        print_error("leakline: out of memory\n");
        return kInvalid;
    } catch (const std::exception& error) {
        print_error("leakline: internal error: {}\n  hint: please report this with the command line\n", error.what());
        return kInvalid;
    }
}

}  // namespace leakline::cli
