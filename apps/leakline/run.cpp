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

int parse_and_run(const std::vector<std::string>& typed, const Interruption& interruption,
                  const std::function<void(const CommandRow&)>& before_command) {
    const std::vector<std::string> words = without_help_command(typed);
    CommandLine line;
    CLI::App& app = line.app();
    if (words.empty()) {
        print_error("{}", app.help());
        return kUsage;
    }
    refuse_missing_value(app, words);
    try {
        app.parse(std::vector<std::string>(words.rbegin(), words.rend()));  // CLI11 takes them from the end
    } catch (const CLI::ParseError& error) {
        const bool unknown_command = app.get_subcommands().empty() && !app.remaining().empty();
        if (error.get_exit_code() == 0 && !unknown_command) return print_and_exit(app, error);
        throw explain_parse_error(app, words, error);
    }
    for (const CommandLine::Declared& command : line.commands()) {
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
