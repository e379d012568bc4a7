// Paths as text. Pure, safe from any thread.
#pragma once

#include <string>

namespace leakline::audit {

// Whether an absolute path is that of the folder (or file) itself, or lies below it.
inline bool is_within(const std::string& path, const std::string& folder) {
    return path == folder || folder == "/" || (path.starts_with(folder) && path[folder.size()] == '/');
}

}  // namespace leakline::audit
