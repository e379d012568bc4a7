#include "memory/internal/ipc_objects.hpp"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <fstream>
#include <iterator>
#include <memory>

#include "base/strings.hpp"
#include "memory/internal/series_log_time.hpp"
#include "memory/resource_kinds.hpp"

namespace leakline::memory {

namespace {

// Folders of /dev/shm that are looked into, one in another.
constexpr int kMostNested = 2;
// Files of one pattern of which the owner is looked up.
constexpr std::uint64_t kMostExamined = 4096;
constexpr std::string_view kOwnFiles = "leakline-";

std::optional<std::size_t> column_of(const std::vector<std::string_view>& header, std::string_view name) {
    const auto at = std::find(header.begin(), header.end(), name);
    if (at == header.end()) return std::nullopt;
    return static_cast<std::size_t>(at - header.begin());
}

std::string text_of(const std::string& path) {
    std::ifstream file(path, std::ios::binary);
    return {std::istreambuf_iterator<char>(file), {}};
}

// The target of a link such as /proc/PID/ns/ipc.
std::string link_target(const std::string& path) {
    char buffer[64];
    const ssize_t length = ::readlink(path.c_str(), buffer, sizeof buffer);
    return length > 0 ? std::string(buffer, static_cast<std::size_t>(length)) : std::string();
}

class Look {
  public:
    Look(const std::vector<int>& pids, const SystemRoots& roots) : roots_(roots), pids_(pids.begin(), pids.end()) {
        struct stat status {};
        for (const int pid : pids)
            if (::stat(folder_of(pid).c_str(), &status) == 0) users_.insert(status.st_uid);
    }

    bool found_processes() const { return !users_.empty(); }

    void at_sysv(std::string_view table, const char* kind) {
        std::uint64_t attached = 0, other = 0, of_others = 0;
        for (const SysvObject& object : parse_sysv_objects(text_of(roots_.proc + "/sysvipc/" + std::string(table)))) {
            const bool others = !users_.contains(static_cast<uid_t>(object.owner)) || (object.maker && is_another_program(*object.maker));
            ++(others ? of_others : object.attached > 0 ? attached : other);
        }
        found_.of_others[kind] = of_others;
        add(kind, other);
        add(kind + std::string(", attached"), attached);
    }

    // False if the folder cannot be read.
    bool at_files(const std::string& folder, const std::string& shown, const std::string& kind, int nested = 0) {
        const std::unique_ptr<DIR, int (*)(DIR*)> directory(::opendir(folder.c_str()), ::closedir);
        if (directory == nullptr) return errno == ENOENT;
        struct Pattern {
            std::uint64_t number = 0, examined = 0, of_users = 0;
        };
        std::map<std::string, Pattern> patterns;
        struct stat status {};
        while (const dirent* entry = ::readdir(directory.get())) {
            const std::string name = entry->d_name;
            if (name == "." || name == ".." || name.starts_with(kOwnFiles)) continue;
            if (entry->d_type == DT_DIR) {
                if (nested < kMostNested) at_files(folder + "/" + name, shown + "/" + name, kind, nested + 1);
                continue;
            }
            Pattern& pattern = patterns[folded_name(shown + "/" + name)];
            ++pattern.number;
            if (pattern.examined >= kMostExamined || ::lstat((folder + "/" + name).c_str(), &status) != 0) continue;
            ++pattern.examined;
            pattern.of_users += users_.contains(status.st_uid) ? 1 : 0;
        }
        // Of a pattern with more files than are examined, the share of the users is taken for all.
        for (const auto& [name, pattern] : patterns)
            if (pattern.examined > 0) add(kind + name, pattern.of_users * pattern.number / pattern.examined);
        return true;
    }

    IpcObjects take() { return std::move(found_); }

  private:
    std::string folder_of(std::uint64_t pid) const { return roots_.proc + "/" + std::to_string(pid); }

    bool is_another_program(std::uint64_t pid) const {
        return !pids_.contains(static_cast<int>(pid)) && ::access(folder_of(pid).c_str(), F_OK) == 0;
    }

    void add(const std::string& kind, std::uint64_t number) {
        if (number == 0) return;
        found_.count += number;
        found_.kinds[kind] += number;
    }

    const SystemRoots& roots_;
    std::set<int> pids_;
    std::set<uid_t> users_;
    IpcObjects found_;
};

}  // namespace

std::vector<SysvObject> parse_sysv_objects(std::string_view table) {
    const std::vector<std::string_view> lines = split(table, '\n');
    const std::vector<std::string_view> header = words_of(lines.front());
    const auto owner = column_of(header, "uid"), maker = column_of(header, "cpid"), attached = column_of(header, "nattch");
    std::vector<SysvObject> objects;
    if (!owner) return objects;
    for (std::size_t i = 1; i < lines.size(); ++i) {
        const std::vector<std::string_view> row = words_of(lines[i]);
        if (row.size() != header.size()) continue;
        const auto user = leakline::parse_number(row[*owner]);
        if (!user) continue;
        SysvObject object{*user, std::nullopt, 0};
        if (maker) object.maker = leakline::parse_number(row[*maker]);
        if (attached) object.attached = leakline::parse_number(row[*attached]).value_or(0);
        objects.push_back(object);
    }
    return objects;
}

std::optional<IpcObjects> ipc_objects_of(const std::vector<int>& pids, const SystemRoots& roots) {
    Look look(pids, roots);
    if (!look.found_processes()) return std::nullopt;
    const std::string folder = roots.proc + "/" + std::to_string(pids.front());
    // /proc/sysvipc shows the reader's own namespace, so a container's objects are not seen. A count of a part would be taken for the whole.
    if (link_target(folder + "/ns/ipc") != link_target(roots.proc + "/self/ns/ipc")) return std::nullopt;
    if (!look.at_files(folder + "/root/dev/shm", "/dev/shm", "file ")) return std::nullopt;
    look.at_sysv("shm", kSysvMemory);
    look.at_sysv("sem", kSysvSemaphores);
    look.at_sysv("msg", kSysvQueue);
    look.at_files(folder + "/root/dev/mqueue", "/dev/mqueue", "POSIX message queue ");
    return look.take();
}

}  // namespace leakline::memory
