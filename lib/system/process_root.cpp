#include "system/process_root.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
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

}  // namespace

ProcessRoot::ProcessRoot(int pid) {
    const std::string process = fmt::format("/proc/{}", pid);
    std::error_code error;
    const std::string mounts = fs::read_symlink(process + "/ns/mnt", error).string();
    root_ = Descriptor(::open((process + "/root").c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
    struct stat theirs {
    }, ours{};
    if (mounts.empty() || root_.get() < 0 || ::fstat(root_.get(), &theirs) != 0 || ::stat("/", &ours) != 0) {
        root_.close();
        return;
    }
    namespace_ = mounts;
    device_ = theirs.st_dev;
    inode_ = theirs.st_ino;
    const bool same = device_ == ours.st_dev && inode_ == ours.st_ino && mounts == fs::read_symlink("/proc/self/ns/mnt", error).string();
    if (same)
        root_.close();
    else
        folder_ = fmt::format("/proc/{}/fd/{}", ::getpid(), root_.get());
}

const std::string& ProcessRoot::path_of(const std::string& path) const {
    if (is_ours() || !path.starts_with('/')) return path;
    const auto [place, inserted] = paths_.try_emplace(path);
    if (inserted) place->second = resolved(folder_, path);
    return place->second;
}

}  // namespace leakline
