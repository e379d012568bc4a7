#include "heap/internal/agent_files.hpp"

#include <dirent.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cstdlib>
#include <filesystem>
#include <utility>

#include "agent/embedded.hpp"
#include "base/error.hpp"
#include "heap/tracker.hpp"
#include "system/executables.hpp"
#include "system/memory_library.hpp"

namespace leakline::heap {

namespace {

// With less, samples are soon lost.
constexpr std::uint64_t kMinRoom = std::uint64_t{32} << 20;

bool has_room(const std::string& folder) {
    struct statvfs status {};
    return ::access(folder.c_str(), W_OK | X_OK) == 0 && ::statvfs(folder.c_str(), &status) == 0 &&
           status.f_bavail * status.f_frsize >= kMinRoom;
}

// Prefers memory to a disk.
std::string choose_folder() {
    const std::string_view temporary = environment_variable("TMPDIR");
    for (const std::string& folder : {std::string("/dev/shm"), std::string(temporary), std::string("/tmp")})
        if (!folder.empty() && has_room(folder)) return folder;
    throw Error(ErrorKind::system, "/dev/shm", "less than 32 MiB free for the agent's samples, also in TMPDIR and /tmp",
                "free some space, or set TMPDIR to a directory with enough");
}

// False if the loader could not load it: a file system mounted noexec, or a path that LD_PRELOAD cannot hold.
bool write_library(const std::string& path, std::string_view bytes) {
    if (path.find_first_of(" :") != path.npos) return false;
    const Descriptor file(::open(path.c_str(), O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0644));
    if (file.get() < 0 || ::fchmod(file.get(), 0644) != 0 || write_all(file.get(), bytes) != bytes.size()) return false;
    void* const mapped = ::mmap(nullptr, bytes.size(), PROT_READ | PROT_EXEC, MAP_PRIVATE, file.get(), 0);
    if (mapped == MAP_FAILED) return false;
    ::munmap(mapped, bytes.size());
    return true;
}

}  // namespace

std::vector<SegmentName> list_segments(const std::string& directory) {
    std::vector<SegmentName> names;
    DIR* const listing = ::opendir(directory.c_str());
    if (listing == nullptr) return names;
    while (const dirent* const entry = ::readdir(listing)) {
        SegmentName name;
        name.file = entry->d_name;
        const char* const end = name.file.data() + name.file.size();
        const auto pid = std::from_chars(name.file.data(), end, name.pid);
        if (pid.ec != std::errc{} || pid.ptr == end || *pid.ptr != '.') continue;
        const auto image = std::from_chars(pid.ptr + 1, end, name.image);
        if (image.ec == std::errc{} && image.ptr == end) names.push_back(std::move(name));
    }
    ::closedir(listing);
    std::sort(names.begin(), names.end());
    return names;
}

std::map<int, Bytes> segment_memory(const std::string& directory) {
    constexpr Bytes kBlock = 512;  // of st_blocks, whatever the file system's
    std::map<int, Bytes> memory;
    for (const SegmentName& name : list_segments(directory)) {
        struct stat status {};
        if (::stat((directory + "/" + name.file).c_str(), &status) == 0) memory[name.pid] = static_cast<Bytes>(status.st_blocks) * kBlock;
    }
    return memory;
}

AgentFiles AgentFiles::make(Operators operators) {
    if (!agent_available())
        throw Error(ErrorKind::system, "record", "the agent does not support this CPU architecture or its page size",
                    "record with --tracker heaptrack");
    const std::string_view bytes = operators == Operators::malloc ? agent::embedded_agent_operators() : agent::embedded_agent();
    AgentFiles files;
    std::string pattern = choose_folder() + "/leakline-XXXXXX";
    if (::mkdtemp(pattern.data()) == nullptr) throw os_error(ErrorKind::system, pattern, "cannot create a directory", errno);
    files.directory_ = pattern;
    // Processes that have switched to another user create files there too, but cannot list it.
    ::chmod(pattern.c_str(), 01733);
    const std::string library = pattern + "/agent.so";
    if (write_library(library, bytes)) {
        files.library_ = library;
        return files;
    }
    files.memory_ = open_memory_library(bytes, kMemoryLibrary);
    if (files.memory_.get() < 0)
        throw Error(ErrorKind::system, library, "libraries cannot be loaded from this directory or from memory",
                    "record with --tracker heaptrack");
    return files;
}

AgentFiles::AgentFiles(AgentFiles&& other) noexcept
    : directory_(std::exchange(other.directory_, {})),
      library_(std::move(other.library_)),
      memory_(std::move(other.memory_)),
      left_(other.left_) {}

AgentFiles& AgentFiles::operator=(AgentFiles&& other) noexcept {
    std::swap(directory_, other.directory_);
    std::swap(library_, other.library_);
    std::swap(memory_, other.memory_);
    std::swap(left_, other.left_);
    return *this;
}

AgentFiles::~AgentFiles() {
    std::error_code ignored;
    if (!left_ && !directory_.empty()) std::filesystem::remove_all(directory_, ignored);
}

std::string AgentFiles::library(int collector) const {
    return !library_.empty() ? library_ : fmt::format("/proc/{}/fd/{}", collector, memory_.get());
}

}  // namespace leakline::heap
