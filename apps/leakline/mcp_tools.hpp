// The tools of `leakline mcp`: commands, whose options are the tools' arguments. Schemas and command lines are made of the options that
// the commands declare, as --help, man pages and completions are. Pure functions.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

#include "cli11_names.hpp"
#include "command_line.hpp"

namespace leakline::cli {

struct ToolRow {
    const char* command;
    const char* title;
    bool measures;  // runs a service under load: two at a time would disturb each other
};

// Null: no such tool.
const ToolRow* find_tool(const std::string& name);

// As tools/list returns them: a JSON array of name, title, description and inputSchema.
std::string tools_json(const CommandLine& line);

// The words behind "leakline COMMAND" that these arguments (an object) stand for. Throws Error{usage} that names the argument at fault.
std::vector<std::string> tool_words(const CLI::App& command, const nlohmann::json& arguments);

}  // namespace leakline::cli
