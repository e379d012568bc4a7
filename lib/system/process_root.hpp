// The files of a process that sees other ones than we do: in a container, or after chroot.
//
// Thread-safety: one object, one thread at a time.
#pragma once

#include <sys/types.h>

#include <map>
#include <string>

#include "system/descriptor.hpp"

namespace leakline {

class ProcessRoot {
  public:
    // As the process sees them now. They stay readable after its end, but for what is mounted below its root. Where they are ours, or cannot
    // be read, paths remain what they are.
    explicit ProcessRoot(int pid);

    bool is_ours() const { return folder_.empty(); }
    bool same_as(const ProcessRoot& other) const {
        return namespace_ == other.namespace_ && device_ == other.device_ && inode_ == other.inode_;
    }
    // A path by which we, or a child of ours, can open what `path` is to the process. Symbolic links stay within its root. A relative path is
    // returned as it is.
    const std::string& path_of(const std::string& path) const;
    // What such paths begin with; empty if they are ours.
    const std::string& folder() const { return folder_; }

  private:
    Descriptor root_;
    std::string namespace_;  // of mounts
    dev_t device_ = 0;
    ino_t inode_ = 0;
    std::string folder_;
    mutable std::map<std::string, std::string> paths_;
};

}  // namespace leakline
