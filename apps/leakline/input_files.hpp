// Files and folders that a command takes as its input.
#pragma once

#include <functional>
#include <string>
#include <vector>

namespace leakline::cli {

// A folder stands for the regular files right in it whose names are wanted, in the order of their names; hidden ones are not. What is
// wanted and is no file (a pipe would never end) is warned of. Throws Error{input} with this hint for a folder without any.
std::vector<std::string> files_of(const std::vector<std::string>& paths, const std::function<bool(const std::string&)>& wanted,
                                  const std::string& hint, std::vector<std::string>& warnings);

}  // namespace leakline::cli
