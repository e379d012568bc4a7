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
    // As the process sees them now; they stay readable after its end. Where they are ours, or cannot be read, paths remain what they are.
    explicit ProcessRoot(int pid);

    bool is_ours() const { return folder_.empty(); }
    bool same_as(const ProcessRoot& other) const { return identity_ == other.identity_; }
    // A path by which we, or a child of ours, can open what `path` is to the process. Symbolic links stay within its root. A relative path is
    // returned as it is, and one that is the same file here. So is one that only we see in the same mount namespace: a program may have
    // changed its root (chroot) after it started.
    const std::string& path_of(const std::string& path) const;
    // What such paths begin with; empty if they are ours.
    const std::string& folder() const { return folder_; }

  private:
    struct Identity {
        ino_t mounts = 0;  // number of the mount namespace
        dev_t device = 0;  // of the root
        ino_t root = 0;
        bool operator==(const Identity&) const = default;
    };
    Descriptor root_, mounts_;  // open, the namespace stays, with what is mounted there, and no other gets its number
    Identity identity_;
    bool our_mounts_ = false;
    std::string folder_;
    mutable std::map<std::string, std::string> paths_;
};

}  // namespace leakline
