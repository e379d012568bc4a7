// Finds programs by name, and reads environment variables. Safe from any thread.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace leakline {

// The executable that a name means by PATH (or by a path with a slash); nothing if there is none.
std::optional<std::string> find_executable(const std::string& name);
// The same, or an Error{input} that says whether it is missing or not executable.
std::string require_executable(const std::string& name);
// The folder of the running program, links resolved.
std::string own_directory();
// The value of an environment variable, "" where it is unset. Valid until the environment changes.
std::string_view environment_variable(const char* name);

}  // namespace leakline
