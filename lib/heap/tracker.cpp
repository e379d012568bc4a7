#include "heap/tracker.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <vector>

#include "agent/embedded.hpp"
#include "agent/segment.hpp"
#include "base/error.hpp"
#include "system/executables.hpp"

namespace leakline::heap {

namespace {

std::vector<std::string> places() {
    if (const char* chosen = std::getenv("LEAKLINE_HEAPTRACK_DIR")) return {chosen};
    // First what was installed with leakline: portable packages bring the interpreter.
    std::vector<std::string> folders = {std::filesystem::path(own_directory() + "/../lib/heaptrack").lexically_normal()};
    if (const auto script = find_executable("heaptrack")) {
        std::error_code ignored;
        const auto real = std::filesystem::canonical(*script, ignored);
        if (!ignored) folders.push_back((real.parent_path().parent_path() / "lib/heaptrack").string());
    }
    for (const char* folder : {"/usr/lib/heaptrack", "/usr/lib64/heaptrack", "/usr/local/lib/heaptrack"}) folders.emplace_back(folder);
    return folders;
}

bool readable(const std::string& path) { return ::access(path.c_str(), R_OK) == 0; }

}  // namespace

Tracker find_tracker() {
    const auto folders = places();
    for (const std::string& folder : folders) {
        const std::string library = folder + "/libheaptrack_preload.so";
        if (readable(library)) return {library, find_interpreter()};
    }
    throw Error(ErrorKind::system, folders.back(), "heaptrack's libheaptrack_preload.so is missing",
                "install it: apt-get install heaptrack; or set LEAKLINE_HEAPTRACK_DIR to its directory");
}

std::string find_interpreter() {
    for (const std::string& folder : places()) {
        const std::string path = folder + "/libexec/heaptrack_interpret";
        if (::access(path.c_str(), X_OK) == 0) return path;
    }
    return {};
}

bool agent_available() { return !agent::embedded_agent().empty() && static_cast<std::size_t>(::sysconf(_SC_PAGESIZE)) == agent::kPage; }

}  // namespace leakline::heap
