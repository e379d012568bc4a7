// Reads all processes of a service together, cheaply enough for samples every few milliseconds.
//
// Thread-safety: one object, one thread at a time.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "base/quantities.hpp"
#include "memory/internal/files_in_memory.hpp"
#include "memory/internal/shared_memory.hpp"
#include "system/descendants.hpp"

namespace leakline::memory {

class ProcessTree {
  public:
    // Throws Error{system} if the process does not exist. adopted: see DescendantTracker.
    ProcessTree(int root, SystemRoots roots, std::function<std::vector<int>()> adopted = {});
    ~ProcessTree();

    // Every process, the root first. Empty: the root has ended. Quick reads memory (one small file and one look for
    // children a process); detailed reads all. Other figures keep the values of the last detailed reading.
    const std::vector<ProcessReading>& read(Depth depth);
    // The shared memory of all of them, each page counted once, at the last detailed reading.
    Bytes shared_memory() const { return shared_.bytes(); }
    // What their open files in memory (memfd, /dev/shm) have beyond what is mapped, at the last detailed reading.
    Bytes files_in_memory() const { return files_.bytes(); }

  private:
    struct Member;
    bool read(Member& member, Depth depth);

    SystemRoots roots_;
    int root_;
    bool swap_in_use_ = false;  // the machine has swap: status is read, which costs three times as much as statm
    DescendantTracker tracker_;
    std::map<int, std::unique_ptr<Member>> members_;
    std::vector<ProcessReading> readings_;
    SharedMemory shared_;
    FilesInMemory files_;
};

// The number of descriptors in /proc/PID/fd; nothing if it may not be read.
std::optional<std::uint64_t> count_descriptors(const std::string& process_folder);
// The number of lines in /proc/PID/maps; nothing if it may not be read.
std::optional<std::uint64_t> count_mappings(const std::string& process_folder);

}  // namespace leakline::memory
