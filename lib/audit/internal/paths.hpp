// Paths as text. Pure, safe from any thread.
#pragma once

#include <algorithm>
#include <string>
#include <vector>

namespace leakline::audit {

// Whether an absolute path is that of the folder (or file) itself, or lies below it.
inline bool is_within(const std::string& path, const std::string& folder) {
    return path == folder || folder == "/" || (path.starts_with(folder) && path[folder.size()] == '/');
}

inline bool is_within_any(const std::string& path, const std::vector<std::string>& folders) {
    return std::any_of(folders.begin(), folders.end(), [&](const std::string& folder) { return is_within(path, folder); });
}

// A file as the debug info has it, and as the audit has it: the same where one ends with the other.
inline bool same_file(const std::string& a, const std::string& b) {
    const std::string& longer = a.size() >= b.size() ? a : b;
    const std::string& shorter = a.size() >= b.size() ? b : a;
    if (shorter.empty() || !longer.ends_with(shorter)) return false;
    return longer.size() == shorter.size() || longer[longer.size() - shorter.size() - 1] == '/';
}

}  // namespace leakline::audit
