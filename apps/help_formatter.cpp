#include "help_formatter.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cctype>
#include <memory>
#include <sstream>
#include <string_view>

namespace leakline::cli {

namespace {

constexpr std::size_t kNames = 30, kWidth = 100;

// The words of one paragraph, broken at kWidth, each line behind kNames blanks.
void append_wrapped(std::string& out, std::size_t column, const std::string& text) {
    std::istringstream lines(text);
    for (std::string line; std::getline(lines, line);) {
        std::istringstream words(line);
        for (std::string word; words >> word;) {
            if (column > kNames && column + 1 + word.size() > kWidth) {
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

// CLI11 appends what a check says of itself; only ExistingFile says something, and the name of the type is
// FILE there.
std::string type_of(const CLI::Option& option) {
    const std::string type = option.get_type_name();
    return type.ends_with(":FILE") ? type.substr(0, type.size() - 5) : type;
}

std::string positional_name(const CLI::Option& option) {
    std::string name = type_of(option);
    if (takes_list(option) && !name.ends_with("...")) name += "...";
    return name;
}

std::string option_names(const CLI::Option& option) {
    std::vector<std::string> names;
    for (const std::string& name : option.get_snames()) names.push_back("-" + name);
    for (const std::string& name : option.get_lnames()) names.push_back("--" + name);
    std::string text = fmt::format("{}", fmt::join(names, ", "));
    if (type_of(option).empty()) return text;  // a flag
    return text + (option.get_expected_min() == 0 ? "[=" + type_of(option) + "]" : " " + type_of(option));
}

std::string option_text(const CLI::Option& option) {
    std::vector<std::string> remarks;
    if (option.get_required() && !option.get_positional()) remarks.push_back("required");
    if (takes_list(option) && !option.get_positional()) remarks.push_back("repeatable");
    if (const std::string value = option.get_default_str(); !type_of(option).empty() && !value.empty() && value != "[]")
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

std::string capitalized(std::string text) {
    if (!text.empty()) text[0] = static_cast<char>(std::toupper(static_cast<unsigned char>(text[0])));
    return text;
}

}  // namespace

HelpFormatter::HelpFormatter() {
    label("Positionals", "Arguments");
    column_width(kNames);
}

std::string HelpFormatter::make_usage(const CLI::App* app, std::string name) const {
    std::string text = "\nUsage: " + (name.empty() ? app->get_name() : name) + " [OPTIONS]";
    for (const CLI::Option* option : app->get_options([](const CLI::Option* one) { return one->get_positional(); })) {
        std::string word = positional_name(*option);
        if (option->get_name() == "command") word = "-- " + word;
        text += option->get_required() ? " " + word : " [" + word + "]";
    }
    const bool commands = !app->get_subcommands([](const CLI::App* one) { return !one->get_name().empty(); }).empty();
    return text + (commands ? " COMMAND\n" : "\n");
}

std::string HelpFormatter::make_group(std::string group, bool is_positional, std::vector<const CLI::Option*> options) const {
    std::string out = "\n" + capitalized(std::move(group)) + ":\n";
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

// The options of a command, or of one of its groups; those in no group of their own stand under the group's
// name.
std::string HelpFormatter::make_expanded(const CLI::App* app) const {
    std::string out;
    for (const std::string& group : app->get_groups()) {
        const auto options = app->get_options([&](const CLI::Option* one) {
            return one->get_group() == group && one->nonpositional() && (one != app->get_help_ptr() || !app->get_name().empty());
        });
        const bool unnamed = group == "Options" && app->get_name().empty();
        if (!group.empty() && !options.empty()) out += make_group(unnamed ? app->get_group() : group, false, options);
    }
    return out;
}

std::string HelpFormatter::make_subcommand(const CLI::App* command) const { return row(command->get_name(), command->get_description()); }

void set_up_help(CLI::App& app, const std::string& version) {
    app.formatter(std::make_shared<HelpFormatter>());
    app.set_help_flag("-h,--help", "Print this help and exit");
    app.set_version_flag("--version", version, "Print the version and exit");
}

}  // namespace leakline::cli
