// The tools of leakline mcp are the commands' options.
#include <doctest/doctest.h>

#include <nlohmann/json.hpp>
#include <set>

#include "base/error.hpp"
#include "help_formatter.hpp"
#include "leakline/mcp_tools.hpp"

using namespace leakline;
using nlohmann::json;

namespace {

const CLI::App& command_named(const cli::CommandLine& line, const std::string& name) {
    for (const auto& command : line.commands())
        if (command.row.name == name) return *command.app;
    throw std::runtime_error("no command " + name);
}

std::vector<std::string> words(const std::string& command, const json& arguments) {
    const cli::CommandLine line;
    return cli::tool_words(command_named(line, command), arguments);
}

std::string refusal(const std::string& command, const json& arguments) {
    try {
        (void)words(command, arguments);
    } catch (const Error& error) {
        return error.what();
    }
    return "no error";
}

}  // namespace

TEST_CASE("each option of a tool's command is an argument, but for those of the output's form") {
    cli::CommandLine line;
    const json tools = json::parse(cli::tools_json(line));
    REQUIRE(tools.size() == 7);
    for (const json& tool : tools) {
        const CLI::App& command = command_named(line, tool["name"]);
        std::set<std::string> expected, found;
        for (const auto& group : cli::option_groups(command))
            for (const CLI::Option* option : group.options) expected.insert(option->get_lnames().front());
        for (const char* name : {"help", "format", "color", "quiet", "verbose"}) CHECK(expected.erase(name) == 1);
        for (const CLI::Option* option : command.get_options([](const CLI::Option* one) { return one->get_positional(); }))
            expected.insert(option->get_name());
        for (const auto& [name, schema] : tool["inputSchema"]["properties"].items()) {
            found.insert(name);
            CHECK_FALSE(schema["description"].get<std::string>().empty());
        }
        CAPTURE(tool["name"]);
        CHECK(found == expected);
        CHECK(tool["inputSchema"]["additionalProperties"] == false);
    }
}

TEST_CASE("arguments become options with their values, and words behind --") {
    CHECK(words("diagnose", {{"command", {"./a b", "--port", "{port}"}},
                             {"rounds", 12},
                             {"memory-limit", "512MiB"},
                             {"header", {"A: 1", "--b"}},
                             {"no-holders", true},
                             {"insecure", false},
                             {"function", nullptr}}) == std::vector<std::string>{"--rounds=12", "--header=A: 1", "--header=--b",
                                                                                 "--memory-limit=512MiB", "--no-holders", "--", "./a b",
                                                                                 "--port", "{port}"});
    CHECK(words("trend", {{"files", "one.csv"}}) == std::vector<std::string>{"--", "one.csv"});
    CHECK(words("lines", json::object()) == std::vector<std::string>{"--"});
}

TEST_CASE("an argument that the command does not have, or of another type, is refused by its name") {
    CHECK(refusal("trend", {{"file", "x"}}) == "trend: unknown argument 'file'; did you mean 'files'?");
    CHECK(refusal("trend", {{"format", "text"}}).starts_with("trend: unknown argument 'format'"));
    CHECK(refusal("trend", {{"self-test", 1}}) == "self-test: must be true or false");
    CHECK(refusal("trend", {{"traces", {1}}}) == "traces: must be a number");
    CHECK(refusal("trend", {{"query", json::object()}}) == "query: must be a string");
    CHECK(refusal("trend", {{"files", {"a", true}}}) == "files: must be a string");
    CHECK(refusal("trend", {{"query", std::string("a\0b", 3)}}) == "query: must be a string");
}
