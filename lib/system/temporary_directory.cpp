#include "system/temporary_directory.hpp"

#include <cerrno>
#include <cstdlib>
#include <filesystem>

#include "base/error.hpp"
#include "system/executables.hpp"
#include "system/internal/cleanup_registry.hpp"

namespace leakline {

TemporaryDirectory::TemporaryDirectory() {
    const std::string_view root = environment_variable("TMPDIR");
    std::string path = std::string(root.empty() ? "/tmp" : root) + "/leakline.XXXXXX";
    if (::mkdtemp(path.data()) == nullptr)
        throw os_error(ErrorKind::system, path, "cannot create a temporary directory", errno, "set TMPDIR to a writable one");
    path_ = path;
    cleanup_registry::remember(path_, cleanup_registry::Kind::folder);
}

TemporaryDirectory::~TemporaryDirectory() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
    cleanup_registry::forget(path_);
}

}  // namespace leakline
