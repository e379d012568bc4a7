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

// The interpreters of these that have a shared library, for programs that embed them, and what PYTHONHOME must be for it.
struct EmbeddedPython {
    std::string python, library, home;
};
inline std::vector<EmbeddedPython> embedded_pythons() {
    std::vector<EmbeddedPython> found;
    for (const std::string& python : pythons()) {
        const std::filesystem::path home = std::filesystem::path(python).parent_path().parent_path();
        std::error_code none;
        std::string library;
        for (const std::filesystem::path& folder : {home / "lib", home / "lib/x86_64-linux-gnu", home / "lib/aarch64-linux-gnu"})
            for (const auto& file : std::filesystem::directory_iterator(folder, none)) {
                const std::string name = file.path().filename().string();
                if (library.empty() && name.starts_with("libpython3.") && name.ends_with(".so.1.0")) library = file.path().string();
            }
        if (!library.empty()) found.push_back({python, library, home.string()});
    }
    return found;
}

}  // namespace leakline::test
