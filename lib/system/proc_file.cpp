#include "system/proc_file.hpp"

#include <dirent.h>
#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <charconv>
#include <filesystem>
#include <memory>
#include <utility>
#include <vector>

#include "system/descriptor.hpp"

namespace leakline {

namespace {
constexpr std::size_t kFirst = 4096;
// The kernel hands a file of many records out by pages: a read that ends below half a page was the last one.
constexpr std::size_t kCompleteBelow = 2048;
constexpr std::size_t kMax = std::size_t{1} << 20;
}  // namespace

ProcFile::ProcFile(const std::string& path) : descriptor_(::open(path.c_str(), O_RDONLY | O_CLOEXEC)) {
    if (descriptor_ < 0) error_ = errno;
}

ProcFile::~ProcFile() {
    if (descriptor_ >= 0) ::close(descriptor_);
}

ProcFile::ProcFile(ProcFile&& other) noexcept : descriptor_(std::exchange(other.descriptor_, -1)), error_(other.error_) {}

ProcFile& ProcFile::operator=(ProcFile&& other) noexcept {
    std::swap(descriptor_, other.descriptor_);
    std::swap(error_, other.error_);
    return *this;
}

std::optional<std::string_view> ProcFile::read() {
    static thread_local std::vector<char> buffer(kFirst);
    if (descriptor_ < 0) return std::nullopt;
    std::size_t length = 0;
    for (;;) {
        const ssize_t got = ::pread(descriptor_, buffer.data() + length, buffer.size() - length, static_cast<off_t>(length));
        if (got < 0) {
            if (errno == EINTR) continue;
            error_ = errno;
            return std::nullopt;
        }
        length += static_cast<std::size_t>(got);
        if (got == 0 || length < kCompleteBelow || length >= kMax) return std::string_view(buffer.data(), length);
        if (length == buffer.size()) buffer.resize(buffer.size() * 2);
    }
}

bool ProcFile::read_at(std::uint64_t place, void* to, std::size_t size) { return leakline::read_at(descriptor_, to, size, place) == size; }

std::optional<std::string> read_small_file(const std::string& path) {
    const int descriptor = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
    if (descriptor < 0) return std::nullopt;
    std::string content;
    char buffer[4096];
    ssize_t got = 0;
    while ((got = ::read(descriptor, buffer, sizeof buffer)) > 0 || (got < 0 && errno == EINTR))
        if (got > 0) content.append(buffer, static_cast<std::size_t>(got));
    ::close(descriptor);
    if (got < 0) return std::nullopt;
    return content;
}

std::optional<std::vector<std::uint32_t>> numbers_in(const std::string& folder) {
    struct Close {
        void operator()(DIR* open) const { ::closedir(open); }
    };
    const std::unique_ptr<DIR, Close> entries(::opendir(folder.c_str()));
    if (!entries) return std::nullopt;
    std::vector<std::uint32_t> numbers;
    while (const dirent* entry = ::readdir(entries.get())) {
        const std::string_view name = entry->d_name;
        std::uint32_t number = 0;
        const auto parsed = std::from_chars(name.data(), name.data() + name.size(), number);
        if (parsed.ec == std::errc{} && parsed.ptr == name.data() + name.size()) numbers.push_back(number);
    }
    return numbers;
}

std::optional<ProcessStat> read_stat(int pid, const SystemRoots& roots) {
    const auto text = read_small_file(roots.proc + "/" + std::to_string(pid) + "/stat");
    return text ? parse_stat(*text) : std::nullopt;
}

std::optional<Bytes> available_memory(const SystemRoots& roots) {
    const auto text = read_small_file(roots.proc + "/meminfo");
    const auto value = text ? status_value(*text, "MemAvailable") : std::nullopt;
    const auto kib = value ? parse_number(value->substr(0, value->find(' '))) : std::nullopt;
    return kib ? std::optional(*kib * 1024) : std::nullopt;
}

std::string executable_of(int pid) {
    std::error_code ignored;
    return std::filesystem::read_symlink("/proc/" + std::to_string(pid) + "/exe", ignored).string();
}

}  // namespace leakline
