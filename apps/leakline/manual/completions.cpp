#include "manual.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <CLI/CLI.hpp>

#include "base/strings.hpp"
#include "help_formatter.hpp"

namespace leakline::cli {

namespace {

enum class Value { none, choice, file, other };

// What shells need of an option.
struct Completed {
    std::vector<std::string> names;  // with their dashes
    Value value = Value::none;
    std::vector<std::string> choices;
    std::string type, summary;
    bool repeatable = false;
};

Value value_of(const std::string& type, const std::vector<std::string>& choices) {
    if (type.empty()) return Value::none;
    if (!choices.empty()) return Value::choice;
    return type == "LOG" || type.find("FILE") != std::string::npos || type.find("DIR") != std::string::npos ? Value::file : Value::other;
}

std::vector<Completed> options_of(const CLI::App& app) {
    std::vector<Completed> found;
    for (const OptionGroup& group : option_groups(app))
        for (const CLI::Option* option : group.options) {
            Completed& one = found.emplace_back();
            for (const std::string& name : option->get_snames()) one.names.push_back("-" + name);
            for (const std::string& name : option->get_lnames()) one.names.push_back("--" + name);
            one.type = option_type(*option);
            one.choices = option_choices(*option);
            one.value = value_of(one.type, one.choices);
            const std::string text = option->get_description();
            one.summary = text.substr(0, text.find('\n'));
            one.repeatable = option->get_expected_max() > 1;
        }
    return found;
}

std::vector<std::string> command_names(const CLI::App& app) {
    std::vector<std::string> names;
    for (const CLI::App* command : commands_of(app)) names.push_back(command->get_name());
    return names;
}

// In single quotes, which no shell looks into but for the quote itself.
std::string quoted(const std::string& text) {
    std::string out = "'";
    for (const char c : text) out += c == '\'' ? std::string("'\\''") : std::string(1, c);
    return out + "'";
}

// A part of an _arguments or _describe specification.
std::string zsh_part(const std::string& text) {
    std::string out;
    for (const char c : text) {
        if (c == '[' || c == ']' || c == ':' || c == '\\') out += '\\';
        out += c;
    }
    return out;
}

std::string zsh_arguments(const CLI::App& app) {
    std::string out;
    for (const Completed& option : options_of(app)) {
        std::string value;
        if (option.value != Value::none) value = ":" + zsh_part(option.type) + ":";
        if (option.value == Value::choice) value += fmt::format("({})", fmt::join(option.choices, " "));
        if (option.value == Value::file) value += "_files";
        for (const std::string& name : option.names)
            out += " \\\n        " + quoted((option.repeatable ? "*" : "") + name + "[" + zsh_part(option.summary) + "]" + value);
    }
    return out;
}

}  // namespace

std::string bash_completion(const CLI::App& app) {
    std::string values, words;
    const auto add = [&](const CLI::App& level, const std::string& command, std::vector<std::string> first) {
        std::vector<std::string> others;
        for (const Completed& option : options_of(level)) {
            first.insert(first.end(), option.names.begin(), option.names.end());
            std::vector<std::string> keys;
            for (const std::string& name : option.names) keys.push_back(command + ":" + name);
            if (option.value == Value::choice)
                values += fmt::format("        {}) COMPREPLY=($(compgen -W '{}' -- \"$word\")); compopt +o default; return ;;\n",
                                      fmt::join(keys, "|"), fmt::join(option.choices, " "));
            if (option.value == Value::file) values += fmt::format("        {}) return ;;\n", fmt::join(keys, "|"));
            if (option.value == Value::other) others.insert(others.end(), keys.begin(), keys.end());
        }
        if (!others.empty()) values += fmt::format("        {}) compopt +o default; return ;;\n", fmt::join(others, "|"));
        words += fmt::format("        {}) words='{}' ;;\n", command.empty() ? "''" : command, fmt::join(first, " "));
    };
    std::vector<std::string> commands = command_names(app);
    commands.push_back("help");
    add(app, "", commands);
    for (const CLI::App* command : commands_of(app)) add(*command, command->get_name(), {});
    commands.pop_back();
    words += fmt::format("        help) words='{}' ;;\n", fmt::join(commands, " "));
    return fmt::format(R"(# Completion of leakline for bash; made when leakline was built.
_leakline() {{
    local word=${{COMP_WORDS[COMP_CWORD]}} before=${{COMP_WORDS[COMP_CWORD-1]}} command= words= i
    COMPREPLY=()
    # bash cuts --option=value at the "=".
    if [[ $word == = ]]; then word=; elif [[ $before == = ]]; then before=${{COMP_WORDS[COMP_CWORD-2]}}; fi
    for ((i = 1; i < COMP_CWORD; ++i)); do
        case ${{COMP_WORDS[i]}} in
        --) COMPREPLY=($(compgen -c -- "$word")); return ;;
        --config) ((++i)) ;;
        -*) ;;
        *) command=${{COMP_WORDS[i]}}
           for ((; i < COMP_CWORD; ++i)); do
               [[ ${{COMP_WORDS[i]}} != -- ]] || {{ COMPREPLY=($(compgen -c -- "$word")); return; }}
           done ;;
        esac
    done
    case $command:$before in
{}    esac
    case $command in
{}    esac
    # Other words are files, by "-o default".
    [[ $word != -* && -n $command && $command != help ]] || COMPREPLY=($(compgen -W "$words" -- "$word"))
}}
complete -o default -F _leakline leakline
)",
                       values, words);
}

std::string zsh_completion(const CLI::App& app) {
    std::string commands, cases;
    for (const CLI::App* command : commands_of(app)) {
        commands += "        " + quoted(zsh_part(command->get_name()) + ":" + command->get_description()) + "\n";
        cases +=
            "    " + command->get_name() + ")\n      _arguments -S" + zsh_arguments(*command) + " \\\n        '*:argument:_files' ;;\n";
    }
    return fmt::format(R"(#compdef leakline
# Completion of leakline for zsh; made when leakline was built.
_leakline() {{
  local curcontext=$curcontext state line
  typeset -A opt_args
  local -a commands
  commands=(
{}        'help:Show the options of a command and an example'
  )
  _arguments -C{} \
    '1:command:->command' '*::argument:->argument'
  case $state in
  command) _describe -t commands command commands ;;
  argument)
    curcontext=${{curcontext%:*:*}}:leakline-$line[1]:
    case $line[1] in
{}    help) _describe -t commands command commands ;;
    esac ;;
  esac
}}
_leakline "$@"
)",
                       commands, zsh_arguments(app), cases);
}

std::string fish_completion(const CLI::App& app) {
    std::string out = "# Completion of leakline for fish; made when leakline was built.\n";
    const auto add = [&](const CLI::App& level, const std::string& condition) {
        for (const Completed& option : options_of(level)) {
            out += "complete -c leakline -n " + quoted(condition);
            for (const std::string& name : option.names) out += name.starts_with("--") ? " -l " + name.substr(2) : " -s " + name.substr(1);
            if (option.value == Value::file) out += " -rF";
            if (option.value == Value::choice || option.value == Value::other) out += " -x";
            if (option.value == Value::choice) out += fmt::format(" -a '{}'", fmt::join(option.choices, " "));
            out += " -d " + quoted(option.summary) + "\n";
        }
    };
    add(app, "__fish_use_subcommand");
    const std::string names = fmt::format("{}", fmt::join(command_names(app), " "));
    out += "complete -c leakline -n __fish_use_subcommand -f -a help -d 'Show the options of a command and an example'\n";
    out += "complete -c leakline -n '__fish_seen_subcommand_from help' -f -a '" + names + "'\n";
    for (const CLI::App* command : commands_of(app)) {
        out += "complete -c leakline -n __fish_use_subcommand -f -a " + command->get_name() + " -d " + quoted(command->get_description()) +
               "\n";
        add(*command, "__fish_seen_subcommand_from " + command->get_name());
    }
    return out;
}

}  // namespace leakline::cli
