#include "command_line.hpp"
#include "base/did_you_mean.hpp"
#include "base/strings.hpp"
#include "help_formatter.hpp"
#include "system/byte_source.hpp"
#include "version.hpp"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <optional>
#include <sstream>
#include <vector>

namespace leakline::cli {

namespace {

// Without dashes, which would count as letters in common with a mistyped name.
void add_option_names(const CLI::App& level, std::vector<std::string>& names) {
    for (const CLI::Option* option : level.get_options())
        for (const std::string& name : option->get_lnames()) names.push_back(name);
    for (const CLI::App* group : level.get_subcommands([](const CLI::App*) { return true; }))
        if (group->get_name().empty()) add_option_names(*group, names);
}

bool runs_program(const CLI::App& level) {
    const CLI::Option* option = level.get_option_no_throw("command");
    return option != nullptr && option->get_positional();
}

// Walks over the words as CLI11 does, and stops at the first that it does not know.
class Walk {
  public:
    Walk(const CLI::App& app, std::span<const std::string> words) : app_(app), words_(words), level_(&app) {}

    std::optional<Error> first_unknown() {
        for (; at_ < words_.size(); ++at_) {
            const std::string& word = words_[at_];
            if (word == "--") return std::nullopt;
            const bool option = word.size() > 1 && word[0] == '-' && word.find('\n') != 1;
            std::optional<Error> unknown;
            if (!option)
                unknown = other_word(word);
            else if (word[1] == '-')
                unknown = long_option(word);
            else
                unknown = short_options(word);
            if (unknown) return unknown;
        }
        return std::nullopt;
    }
    const std::string& where() const { return where_; }
    const CLI::App& level() const { return *level_; }

  private:
    std::optional<Error> other_word(const std::string& word) {
        if (level_ != &app_) {
            ++words_of_its_own_;
            return std::nullopt;
        }
        const CLI::App* command = nullptr;
        std::vector<std::string> names = {"help"};
        for (const CLI::App* one : app_.get_subcommands([](const CLI::App*) { return true; })) {
            names.push_back(one->get_name());
            if (one->get_name() == word) command = one;
        }
        if (command == nullptr)
            return Error(ErrorKind::usage, where_, "unknown command '" + printable(word) + "'" + did_you_mean_text(word, names),
                         "leakline --help lists the commands");
        level_ = command;
        where_ += " " + word;
        return std::nullopt;
    }

    std::optional<Error> long_option(const std::string& word) {
        const std::string name = word.substr(0, word.find('='));
        const CLI::Option* option = level_->get_option_no_throw(name);
        if (option == nullptr) return unknown_option(name);
        if (takes_value(*option) && word.size() <= name.size() + 1) ++at_;
        return std::nullopt;
    }

    std::optional<Error> short_options(const std::string& word) {
        for (std::size_t i = 1; i < word.size(); ++i) {
            const CLI::Option* option = level_->get_option_no_throw({'-', word[i]});
            if (option == nullptr) return unknown_option(i == 1 ? word : "-" + word.substr(i, 1));
            if (!takes_value(*option)) continue;
            if (i + 1 == word.size()) ++at_;
            break;
        }
        return std::nullopt;
    }

    static bool takes_value(const CLI::Option& option) { return option.get_items_expected_max() > 0; }

    bool is_of_a_command(const std::string& name) const {
        const auto commands = app_.get_subcommands([](const CLI::App*) { return true; });
        return std::any_of(commands.begin(), commands.end(),
                           [&](const CLI::App* one) { return one->get_option_no_throw(name) != nullptr; });
    }

    // "diagnose ./service --port 80": an option behind the program, and no "--" before it.
    bool is_of_program() const {
        const auto options = level_->get_options();
        const auto own = std::count_if(options.begin(), options.end(), [](const CLI::Option* option) {
            return option->get_positional() && option->get_name(true) != "command";
        });
        return runs_program(*level_) && words_of_its_own_ > static_cast<std::size_t>(own) &&
               std::find(words_.begin(), words_.end(), "--") == words_.end();
    }

    Error unknown_option(const std::string& name) const {
        std::vector<std::string> names;
        add_option_names(*level_, names);
        const bool of_program = is_of_program();
        const std::string near =
            of_program ? "" : did_you_mean(name.substr(std::min(name.find_first_not_of('-'), name.size())), names).value_or("");
        const std::string meant = near.empty() ? "" : "--" + near;
        std::string hint = where_ + " --help lists the options";
        if (level_ == &app_ && meant.empty() && is_of_a_command(name))
            hint = "options of a command go after it: leakline COMMAND " + name + " ...";
        else if (level_ != &app_ && app_.get_option_no_throw(name) != nullptr)
            hint = name + " goes before the command: leakline " + name + " ... " + level_->get_name();
        else if (of_program)
            hint = "options of the program to run go after --: " + where_ + " ... -- PROGRAM ARG...";
        return Error(ErrorKind::usage, where_, "unknown option " + printable(name) + (meant.empty() ? "" : "; did you mean " + meant + "?"),
                     hint);
    }

    const CLI::App& app_;
    const std::span<const std::string> words_;
    const CLI::App* level_;
    std::string where_ = "leakline";
    std::size_t at_ = 0;
    std::size_t words_of_its_own_ = 0;  // of the command: those that are no options
};

// What CLI11 says, in our words. Its errors hold no more than that sentence.
std::string reworded(const CLI::App& level, const CLI::ParseError& error) {
    const std::string said = error.what();
    const auto has = [&](std::string_view part) { return said.find(part) != std::string::npos; };
    const std::string first = said.substr(0, said.find_first_of(": "));
    if (has(" required ") && said.ends_with(" missing")) {  // "--rounds: 1 required N missing"
        const CLI::Option* option = level.get_option_no_throw(first);
        return first + ": a value is missing" + (option == nullptr ? "" : " (" + option_type(*option) + ")");
    }
    constexpr std::string_view kConvert = "Could not convert: ";
    if (const std::size_t equals = said.find(" = "); said.starts_with(kConvert) && equals != std::string::npos)
        return said.substr(kConvert.size(), equals - kConvert.size()) + ": '" + printable(said.substr(equals + 3)) + "' is not a number";
    if (said.ends_with(" is required"))
        if (const CLI::Option* option = level.get_option_no_throw(first); option != nullptr && option->get_positional())
            return "no " + option_type(*option) + " given";
    if (const std::size_t at = said.find(" excludes "); at != std::string::npos)
        return said.substr(0, at) + " cannot be combined with " + said.substr(at + 10);
    return printable(said);
}

// A key of a --config file that is no option: "trend.max-grwoth", the last word of what CLI11 says.
Error unknown_key(const CLI::App& app, std::string_view said) {
    const std::string_view key = said.substr(said.rfind(' ') + 1), section = key.substr(0, std::min(key.find('.'), key.size()));
    const CLI::App* level = &app;
    for (const CLI::App* command : app.get_subcommands([](const CLI::App*) { return true; }))
        if (command->get_name() == section) level = command;
    const bool inside = level != &app && section.size() < key.size();
    const std::string_view name = inside ? key.substr(section.size() + 1) : key;
    std::vector<std::string> names;
    add_option_names(*level, names);
    return Error(
        ErrorKind::usage, "--config",
        "unknown option '" + printable(name) + "'" + (inside ? " in [" + printable(section) + "]" : "") + did_you_mean_text(name, names),
        "leakline" + (inside ? " " + level->get_name() : std::string()) + " --help lists the options");
}

class BoundedConfig : public CLI::ConfigBase {
  public:
    std::vector<CLI::ConfigItem> from_config(std::istream& input) const override {
        constexpr std::size_t kLargest = std::size_t{1} << 20;
        std::string text(kLargest + 1, '\0');
        input.read(text.data(), static_cast<std::streamsize>(text.size()));
        text.resize(static_cast<std::size_t>(input.gcount()));
        if (text.size() > kLargest) throw Error(ErrorKind::input, "--config", "the file is larger than 1 MiB");
        if (text.find('\0') != std::string::npos) throw Error(ErrorKind::input, "--config", "the file is not a text file");
        std::istringstream whole(text);
        std::vector<CLI::ConfigItem> read = ConfigBase::from_config(whole);
        std::erase_if(read, [](const CLI::ConfigItem& item) { return is_budget(item) && item.inputs.empty(); });  // the section's ends
        for (CLI::ConfigItem& item : read)
            if (is_budget(item)) as_option(item);
        return read;
    }

  private:
    static bool is_budget(const CLI::ConfigItem& item) { return !item.parents.empty() && item.parents[0] == "budget"; }

    // Each line of [budget], "POST /api/track" = "16B/request", is an option --budget of diagnose. CLI11 takes a dot in it for one
    // between sections.
    static void as_option(CLI::ConfigItem& item) {
        std::string endpoint;
        for (std::size_t i = 1; i < item.parents.size(); ++i) endpoint += item.parents[i] + ".";
        endpoint += item.name;
        std::erase(endpoint, '"');
        for (std::string& growth : item.inputs) growth = endpoint + "=" + growth;
        item.parents = {"diagnose"};
        item.name = "budget";
    }
};

// An option takes one value each time it is given. With CLI11's default a list option would swallow the words behind it,
// and the "--" that ends our options and begins the command to run.
void take_one_value(CLI::App& app) {
    for (CLI::Option* option : app.get_options())
        if (!option->get_positional()) option->allow_extra_args(false);
    for (CLI::App* group : app.get_subcommands([](CLI::App*) { return true; })) take_one_value(*group);
}

}  // namespace

CommandLine::CommandLine() : app_("Find memory leaks in HTTP services, down to the source line", "leakline") {
    set_up_help(app_, version_text());
    app_.footer("'leakline help COMMAND' or 'leakline COMMAND --help' shows the options of a command and an example.");
    app_.config_formatter(std::make_shared<BoundedConfig>());
    app_.allow_config_extras(CLI::config_extras_mode::error);
    app_.set_config("--config", "", "Read options from a TOML file: one [command] section for each command, long option names as keys")
        ->type_name("FILE");
    app_.require_subcommand(1);
    for (const CommandRow& row : cli::commands()) {
        CLI::App* command = app_.add_subcommand(row.name, row.summary);
        command->group("Commands");
        command->footer(std::string("Example:\n  ") + row.example);
        commands_.push_back({row, command, row.declare(*command)});
    }
    take_one_value(app_);
}

std::vector<std::string> without_help_command(std::vector<std::string> words) {
    if (words.empty() || words[0] != "help") return words;
    words.erase(words.begin());
    words.push_back("--help");
    return words;
}

Error explain_parse_error(const CLI::App& app, std::span<const std::string> words, const CLI::ParseError& error) {
    if (dynamic_cast<const CLI::ConfigError*>(&error) != nullptr) return unknown_key(app, error.what());
    Walk walk(app, words);
    if (auto unknown = walk.first_unknown()) return *unknown;
    if (dynamic_cast<const CLI::FileError*>(&error) != nullptr) {
        const std::string said = error.what();
        const std::string name = said.substr(0, said.rfind(" was not readable"));
        static_cast<void>(read_file(name));  // throws what is wrong with it
        return Error(ErrorKind::input, "--config", printable(said));
    }
    const std::string& where = walk.where();
    const std::string help = where + " --help";
    if (error.get_exit_code() != static_cast<int>(CLI::ExitCodes::ExtrasError))
        return Error(ErrorKind::usage, where, reworded(walk.level(), error), help);
    // All options are known: there are more words than it takes. The first of them in the order in which they were typed.
    const std::vector<std::string> left_over = app.remaining(true);
    const auto first = std::find_if(words.begin(), words.end(), [&](const std::string& word) {
        return std::find(left_over.begin(), left_over.end(), word) != left_over.end();
    });
    return Error(ErrorKind::usage, where, "unexpected argument '" + printable(first == words.end() ? "" : *first) + "'",
                 runs_program(walk.level()) ? "options of the program to run go after --: " + where + " ... -- PROGRAM ARG..." : help);
}

}  // namespace leakline::cli
