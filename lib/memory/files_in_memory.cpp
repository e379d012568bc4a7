#include "memory/internal/files_in_memory.hpp"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <fstream>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/strings.hpp"

namespace leakline::memory {

namespace {

constexpr Nanoseconds kBetweenLooks = std::chrono::milliseconds(200);
constexpr int kRest = 49;  // times what a look took
// A process with more descriptors than this has connections, which would take long to look at.
constexpr std::size_t kMostDescriptors = 16'384;

struct FileId {
    unsigned major = 0, minor = 0;
    std::uint64_t inode = 0;
    auto operator<=>(const FileId&) const = default;
};
using Device = std::pair<unsigned, unsigned>;

template <class Number>
bool take_number(std::string_view& text, Number& number, int base) {
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number, base);
    if (error != std::errc{}) return false;
    text.remove_prefix(static_cast<std::size_t>(end - text.data()));
    return true;
}

bool take_text(std::string_view& text, std::string_view expected) {
    if (!text.starts_with(expected)) return false;
    text.remove_prefix(expected.size());
    return true;
}

// /proc/PID/mountinfo: "36 35 0:24 /root /mount options - tmpfs source options".
std::set<Device> devices_in_memory(const std::string& process_folder) {
    std::set<Device> devices;
    std::ifstream file(process_folder + "/mountinfo");
    for (std::string line; std::getline(file, line);) {
        const std::size_t type = line.find(" - ");
        if (type == line.npos || !(line.compare(type + 3, 6, "tmpfs ") == 0 || line.compare(type + 3, 6, "ramfs ") == 0)) continue;
        const std::vector<std::string_view> words = split(line, ' ');
        Device device;
        std::string_view text = words.size() > 2 ? words[2] : std::string_view();
        if (take_number(text, device.first, 10) && take_text(text, ":") && take_number(text, device.second, 10)) devices.insert(device);
    }
    return devices;
}

// /proc/PID/maps: "7f00-7f20 rw-s 00000000 00:01 1234  /memfd:name (deleted)". How much of each file one process maps.
std::map<FileId, Bytes> mapped_files(const std::string& process_folder) {
    std::map<FileId, Bytes> mapped;
    std::ifstream file(process_folder + "/maps");
    for (std::string line; std::getline(file, line);) {
        std::string_view text = line;
        std::uint64_t begin = 0, end = 0, offset = 0;
        FileId id;
        if (!take_number(text, begin, 16) || !take_text(text, "-") || !take_number(text, end, 16) || text.size() < 6) continue;
        text.remove_prefix(6);  // " rw-s "
        if (!take_number(text, offset, 16) || !take_text(text, " ") || !take_number(text, id.major, 16) || !take_text(text, ":") ||
            !take_number(text, id.minor, 16) || !take_text(text, " ") || !take_number(text, id.inode, 10))
            continue;
        if (id.inode != 0 && end > begin) mapped[id] += end - begin;
    }
    return mapped;
}

class Look {
  public:
    explicit Look(const SystemRoots& roots) : roots_(roots) {}

    void at_process(const ProcessReading& reading) {
        const std::string folder = roots_.proc + "/" + std::to_string(reading.pid);
        DIR* const directory = ::opendir((folder + "/fd").c_str());
        if (directory == nullptr) return;
        std::size_t seen = 0;
        while (const dirent* const entry = ::readdir(directory)) {
            if (++seen > kMostDescriptors) break;
            note(::dirfd(directory), entry->d_name, folder);
        }
        ::closedir(directory);
    }

    bool found_any() const { return !held_.empty(); }

    // A file may be mapped in a process that has closed it.
    void at_mappings(const ProcessReading& reading) {
        for (const auto& [id, length] : mapped_files(roots_.proc + "/" + std::to_string(reading.pid)))
            if (held_.contains(id)) mapped_[id] = std::max(mapped_[id], length);
    }

    Bytes unmapped() const {
        Bytes sum = 0;
        for (const auto& [id, held] : held_) {
            const auto known = mapped_.find(id);
            sum += held - std::min(held, known == mapped_.end() ? 0 : known->second);
        }
        return sum;
    }

  private:
    // What the descriptor's file holds, if it is memory to the service. A database or a log with a name on a tmpfs, such as /tmp on many
    // systems, is a file to it: it grows as it would on a disk.
    void note(int directory, const char* name, const std::string& process_folder) {
        char link[64];  // a socket's or a pipe's link does not begin with a slash
        const ssize_t length = ::readlinkat(directory, name, link, sizeof link);
        if (length <= 0 || link[0] != '/') return;
        struct statx status {};
        // A network file system whose server is away would not answer.
        if (::statx(directory, name, AT_STATX_DONT_SYNC, STATX_TYPE | STATX_INO | STATX_BLOCKS | STATX_NLINK, &status) != 0 ||
            !S_ISREG(status.stx_mode))
            return;
        const std::string_view path(link, static_cast<std::size_t>(length));
        if (!path.starts_with("/memfd:")) {
            if (status.stx_nlink > 0 && !path.starts_with("/dev/shm/")) return;
            if (!devices_) devices_ = devices_in_memory(process_folder);
            if (!devices_->contains({status.stx_dev_major, status.stx_dev_minor})) return;
        }
        held_[{status.stx_dev_major, status.stx_dev_minor, status.stx_ino}] = status.stx_blocks * 512;
    }

    const SystemRoots& roots_;
    std::optional<std::set<Device>> devices_;  // of the first process that has a file
    std::map<FileId, Bytes> held_, mapped_;
};

}  // namespace

void FilesInMemory::add(const std::vector<ProcessReading>& readings, const SystemRoots& roots, Nanoseconds now) {
    if (now < next_look_) return;
    const Nanoseconds begin = system_clock().monotonic();
    Look look(roots);
    for (const ProcessReading& reading : readings)
        if (!reading.zombie) look.at_process(reading);
    if (look.found_any())
        for (const ProcessReading& reading : readings)
            if (!reading.zombie) look.at_mappings(reading);
    total_ = look.unmapped();
    next_look_ = now + std::max(kBetweenLooks, (system_clock().monotonic() - begin) * kRest);
}

}  // namespace leakline::memory
