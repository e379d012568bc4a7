// Where memory figures come from: a process, a process tree, a cgroup. A source reads the present state; when it is
// read is the sampler's business.
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

// What a sample is of. pid and start_ticks name a process for good: a reused pid has another start time.
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
    // Hands over one sample (or one a process, where a tree is told apart) stamped `at`; a value that cannot be read
    // is absent from it. False: what was watched is gone, and nothing was handed over.
    virtual bool read(Depth depth, Nanoseconds at, const Sink& sink) = 0;
};

// One process. Throws Error{system} where it does not exist, has no memory of its own (a kernel thread, a zombie) or
// may not be read. Its files are opened once: a descriptor of /proc stays with its process, so that a later process
// with the same pid is never read in its place; the start time is compared as well at every detailed read.
std::unique_ptr<MemorySource> process_source(int pid, std::vector<Metric> metrics, const SystemRoots& roots = {});

// A process and all that descend from it, including what they start later; a process that was once seen in the tree
// stays in it until it ends, even when its parent goes first. summed: one sample, of the root's subject (shared pages
// count once a process in RSS; PSS shares them out); a sum is absent where one process's part cannot be read. each: a
// sample a process. cgroup metrics are those of the root. Gone when the root is. Throws as process_source.
enum class Descendants { summed, each };
std::unique_ptr<MemorySource> tree_source(int pid, std::vector<Metric> metrics, Descendants descendants, const SystemRoots& roots = {});

}  // namespace leakline::memory
