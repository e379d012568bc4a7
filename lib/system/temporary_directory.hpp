// Temporary folders.
//
// Thread-safety: one object, one thread at a time.
#pragma once

#include <string>

namespace leakline {

// A new directory that is removed with its content by the destructor.
class TemporaryDirectory {
  public:
    TemporaryDirectory();
    ~TemporaryDirectory();
    TemporaryDirectory(const TemporaryDirectory&) = delete;
    TemporaryDirectory& operator=(const TemporaryDirectory&) = delete;
    const std::string& path() const { return path_; }

  private:
    std::string path_;
};

}  // namespace leakline
