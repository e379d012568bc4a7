// A program that sees other files than we do, as in a container.
#pragma once

#include <cstdlib>
#include <string>
#include <vector>

namespace leakline::test {

// Mounts need privileges, which the machine may not give.
inline bool can_mount() { return std::system("unshare --mount --pid --fork mount -t tmpfs none /tmp >/dev/null 2>&1") == 0; }

// A command that runs `words` in a mount namespace where `folder` has a copy of `file`, at the same path, and nothing else. options: of
// unshare, besides --mount.
inline std::vector<std::string> in_own_files(const std::string& folder, const std::string& file, const std::string& words,
                                             const std::vector<std::string>& options = {}) {
    std::vector<std::string> command = {"unshare", "--mount"};
    command.insert(command.end(), options.begin(), options.end());
    // It is opened before the mount hides it.
    const std::string copy = "exec 9<" + file + " && mount -t tmpfs none " + folder + " && cat <&9 >" + file + " && exec 9<&-";
    command.insert(command.end(), {"sh", "-c", copy + " && chmod 755 " + file + " && exec " + words});
    return command;
}

}  // namespace leakline::test
