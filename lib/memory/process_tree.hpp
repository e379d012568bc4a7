// All processes of a service, read together and cheaply: for samples every few milliseconds.
//
// Thread-safety: one object, one thread at a time.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "memory/descendants.hpp"

namespace leakline::memory {

struct ProcessReading {
    int pid = 0;
    std::uint64_t start_ticks = 0;
    std::string name;
    bool root = false;
    bool zombie = false;             // it has ended, and its parent has not waited for it: it holds no memory
    Bytes resident = 0;
    // Resident less file and shared memory pages, plus swap: the sum over processes counts a page once, but for pages that a
    // fork shares until they are written to; those are in the child's first reading.
    Bytes private_bytes = 0;
    std::uint64_t threads = 0;
    double cpu_s = 0, waited_cpu_s = 0;  // its own; of the children that it has waited for
    std::optional<std::uint64_t> descriptors;
};

class ProcessTree {
  public:
    // Throws Error{system} where the process does not exist. adopted: see DescendantTracker.
    ProcessTree(int root, SystemRoots roots, std::function<std::vector<int>()> adopted = {});
    ~ProcessTree();

    // Every process, the root first. Empty: the root has ended. Quick reads memory (one small file and one look for
    // children a process); detailed reads all. The rest stays as the last detailed reading left it.
    const std::vector<ProcessReading>& read(Depth depth);

  private:
    struct Member;
    bool read(Member& member, Depth depth);

    SystemRoots roots_;
    int root_;
    bool swap_in_use_ = false;  // the machine has swap: status is read, which costs three times as much as statm
    DescendantTracker tracker_;
    std::map<int, std::unique_ptr<Member>> members_;
    std::vector<ProcessReading> readings_;
};

// How many descriptors /proc/PID/fd lists; nothing where it may not be read.
std::optional<std::uint64_t> count_descriptors(const std::string& process_folder);
// How many lines /proc/PID/maps has; nothing where it may not be read.
std::optional<std::uint64_t> count_mappings(const std::string& process_folder);

}  // namespace leakline::memory
