#include "help_formatter.hpp"
#include "terminal.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cctype>
#include <memory>
#include <sstream>
#include <string_view>

namespace leakline::cli {

namespace {

constexpr std::size_t kNames = 30;

// Lines that are broken by a terminal cannot be read; longer ones than 100 columns neither.
std::size_t help_width() {
    static const int width = std::clamp(detect_terminal(STDOUT_FILENO).width, 60, 100);
    return static_cast<std::size_t>(width);
}

// The words of one paragraph, broken at the width, each line behind kNames blanks.
void append_wrapped(std::string& out, std::size_t column, const std::string& text) {
    std::istringstream lines(text);
    for (std::string line; std::getline(lines, line);) {
        std::istringstream words(line);
        for (std::string word; words >> word;) {
            if (column > kNames && column + 1 + word.size() > help_width()) {
                out += '\n';
                column = 0;
            }
            if (column < kNames) {
                out.append(kNames - column, ' ');
                column = kNames;
            } else if (column > kNames) {
                out += ' ';
                ++column;
            }
            out += word;
            column += word.size();
        }
        out += '\n';
        column = 0;
    }
}

std::string row(const std::string& left, const std::string& text) {
    std::string out = "  " + left;
    std::size_t column = out.size();
    if (column + 2 > kNames) {
        out += '\n';
        column = 0;
    }
    append_wrapped(out, column, text);
    return out;
}

bool takes_list(const CLI::Option& option) { return option.get_expected_max() == CLI::detail::expected_max_vector_size; }

std::string capitalized(std::string text) {
    if (!text.empty()) text[0] = static_cast<char>(std::toupper(static_cast<unsigned char>(text[0])));
    return text;
}

// The options right in a command or group; those in no group of their own stand under the name of the option group.
std::vector<OptionGroup> own_groups(const CLI::App& app) {
    std::vector<OptionGroup> groups;
    for (const std::string& name : app.get_groups()) {
        const auto options = app.get_options([&](const CLI::Option* one) {
            return one->get_group() == name && one->nonpositional() && (one != app.get_help_ptr() || !app.get_name().empty());
        });
        const bool unnamed = name == "Options" && app.get_name().empty();
        if (!name.empty() && !options.empty()) groups.push_back({capitalized(unnamed ? app.get_group() : name), options});
    }
    return groups;
}

}  // namespace

// CLI11 appends what a check says of itself; only ExistingFile says something, and the name of the type is
// FILE there.
std::string option_type(const CLI::Option& option) {
    const std::string type = option.get_type_name();
    return type.ends_with(":FILE") ? type.substr(0, type.size() - 5) : type;
}

std::vector<std::string> option_choices(const CLI::Option& option) {
    auto& open = const_cast<CLI::Option&>(option);  // CLI11 has no const access to validators, nor their number
    try {
        for (int i = 0;; ++i)
            if (const std::string words = open.get_validator(i)->get_name(); words.find('|') != std::string::npos)
                return CLI::detail::split(words, '|');
    } catch (const CLI::OptionNotFound&) {
        return {};
    }
}

std::string positional_name(const CLI::Option& option) {
    std::string name = option_type(option);
    if (takes_list(option) && !name.ends_with("...")) name += "...";
    return name;
}

std::string option_names(const CLI::Option& option) {
    std::vector<std::string> names;
    for (const std::string& name : option.get_snames()) names.push_back("-" + name);
    for (const std::string& name : option.get_lnames()) names.push_back("--" + name);
    std::string text = fmt::format("{}", fmt::join(names, ", "));
    if (option_type(option).empty()) return text;  // a flag
    return text + (option.get_expected_min() == 0 ? "[=" + option_type(option) + "]" : " " + option_type(option));
}

std::string option_text(const CLI::Option& option) {
    std::vector<std::string> remarks;
    if (option.get_required() && !option.get_positional()) remarks.push_back("required");
    if (takes_list(option) && !option.get_positional()) remarks.push_back("repeatable");
    if (const std::string value = option.get_default_str(); !option_type(option).empty() && !value.empty() && value != "[]")
        remarks.push_back("default: " + value);
    const std::string text = option.get_description();
    if (remarks.empty()) return text;
    // Behind the first line: further lines list values.
    const std::size_t end = std::min(text.find('\n'), text.size());
    std::string first = text.substr(0, end);
    const bool open = first.ends_with(')') && first.find("(default:") != std::string::npos;
    if (open) first.pop_back();
    return fmt::format("{}{}{}){}", first, open ? "; " : " (", fmt::join(remarks, "; "), text.substr(end));
}

std::vector<const CLI::App*> commands_of(const CLI::App& app) {
    return app.get_subcommands([](const CLI::App* one) { return !one->get_name().empty(); });
}

std::string usage_words(const CLI::App& app) {
    std::string text = "[OPTIONS]";
    for (const CLI::Option* option : app.get_options([](const CLI::Option* one) { return one->get_positional(); })) {
        std::string word = positional_name(*option);
        if (option->get_name() == "command") word = "-- " + word;
        text += option->get_required() ? " " + word : " [" + word + "]";
    }
    return text + (commands_of(app).empty() ? "" : " COMMAND");
}

std::vector<OptionGroup> option_groups(const CLI::App& app) {
    std::vector<OptionGroup> groups = own_groups(app);
    for (const CLI::App* inner : app.get_subcommands([](const CLI::App* one) { return one->get_name().empty(); }))
        for (OptionGroup& group : option_groups(*inner)) groups.push_back(std::move(group));
    return groups;
}

HelpFormatter::HelpFormatter() {
    label("Positionals", "Arguments");
    column_width(kNames);
}

std::string HelpFormatter::make_usage(const CLI::App* app, std::string name) const {
    return "\nUsage: " + (name.empty() ? app->get_name() : name) + " " + usage_words(*app) + "\n";
}

std::string HelpFormatter::make_group(std::string group, bool is_positional, std::vector<const CLI::Option*> options) const {
    std::string out = "\n" + group + ":\n";
    for (const CLI::Option* option : options)
        out += row(is_positional ? positional_name(*option) : option_names(*option), option_text(*option));
    return out;
}

std::string HelpFormatter::make_help(const CLI::App* app, std::string name, CLI::AppFormatMode mode) const {
    std::string out = app->get_description() + "\n" + make_usage(app, std::move(name)) + make_positionals(app) + make_expanded(app) +
                      make_subcommands(app, mode);
    if (!app->get_footer().empty()) out += "\n" + app->get_footer() + "\n";
    return out;
}

std::string HelpFormatter::make_expanded(const CLI::App* app) const {
    std::string out;
    for (const OptionGroup& group : own_groups(*app)) out += make_group(group.title, false, group.options);
    return out;
}

std::string HelpFormatter::make_subcommand(const CLI::App* command) const { return row(command->get_name(), command->get_description()); }

void set_up_help(CLI::App& app, const std::string& version) {
    app.formatter(std::make_shared<HelpFormatter>());
    app.set_help_flag("-h,--help", "Print this help and exit");
    app.set_version_flag("--version", version, "Print the version and exit");
}

}  // namespace leakline::cli
