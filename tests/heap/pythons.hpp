// The CPython interpreters that the agent knows and that are installed here: Debian's, and pyenv's of the user.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "system/executables.hpp"

namespace leakline::test {

inline std::vector<std::string> pythons() {
    std::vector<std::string> found = {"/usr/bin/python3"};
    const std::string versions = std::string(environment_variable("HOME")) + "/.pyenv/versions";
    std::error_code none;
    for (const auto& version : std::filesystem::directory_iterator(versions, none))
        for (const char* known : {"3.8.", "3.9.", "3.10.", "3.11.", "3.12.", "3.13."})
            if (version.path().filename().string().starts_with(known)) found.push_back(version.path().string() + "/bin/python3");
    return found;
}

}  // namespace leakline::test
