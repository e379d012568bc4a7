// Memory cgroups, version 1 and 2: finds that of a process, and reads it.
//
// Thread-safety: one CgroupReader, one thread at a time; the functions have no state.
#pragma once

#include <array>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/quantities.hpp"
#include "memory/source.hpp"
#include "model/memory.hpp"
#include "system/proc_file.hpp"
#include "system/procfs.hpp"

namespace leakline::memory {

struct CgroupDirectory {
    enum class Version { v1, v2 };
    Version version = Version::v2;
    std::string path;  // of the directory that holds memory.current or memory.usage_in_bytes
};

// From the text of /proc/PID/cgroup: the version and the path below the hierarchy's root that counts memory.
struct CgroupMembership {
    CgroupDirectory::Version version = CgroupDirectory::Version::v2;
    std::string path;
};
std::optional<CgroupMembership> parse_cgroup_membership(std::string_view text);

// The mounted memory hierarchy: roots.cgroup/memory (v1) or roots.cgroup itself (v2).
std::optional<CgroupDirectory> memory_hierarchy(const SystemRoots& roots);

// The memory cgroup of a process. In a container, the path that the kernel prints can be outside of the mount:
// then the root of the mount is used, which is the container's own cgroup.
std::optional<CgroupDirectory> memory_cgroup_of(int pid, const SystemRoots& roots = {});

// A directory given by a user: absolute, or below the memory hierarchy. Throws Error{input} if it is not a memory
// cgroup.
CgroupDirectory open_cgroup(const std::string& directory, const SystemRoots& roots = {});

// The cgroup of a container (Docker, containerd, CRI-O, Podman; its id, or the first twelve or more characters): the
// directory of the memory hierarchy whose name holds the id. Throws Error{input} if there is none, or several.
CgroupDirectory container_cgroup(const std::string& id, const SystemRoots& roots = {});

// What a process may still use before the kernel ends it for its cgroup, or one above it. Nothing if none of them has a limit.
struct CgroupRoom {
    Bytes limit = 0;   // of the one that has the least room
    Bytes free = 0;    // pages of files, which the kernel takes back, count as free
    Bytes unused = 0;  // without them
};
std::optional<CgroupRoom> cgroup_room(int pid, const SystemRoots& roots = {});

// memory.stat and memory.events: the value of a "name value" line.
std::optional<std::uint64_t> flat_value(std::string_view text, std::string_view name);

// Reads a cgroup's figures repeatedly.
class CgroupReader {
  public:
    explicit CgroupReader(CgroupDirectory directory, const SystemRoots& roots = {});
    // Sets the requested cgroup* metrics in sample. False: the cgroup has been removed.
    bool read(Depth depth, const std::array<bool, kMetricCount>& wanted, MemorySample& sample);
    // The smallest limit of this cgroup and those above it; nothing if there is none.
    std::optional<Bytes> limit();
    const CgroupDirectory& directory() const { return directory_; }

  private:
    std::optional<std::uint64_t> limit_hits();

    CgroupDirectory directory_;
    ProcFile current_, stat_, events_, failures_;  // failures_ is version 1's memory.failcnt
    std::vector<ProcFile> limits_;                 // of this directory and those above it
};

// A whole cgroup as a source: the metrics cgroup, cgroup_anonymous, cgroup_limit, cgroup_oom_kills,
// cgroup_limit_hits.
std::unique_ptr<MemorySource> cgroup_source(CgroupDirectory directory, std::vector<Metric> metrics, const SystemRoots& roots = {});

}  // namespace leakline::memory
