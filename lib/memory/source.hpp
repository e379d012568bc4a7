// Sources of memory figures: a process, a process tree, a cgroup. A source reads the current state; the sampler decides
// when.
//
// Thread-safety: one source, one thread at a time.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "base/quantities.hpp"
#include "model/memory.hpp"
#include "system/procfs.hpp"

namespace leakline::memory {

// The subject of a sample. pid and start_ticks identify a process uniquely: a reused pid has another start time.
struct Subject {
    std::string name;  // comm, or the cgroup's path
    int pid = 0;       // 0: not one process
    std::uint64_t start_ticks = 0;
    bool operator==(const Subject&) const = default;
};

class MemorySource {
  public:
    using Sink = std::function<void(const Subject&, const MemorySample&)>;
    virtual ~MemorySource() = default;

    virtual const Subject& subject() const = 0;
    // Delivers one sample (or one per process, if those of a tree are kept apart) with the time `at`; a value that cannot be read
    // is absent from it. False: the subject has ended, and nothing was delivered.
    virtual bool read(Depth depth, Nanoseconds at, const Sink& sink) = 0;
};

// One process. Throws Error{system} if it does not exist, has no memory of its own (a kernel thread, a zombie) or
// may not be read. Its files are opened once: a descriptor of /proc stays with its process, so that a later process
// with the same pid is never read in its place; the start time is compared as well at every detailed read.
std::unique_ptr<MemorySource> process_source(int pid, std::vector<Metric> metrics, const SystemRoots& roots = {});

// A process and all of its descendants, including later ones; a process that was once seen in the tree
// stays in it until it ends, even if its parent ends first. summed: one sample, of the root's subject (shared pages
// count once per process in RSS; PSS divides them); a sum is absent if one process's part cannot be read. each: a
// sample per process. cgroup metrics are those of the root. It ends with the root. Throws as process_source.
enum class Descendants { summed, each };
std::unique_ptr<MemorySource> tree_source(int pid, std::vector<Metric> metrics, Descendants descendants, const SystemRoots& roots = {});

}  // namespace leakline::memory
