// Whole files out, or none.
//
// Thread-safety: one object, one thread at a time.
#pragma once

#include <string>
#include <string_view>

namespace leakline {

// A file that appears whole under its name, or not at all: written beside it and renamed by commit(). Construction
// opens the file, so an unwritable place is known before any work starts. "-" writes to standard output;
// /dev/stdout, pipes and other special files are written in place.
class OutputFile {
  public:
    // Throws Error{input} with the reason when the place cannot be written.
    explicit OutputFile(std::string path);
    ~OutputFile();
    OutputFile(OutputFile&&) noexcept;
    OutputFile& operator=(OutputFile&&) noexcept;

    // Throw Error{system} (disk full, ...); the name keeps its old content then.
    void write(std::string_view bytes);
    void commit();
    const std::string& path() const { return path_; }

  private:
    void discard() noexcept;

    std::string path_, target_, temporary_;  // target_: path_ with links followed
    int descriptor_ = -1;
};

}  // namespace leakline
