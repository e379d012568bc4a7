// Programs by name, and what the environment says. Safe from any thread.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace leakline {

// Where PATH (or a path with a slash) leads; nothing where there is no such executable.
std::optional<std::string> find_executable(const std::string& name);
// The same, or an Error{input} that says whether it is missing or not executable.
std::string require_executable(const std::string& name);
// The folder of the running program, links resolved.
std::string own_directory();
// The value of an environment variable, "" where it is unset. Valid until the environment changes.
std::string_view environment_variable(const char* name);

}  // namespace leakline
