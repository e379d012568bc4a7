// A file that is opened early and filled later: it keeps its content until the first data arrives.
//
// Thread-safety: one object, one thread at a time.
#pragma once

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <string>

#include "base/error.hpp"
#include "system/descriptor.hpp"

namespace leakline::heap {

class DeferredFile {
  public:
    DeferredFile() = default;
    explicit DeferredFile(const std::string& path) : path_(path) {
        struct stat status {};
        existed_ = ::stat(path.c_str(), &status) == 0;
        descriptor_ = Descriptor(::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0666));
        if (descriptor_.get() < 0) throw os_error(ErrorKind::input, path, "cannot write the recording", errno);
    }
    // Files that are read again after writing. A pipe would wait for ever.
    void require_file() const {
        struct stat status {};
        if (path_ != "-" && ::fstat(get(), &status) == 0 && !S_ISFIFO(status.st_mode) && ::isatty(get()) == 0) return;
        if (path_ == "-" && !existed_) ::unlink(path_.c_str());
        throw Error(ErrorKind::usage, path_, "the recording cannot go to a pipe or a terminal: it is read again at the end",
                    "write it to a file, and give that to leakline lines");
    }
    int get() const { return descriptor_.get(); }
    bool is_same_as(const DeferredFile& other) const {
        struct stat one {
        }, two{};
        return ::fstat(get(), &one) == 0 && ::fstat(other.get(), &two) == 0 && S_ISREG(one.st_mode) && one.st_dev == two.st_dev &&
               one.st_ino == two.st_ino;
    }
    // Removes the empty file if there was none before.
    void discard() {
        struct stat status {};
        if (!path_.empty() && !existed_ && ::fstat(descriptor_.get(), &status) == 0 && status.st_size == 0) ::unlink(path_.c_str());
    }

  private:
    std::string path_;
    bool existed_ = false;
    Descriptor descriptor_;
};

}  // namespace leakline::heap
