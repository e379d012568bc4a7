// Output files that are complete or absent.
//
// Thread-safety: one object, one thread at a time.
#pragma once

#include <stop_token>
#include <string>
#include <string_view>

namespace leakline {

// A file that appears whole under its name, or not at all: written beside it and renamed by commit(). Construction
// opens the file, so an unwritable place is known before any work starts. "-" writes to standard output;
// /dev/stdout, pipes and other special files are written in place.
class OutputFile {
  public:
    // Throws Error{input} with the reason when the place cannot be written. Where stop can be requested, that ends the wait for
    // the reader of a pipe, here and in write(), with Error "interrupted".
    explicit OutputFile(std::string path, std::stop_token stop = {});
    ~OutputFile();
    OutputFile(OutputFile&&) noexcept;
    OutputFile& operator=(OutputFile&&) noexcept;

    // Throw Error{system} (disk full, ...); the name keeps its old content then.
    void write(std::string_view bytes);
    void commit();
    const std::string& path() const { return path_; }

  private:
    void discard() noexcept;

    void open_special();
    void write_some(std::string_view& bytes);

    std::string path_, target_, temporary_;  // target_: path_ with links followed
    std::stop_token stop_;
    int descriptor_ = -1;
};

}  // namespace leakline
