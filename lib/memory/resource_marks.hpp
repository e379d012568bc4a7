// Resources that a run used: counts and kinds at its marks, over processes that begin and end.
#pragma once

#include <map>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "memory/resource_probe.hpp"
#include "model/resources.hpp"

namespace leakline::memory {

// Counts and kinds of descriptors, threads, mappings, processes and IPC objects at the quiet marks of a run, from snapshots of its processes.
// Thread-safety: one thread.
class ResourceMarks {
  public:
    // The first call is before the traffic.
    void add(double at_s, std::uint64_t requests, const ResourceSnapshot& snapshot);
    // There was no traffic since the last mark.
    void add_idle(double idle_s, const ResourceSnapshot& snapshot);

    // Not judged yet (see analysis/resources.hpp), without the tree.
    const Resources& resources() const { return resources_; }
    // Warnings about what could not be read.
    std::vector<std::string> warnings() const;
    // Most of what the kernel allows is in use, and half of that was made during the run: mappings of a process, or IPC objects.
    bool near_limit(Resource resource) const;

  private:
    using Key = std::pair<int, std::uint64_t>;
    struct Base {
        bool initial = false;
        std::array<std::optional<double>, kResourceCount> count;
        std::array<std::map<std::string, double>, kResourceCount> kinds;
    };
    struct Level {
        double count = 0;
        bool readable = false;
        std::map<std::string, double> kinds;
    };
    std::array<Level, kResourceCount> levels_of(const ResourceSnapshot& snapshot);
    static void add_ipc_limit(ResourceGrowth& growth, const ResourceSnapshot& snapshot);
    void add_limits(const ResourceSnapshot& snapshot);
    ResourceGrowth& growth_of(Resource resource);

    std::map<Key, Base> bases_;
    std::array<double, kResourceCount> initial_{};  // of the processes that began with the run
    std::array<std::map<std::string, double>, kResourceCount> initial_kinds_;
    Resources resources_;
    bool cut_ = false, unreadable_ = false;
};

}  // namespace leakline::memory
