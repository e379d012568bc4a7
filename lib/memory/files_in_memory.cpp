#include "memory/internal/files_in_memory.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <fstream>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/strings.hpp"
#include "system/mappings.hpp"
#include "system/proc_file.hpp"

namespace leakline::memory {

namespace {

// A process with more descriptors than this has connections, which would take long to look at.
constexpr std::size_t kMostDescriptors = 16'384;

struct FileId {
    unsigned major = 0, minor = 0;
    std::uint64_t inode = 0;
    auto operator<=>(const FileId&) const = default;
};
using Device = std::pair<unsigned, unsigned>;

// /proc/PID/mountinfo: "36 35 0:24 /root /mount options - tmpfs source options".
std::set<Device> devices_in_memory(const std::string& process_folder) {
    std::set<Device> devices;
    std::ifstream file(process_folder + "/mountinfo");
    for (std::string line; std::getline(file, line);) {
        const std::size_t type = line.find(" - ");
        if (type == line.npos || !(line.compare(type + 3, 6, "tmpfs ") == 0 || line.compare(type + 3, 6, "ramfs ") == 0)) continue;
        const std::vector<std::string_view> numbers = split(split(line, ' ')[2], ':');
        const auto major = leakline::parse_number(numbers.front()), minor = leakline::parse_number(numbers.back());
        if (numbers.size() == 2 && major && minor) devices.insert({static_cast<unsigned>(*major), static_cast<unsigned>(*minor)});
    }
    return devices;
}

// How much of each file one process maps.
std::map<FileId, Bytes> mapped_files(const std::string& process_folder) {
    std::map<FileId, Bytes> mapped;
    for (const Mapping& mapping : parse_mappings(read_small_file(process_folder + "/maps").value_or("")))
        if (mapping.inode != 0) mapped[{mapping.major, mapping.minor, mapping.inode}] += mapping.size();
    return mapped;
}

class Look {
  public:
    explicit Look(const SystemRoots& roots) : roots_(roots) {}

    void at_process(const ProcessReading& reading) {
        const std::string folder = roots_.proc + "/" + std::to_string(reading.pid);
        auto numbers = numbers_in(folder + "/fd").value_or(std::vector<std::uint32_t>());
        numbers.resize(std::min(numbers.size(), kMostDescriptors));
        for (const std::uint32_t number : numbers) note(folder + "/fd/" + std::to_string(number), folder);
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
    void note(const std::string& descriptor, const std::string& process_folder) {
        char link[64];  // a socket's or a pipe's link does not begin with a slash
        const ssize_t length = ::readlink(descriptor.c_str(), link, sizeof link);
        if (length <= 0 || link[0] != '/') return;
        struct statx status {};
        // A network file system whose server is away would not answer.
        if (::statx(AT_FDCWD, descriptor.c_str(), AT_STATX_DONT_SYNC, STATX_TYPE | STATX_INO | STATX_BLOCKS | STATX_NLINK, &status) != 0 ||
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
    looks_.run(now, [&] {
        Look look(roots);
        for (const ProcessReading& reading : readings)
            if (!reading.zombie) look.at_process(reading);
        if (look.found_any())
            for (const ProcessReading& reading : readings)
                if (!reading.zombie) look.at_mappings(reading);
        total_ = look.unmapped();
    });
}

}  // namespace leakline::memory
