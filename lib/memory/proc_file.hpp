// A small file of /proc or /sys that is read again and again through one descriptor: one pread a sample.
//
// Thread-safety: one object, one thread at a time.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace leakline::memory {

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
    // All of the file, from its start. The view lives until the next call on any ProcFile of this thread.
    std::optional<std::string_view> read();
    // Exactly so many bytes from a place in it, into `to`.
    bool read_at(std::uint64_t place, void* to, std::size_t size);

  private:
    int descriptor_ = -1;
    int error_ = 0;
};

}  // namespace leakline::memory
