// compile_commands.json (JSON Compilation Database, https://clang.llvm.org/docs/JSONCompilationDatabase.html). Pure but for
// reading the file.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "audit/internal/clang_reader.hpp"

namespace leakline::audit {

// The units, each file once. Of the arguments only those that matter to the meaning of the code: macros, folders of headers,
// language and target. Throws Error{input} with name and place where text is no database.
std::vector<ClangUnit> parse_compile_commands(std::string_view text, const std::string& name);

// The words of a command line as a POSIX shell would split it, without expansions.
std::vector<std::string> split_command(std::string_view command);
// As above: those of a compiler's arguments that a reader needs.
std::vector<std::string> reading_arguments(const std::vector<std::string>& arguments);

}  // namespace leakline::audit
