// Scratch space on disk.
//
// Thread-safety: one object, one thread at a time.
#pragma once

#include <string>

namespace leakline {

// A fresh directory that is removed, with what is in it, when the object goes.
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
