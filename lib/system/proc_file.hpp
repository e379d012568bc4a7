// A small file of /proc or /sys that is read repeatedly through one descriptor: one pread per sample.
//
// Thread-safety: one object, one thread at a time.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "system/procfs.hpp"

namespace leakline {

class ProcFile {
  public:
    ProcFile() = default;
    // Does not throw: a file that cannot be opened reads as nothing, error() says why.
    explicit ProcFile(const std::string& path);
    ~ProcFile();
    ProcFile(ProcFile&& other) noexcept;
    ProcFile& operator=(ProcFile&& other) noexcept;

    bool is_open() const { return descriptor_ >= 0; }
    int error() const { return error_; }  // errno of the last failure
    // All of the file, from its start. The view is valid until the next call on any ProcFile of this thread.
    std::optional<std::string_view> read();
    // Exactly so many bytes from a place in it, into `to`.
    bool read_at(std::uint64_t place, void* to, std::size_t size);

  private:
    int descriptor_ = -1;
    int error_ = 0;
};

// All of a small file of /proc or /sys; nothing where it is missing or unreadable.
std::optional<std::string> read_small_file(const std::string& path);

// The entries of a folder whose names are numbers, such as the descriptors in /proc/PID/fd; nothing where it is missing or unreadable.
std::optional<std::vector<std::uint32_t>> numbers_in(const std::string& folder);

// /proc/PID/stat; nothing where the process is gone.
std::optional<ProcessStat> read_stat(int pid, const SystemRoots& roots = {});
// What the machine can still give to programs (MemAvailable in /proc/meminfo); nothing where that is not known.
std::optional<Bytes> available_memory(const SystemRoots& roots = {});
// Where /proc/PID/exe leads; empty where the process is gone or another user's.
std::string executable_of(int pid);

}  // namespace leakline
