#include "audit/internal/include_folders.hpp"

#include <algorithm>
#include <filesystem>
#include <map>
#include <set>
#include <unordered_map>

#include "base/error.hpp"
#include "base/strings.hpp"
#include "system/byte_source.hpp"

namespace leakline::audit {

namespace fs = std::filesystem;

namespace {

constexpr std::size_t kMaxFolders = 100, kMaxHeaders = 100'000;

// All headers below the root by the last part of their names; what was fetched beside the code counts, too.
std::unordered_map<std::string, std::vector<std::string>> headers_below(const std::string& root) {
    std::unordered_map<std::string, std::vector<std::string>> headers;
    std::error_code error;
    std::size_t count = 0;
    for (fs::recursive_directory_iterator at(root, fs::directory_options::skip_permission_denied, error), end;
         at != end && count < kMaxHeaders; at.increment(error)) {
        if (error) break;
        const std::string name = at->path().filename().string();
        if (at->is_directory(error)) {
            if ((name.size() > 1 && name.front() == '.') || name == "node_modules") at.disable_recursion_pending();
            continue;
        }
        const std::string extension = at->path().extension().string();
        static const std::set<std::string> extensions = {".h", ".hh", ".hpp", ".hxx", ".h++", ".inl", ".ipp", ".tcc", ".inc"};
        if (!extensions.contains(extension)) continue;
        headers[name].push_back(at->path().string());
        ++count;
    }
    return headers;
}

std::size_t shared_length(const std::string& a, const std::string& b) {
    return static_cast<std::size_t>(std::mismatch(a.begin(), a.end(), b.begin(), b.end()).first - a.begin());
}

bool is_of_the_system(const std::string& name) {
    std::error_code error;
    return fs::exists(fs::path("/usr/include") / name, error);
}

// Folders of installed libraries: /usr/include/glib-2.0, /usr/lib/x86_64-linux-gnu/glib-2.0/include.
std::vector<std::string> library_folders() {
    std::vector<std::string> folders;
    const auto look = [&](const char* base, const char* below) {
        std::error_code error, none;
        for (fs::directory_iterator at(base, error), end; !error && at != end; at.increment(error))
            if (std::string folder = at->path().string() + below; fs::is_directory(folder, none)) folders.push_back(std::move(folder));
    };
    for (const char* base : {"/usr/include", "/usr/local/include"}) look(base, "");
    for (const char* base : {"/usr/lib", "/usr/lib/x86_64-linux-gnu", "/usr/lib/aarch64-linux-gnu"}) look(base, "/include");
    return folders;
}

// The folder of an installed library that a header is in, which a build would ask pkg-config for; "" where none has it, and where
// several have one of the name.
std::string library_folder_of(const std::string& name) {
    if (name == "config.h") return {};  // the build's own
    static const std::vector<std::string> folders = library_folders();
    std::string found;
    std::error_code error;
    for (const std::string& folder : folders) {
        if (!fs::exists(fs::path(folder) / name, error)) continue;
        if (!found.empty()) return {};
        found = folder;
    }
    return found;
}

}  // namespace

std::vector<Include> includes_of(std::string_view text) {
    std::vector<Include> found;
    for (std::string_view line : split(text, '\n')) {
        line = trim(line);
        if (!line.starts_with('#')) continue;
        line = trim(line.substr(1));
        constexpr std::string_view kWord = "include";
        if (!line.starts_with(kWord)) continue;
        line = trim(line.substr(kWord.size()));
        if (line.empty() || (line.front() != '"' && line.front() != '<')) continue;
        const std::size_t end = line.find(line.front() == '"' ? '"' : '>', 1);
        if (end != line.npos && end > 1) found.push_back({std::string(line.substr(1, end - 1)), line.front() == '"'});
    }
    return found;
}

std::vector<std::string> include_arguments(const std::string& root, const std::vector<std::string>& sources) {
    const auto headers = headers_below(root);
    std::map<std::string, std::size_t> needed;                       // how many lines need a folder
    std::set<std::string> angled;                                    // for #include <...>
    std::unordered_map<std::string, std::string> folder_of_library;  // by the header's name, "" where there is none
    std::vector<std::string> open = sources;
    std::set<std::string> seen(open.begin(), open.end());
    std::error_code error;
    while (!open.empty()) {
        const std::string file = std::move(open.back());
        open.pop_back();
        std::string text;
        try {
            text = read_file(file);
        } catch (const Error&) {
            continue;  // reported where the unit is read
        }
        const std::string here = fs::path(file).parent_path().string();
        for (const Include& include : includes_of(text)) {
            std::string found;
            if (include.quoted && fs::exists(fs::path(here) / include.name, error)) {
                found = (fs::path(here) / include.name).lexically_normal().string();
            } else {
                const auto known = headers.find(fs::path(include.name).filename().string());
                if (!include.quoted && is_of_the_system(include.name)) continue;
                const std::string tail = "/" + include.name;
                if (known == headers.end()) {
                    // <glib.h> is /usr/include/glib-2.0/glib.h, and what it includes may be in one more.
                    if (include.quoted) continue;
                    const auto [at, added] = folder_of_library.try_emplace(include.name);
                    if (added) at->second = library_folder_of(include.name);
                    const std::string& folder = at->second;
                    if (folder.empty()) continue;
                    ++needed[folder];
                    angled.insert(folder);
                    if (seen.insert(folder + tail).second) open.push_back(folder + tail);
                    continue;
                }
                for (const std::string& header : known->second)
                    if (header.ends_with(tail) && (found.empty() || shared_length(header, here) > shared_length(found, here)))
                        found = header;
                if (found.empty()) continue;
                const std::string folder = found.substr(0, found.size() - tail.size());
                ++needed[folder];
                if (!include.quoted) angled.insert(folder);
            }
            if (seen.insert(found).second) open.push_back(std::move(found));
        }
    }
    std::vector<std::pair<std::string, std::size_t>> by_need(needed.begin(), needed.end());
    std::stable_sort(by_need.begin(), by_need.end(), [](const auto& a, const auto& b) { return a.second > b.second; });
    // The project's folders must not hide the system's headers: "dirent.h" for other systems.
    std::vector<std::string> arguments = {"-I" + root};
    if (fs::is_directory(fs::path(root) / "include", error)) arguments.push_back("-I" + (fs::path(root) / "include").string());
    for (const auto& [folder, lines] : by_need) {
        if (arguments.size() >= kMaxFolders) break;
        arguments.push_back((angled.contains(folder) ? "-idirafter" : "-iquote") + folder);
    }
    return arguments;
}

}  // namespace leakline::audit
