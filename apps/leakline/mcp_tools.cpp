#include "mcp_tools.hpp"
#include "base/ascii.hpp"
#include "base/did_you_mean.hpp"
#include "base/error.hpp"
#include "base/strings.hpp"
#include "help_formatter.hpp"

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <nlohmann/json.hpp>

namespace leakline::cli {

namespace {

using Json = nlohmann::ordered_json;  // arguments in the order of --help

constexpr ToolRow kTools[] = {
    {"diagnose", "Diagnose a service", true},        {"lines", "Growth by source line", false},
    {"holders", "What holds the memory", false},     {"compare", "Compare two runs", false},
    {"trend", "Classify memory over time", false},   {"minimize", "Find the requests that leak", true},
    {"audit", "Audit source code for leaks", false},
};

// The server sets the format of the results, and messages are not returned.
constexpr std::string_view kLeftOut[] = {"help", "format", "color", "quiet", "verbose"};

bool is_left_out(const std::string& name) { return std::find(std::begin(kLeftOut), std::end(kLeftOut), name) != std::end(kLeftOut); }

struct Argument {
    std::string name;  // as in a --config file
    const CLI::Option* option;
    bool flag = false, list = false, number = false;
};

bool is_number(const CLI::Option& option) {
    const std::string type = option_type(option), value = option.get_default_str();
    return (type == "N" || type == "PID") && std::all_of(value.begin(), value.end(), [](char c) { return is_digit(c); });
}

Argument argument_of(const CLI::Option& option) {
    const bool named = !option.get_positional();
    return {named ? option.get_lnames().front() : option.get_name(), &option, option_type(option).empty(),
            option.get_expected_max() == CLI::detail::expected_max_vector_size, is_number(option)};
}

std::vector<Argument> arguments_of(const CLI::App& command) {
    std::vector<Argument> arguments;
    for (const CLI::Option* option : command.get_options([](const CLI::Option* one) { return one->get_positional(); }))
        arguments.push_back(argument_of(*option));
    for (const OptionGroup& group : option_groups(command))
        for (const CLI::Option* option : group.options)
            if (!option->get_lnames().empty() && !is_left_out(option->get_lnames().front())) arguments.push_back(argument_of(*option));
    return arguments;
}

Json schema_of(const Argument& argument) {
    Json one = {{"type", argument.flag ? "boolean" : argument.number ? "integer" : "string"}};
    if (const std::vector<std::string> choices = option_choices(*argument.option); !choices.empty()) one["enum"] = choices;
    Json schema = argument.list ? Json{{"type", "array"}, {"items", one}} : one;
    std::string text = option_text(*argument.option);
    if (argument.option->get_positional() && argument.name == "command")
        text += "; one word in each element, and no shell: [\"./service\", \"--port\", \"{port}\"]";
    schema["description"] = text;
    return schema;
}

Json schema_of(const CLI::App& command) {
    Json properties = Json::object(), required = Json::array();
    for (const Argument& argument : arguments_of(command)) {
        properties[argument.name] = schema_of(argument);
        if (argument.option->get_required()) required.push_back(argument.name);
    }
    Json schema = {{"type", "object"}, {"properties", properties}};
    if (!required.empty()) schema["required"] = required;
    schema["additionalProperties"] = false;
    return schema;
}

// What the value of an argument is on a command line; numbers are as good as strings, "8" or 8.
std::string word_of(const Argument& argument, const nlohmann::json& value) {
    if (value.is_string()) {
        const auto& text = value.get_ref<const std::string&>();
        if (text.find('\0') == std::string::npos) return text;
    }
    if (value.is_number()) return value.dump();
    throw Error(ErrorKind::usage, argument.name, fmt::format("must be {}", argument.number ? "a number" : "a string"));
}

std::vector<std::string> words_of(const Argument& argument, const nlohmann::json& value) {
    if (!argument.list || !value.is_array()) return {word_of(argument, value)};
    std::vector<std::string> words;
    for (const auto& element : value) words.push_back(word_of(argument, element));
    return words;
}

}  // namespace

const ToolRow* find_tool(const std::string& name) {
    const auto* const found = std::find_if(std::begin(kTools), std::end(kTools), [&](const ToolRow& row) { return row.command == name; });
    return found == std::end(kTools) ? nullptr : found;
}

std::string tools_json(const CommandLine& line) {
    Json tools = Json::array();
    for (const CommandLine::Declared& command : line.commands()) {
        const ToolRow* const tool = find_tool(command.row.name);
        if (tool == nullptr) continue;
        tools.push_back({{"name", tool->command},
                         {"title", tool->title},
                         {"description", std::string(command.row.summary) + ". As the command line: " + command.row.example},
                         {"inputSchema", schema_of(*command.app)}});
    }
    return tools.dump(-1, ' ', false, Json::error_handler_t::replace);
}

std::vector<std::string> tool_words(const CLI::App& command, const nlohmann::json& arguments) {
    std::vector<std::string> words, positional, names;
    const std::vector<Argument> known = arguments_of(command);
    for (const Argument& argument : known) {
        names.push_back(argument.name);
        const auto given = arguments.find(argument.name);
        if (given == arguments.end() || given->is_null()) continue;
        const std::string option = "--" + argument.name, prefix = option + "=";
        if (argument.flag) {
            if (!given->is_boolean()) throw Error(ErrorKind::usage, argument.name, "must be true or false");
            if (given->get<bool>()) words.push_back(option);
            continue;
        }
        for (const std::string& word : words_of(argument, *given))
            if (argument.option->get_positional())
                positional.push_back(word);
            else
                words.push_back(std::string(prefix).append(word));
    }
    for (const auto& [name, value] : arguments.items())
        if (std::find(names.begin(), names.end(), name) == names.end())
            throw Error(ErrorKind::usage, command.get_name(),
                        fmt::format("unknown argument '{}'{}", printable(name), did_you_mean_text(name, names)));
    words.emplace_back("--");
    words.insert(words.end(), positional.begin(), positional.end());
    return words;
}

}  // namespace leakline::cli
