// Parse, dispatch, and the last catch. What the commands do is in cmd_*.cpp.
#include <fmt/format.h>

#include <cstdio>
#include <string>
#include <vector>

#include "base/error.hpp"
#include "base/process.hpp"
#include "base/text.hpp"
#include "commands.hpp"
#include "exit_code.hpp"
#include "complaint.hpp"

namespace {

using namespace leakline;

int report(const Error& error) {
    complain("leakline: {}\n", error.what());
    // What an interruption cut short fails as interrupted, whatever it says.
    if (const int signal = interruption::received()) return cli::kInterrupted + signal;
    return error.kind() == ErrorKind::system ? cli::kInvalid : cli::kUsage;
}

// CLI11 says "The following argument was not expected: diagnos"; a reader wants to know what was meant.
int unknown_command(const std::string& word) {
    std::vector<std::string> names;
    for (const cli::CommandRow& row : cli::commands()) names.emplace_back(row.name);
    complain("leakline: unknown command '{}'{}\n  hint: leakline --help lists the commands\n",
               printable(word), did_you_mean_text(word, names));
    return cli::kUsage;
}

bool takes_command(const CLI::App& app) {
    const CLI::Option* option = app.get_option_no_throw("command");
    return option != nullptr && option->get_positional();
}

// An option takes one value each time it is given. With CLI11's default a list option would swallow the words behind it,
// and the "--" that ends our options and begins the command to run.
void take_one_value(CLI::App& app) {
    for (CLI::Option* option : app.get_options())
        if (!option->get_positional()) option->allow_extra_args(false);
    for (CLI::App* group : app.get_subcommands([](CLI::App*) { return true; })) take_one_value(*group);
}

int run(int argc, char** argv) {
    CLI::App app{"From climbing memory to the leaking source line"};
    app.name("leakline");
    app.set_version_flag("--version", "leakline " LEAKLINE_VERSION);
    app.set_config("--config", "", "read options from this TOML file: [command] sections, keys as the long options");
    app.require_subcommand(1);
    app.get_formatter()->column_width(34);

    std::vector<std::pair<CLI::App*, cli::Run>> runs;
    for (const cli::CommandRow& row : cli::commands()) {
        CLI::App* command = app.add_subcommand(row.name, row.summary);
        command->footer(std::string("Example:\n  ") + row.example);
        command->configurable();
        runs.emplace_back(command, row.declare(*command));
    }
    take_one_value(app);
    if (argc <= 1) {
        complain("{}", app.help());
        return cli::kUsage;
    }
    if (argc > 1 && argv[1][0] != '-') {
        bool known = false;
        for (const cli::CommandRow& row : cli::commands()) known = known || std::string(row.name) == argv[1];
        if (!known) return unknown_command(argv[1]);
    }
    try {
        app.parse(argc, argv);
    } catch (const CLI::ParseError& error) {
        if (error.get_exit_code() == 0) return app.exit(error);  // --help, --version
        std::string where = "leakline";
        for (const auto& [command, function] : runs)
            if (command->parsed()) where += " " + command->get_name();
        std::string hint = where + " --help";
        for (const auto& [command, function] : runs)
            if (command->parsed() && takes_command(*command) && error.get_exit_code() == static_cast<int>(CLI::ExitCodes::ExtrasError))
                hint = "what belongs to the program that is to run goes behind --: " + where + " ... -- PROGRAM ARG...";
        complain("{}: {}\n  hint: {}\n", where, error.what(), hint);
        return cli::kUsage;
    }
    for (const auto& [command, function] : runs)
        if (command->parsed()) return function();
    return cli::kUsage;
}

}  // namespace

int main(int argc, char** argv) {
    try {
        interruption::install();
        return run(argc, argv);
    } catch (const Error& error) {
        return report(error);
    } catch (const std::bad_alloc&) {
        complain("leakline: out of memory\n");
        return cli::kInvalid;
    } catch (const std::exception& error) {
        complain("leakline: internal error: {}\n  hint: please report this with the command line\n",
                   error.what());
        return cli::kInvalid;
    }
}
