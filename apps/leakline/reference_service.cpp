#include "reference_service.hpp"

#include <filesystem>

#include "base/error.hpp"
#include "system/executables.hpp"

namespace leakline::cli {

namespace {

// Links are resolved in own_directory() already.
std::string from_here(const std::string& path) { return std::filesystem::path(own_directory() + "/" + path).lexically_normal(); }
std::string beside() { return from_here("trackd"); }
std::string installed() { return from_here(LEAKLINE_TO_LIBEXEC "/trackd"); }

}  // namespace

std::optional<std::string> find_reference_service() {
    if (auto path = find_executable(beside())) return path;
    return find_executable(installed());
}

std::string require_reference_service(const std::string& hint) {
    if (auto path = find_reference_service()) return *path;
    throw Error(ErrorKind::input, beside(), "the reference service is neither here nor in " + installed(), hint);
}

bool is_installed() { return !find_executable(beside()) && find_executable(installed()).has_value(); }

std::string installed_file(const std::string& name) { return from_here(LEAKLINE_TO_DATA "/" + name); }

}  // namespace leakline::cli
