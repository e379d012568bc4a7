#include "system/executables.hpp"

#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>

#include "base/error.hpp"
#include "base/strings.hpp"

namespace leakline {

std::optional<std::string> find_executable(const std::string& name) {
    const auto usable = [](const std::string& path) {
        struct stat status {};
        return ::stat(path.c_str(), &status) == 0 && S_ISREG(status.st_mode) && ::access(path.c_str(), X_OK) == 0;
    };
    if (name.empty()) return std::nullopt;
    if (name.find('/') != std::string::npos) return usable(name) ? std::optional(name) : std::nullopt;
    const char* path = std::getenv("PATH");
    for (const std::string_view directory : split(path != nullptr ? path : "/usr/bin:/bin", ':')) {
        std::string candidate = (directory.empty() ? std::string(".") : std::string(directory)) + "/" + name;
        if (usable(candidate)) return candidate;
    }
    return std::nullopt;
}

std::string require_executable(const std::string& name) {
    if (const auto path = find_executable(name)) return *path;
    const bool is_path = name.find('/') != std::string::npos;
    if (is_path && ::access(name.c_str(), F_OK) == 0)
        throw Error(ErrorKind::input, name, "is not an executable file", "chmod +x it, or name another");
    throw Error(ErrorKind::input, name, "no such program", is_path ? "" : "give its path, or add its directory to PATH");
}

std::string_view environment_variable(const char* name) {
    const char* value = std::getenv(name);
    return value == nullptr ? std::string_view{} : std::string_view{value};
}

std::string own_directory() {
    char buffer[4096];
    const ssize_t length = ::readlink("/proc/self/exe", buffer, sizeof buffer);
    if (length <= 0) return ".";
    const std::string path(buffer, static_cast<std::size_t>(length));
    return path.substr(0, path.rfind('/'));
}

}  // namespace leakline
