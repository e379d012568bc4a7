#include "input_files.hpp"

#include <algorithm>
#include <filesystem>

#include "base/error.hpp"

namespace leakline::cli {

std::vector<std::string> files_of(const std::vector<std::string>& paths, const std::function<bool(const std::string&)>& wanted,
                                  const std::string& hint, std::vector<std::string>& warnings) {
    std::vector<std::string> files;
    for (const std::string& path : paths) {
        std::error_code error;
        if (!std::filesystem::is_directory(path, error)) {
            files.push_back(path);
            continue;
        }
        std::vector<std::string> found;
        for (const auto& entry : std::filesystem::directory_iterator(path, error)) {
            const std::string name = entry.path().string();
            if (entry.path().filename().string().starts_with('.') || !wanted(name)) continue;
            std::error_code unknown;
            if (entry.is_regular_file(unknown))
                found.push_back(name);
            else
                warnings.push_back(name + ": not a regular file, left out");
        }
        if (error) throw Error(ErrorKind::input, path, "cannot list it: " + error.message());
        if (found.empty()) throw Error(ErrorKind::input, path, "no file to read in this folder", hint);
        std::sort(found.begin(), found.end());
        files.insert(files.end(), found.begin(), found.end());
    }
    return files;
}

}  // namespace leakline::cli
