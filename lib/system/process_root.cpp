#include "system/process_root.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <optional>
#include <string_view>
#include <utility>
#include <vector>

#include "base/strings.hpp"

namespace leakline {

namespace {

namespace fs = std::filesystem;

constexpr int kMaxLinks = 40;  // as the kernel's own limit

// Below root, with all links followed as if root were "/". Too many: root itself, which is no file.
std::string resolved(const std::string& root, std::string_view path) {
    std::vector<std::string> left;  // the next part last
    const auto put_before = [&](std::string_view parts) {
        const std::vector<std::string_view> names = split(parts, '/');
        left.insert(left.end(), names.rbegin(), names.rend());
    };
    put_before(path);
    fs::path inside = "/";
    for (int links = 0; !left.empty();) {
        const std::string part = std::move(left.back());
        left.pop_back();
        if (part.empty() || part == ".") continue;
        if (part == "..") {
            inside = inside.parent_path();
            continue;
        }
        std::error_code no_link;
        const std::string target = fs::read_symlink(root + (inside / part).string(), no_link).string();
        if (no_link) {
            inside /= part;
            continue;
        }
        if (++links > kMaxLinks) return root;
        if (target.starts_with('/')) inside = "/";
        put_before(target);
    }
    return root + inside.string();
}

std::optional<struct stat> status(int file) {
    struct stat found {};
    return ::fstat(file, &found) == 0 ? std::optional(found) : std::nullopt;
}

std::optional<struct stat> status(const char* path) {
    struct stat found {};
    return ::stat(path, &found) == 0 ? std::optional(found) : std::nullopt;
}

bool is_same(const struct stat& a, const struct stat& b) { return a.st_dev == b.st_dev && a.st_ino == b.st_ino; }

}  // namespace

ProcessRoot::ProcessRoot(int pid) {
    const std::string process = fmt::format("/proc/{}", pid);
    Descriptor root(::open((process + "/root").c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
    Descriptor mounts(::open((process + "/ns/mnt").c_str(), O_RDONLY | O_CLOEXEC));
    const auto their_root = status(root.get()), their_mounts = status(mounts.get()), our_root = status("/"),
               our_mounts = status("/proc/self/ns/mnt");
    if (!their_root || !their_mounts || !our_root || !our_mounts) return;
    identity_ = {their_mounts->st_ino, their_root->st_dev, their_root->st_ino};
    our_mounts_ = their_mounts->st_ino == our_mounts->st_ino;
    if (our_mounts_ && is_same(*their_root, *our_root)) return;
    folder_ = fmt::format("/proc/{}/fd/{}", ::getpid(), root.get());
    root_ = std::move(root);
    mounts_ = std::move(mounts);
}

const std::string& ProcessRoot::path_of(const std::string& path) const {
    if (is_ours() || !path.starts_with('/')) return path;
    const auto [place, inserted] = paths_.try_emplace(path);
    if (!inserted) return place->second;
    place->second = resolved(folder_, path);
    const auto theirs = status(place->second.c_str()), ours = status(path.c_str());
    if (theirs && ours ? is_same(*theirs, *ours) : our_mounts_ && !theirs) place->second = path;
    return place->second;
}

}  // namespace leakline
