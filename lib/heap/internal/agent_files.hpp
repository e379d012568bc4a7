// The files of leakline's agent: its library, and the folder of its segments. Not thread-safe.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "base/quantities.hpp"
#include "heap/internal/unwinder.hpp"
#include "system/descriptor.hpp"

namespace leakline::heap {

// The name of a segment: PID.N.
struct SegmentName {
    int pid = 0;
    unsigned image = 0;  // how often that process has called exec
    std::string file;
    auto operator<=>(const SegmentName&) const = default;
};
// Those in the folder, sorted.
std::vector<SegmentName> list_segments(const std::string& directory);
// The memory of the newest segment of each process, by pid.
std::map<int, Bytes> segment_memory(const std::string& directory);

// The name of the library as a file in memory (memfd_create).
inline constexpr char kMemoryLibrary[] = "leakline-agent";

class AgentFiles {
  public:
    // Throws Error{system} if no folder is suitable or the agent does not support this kind of machine.
    static AgentFiles make(Operators operators);
    ~AgentFiles();  // removes the folder, unless it was left to the collecting process
    AgentFiles(AgentFiles&&) noexcept;
    AgentFiles& operator=(AgentFiles&&) noexcept;

    const std::string& directory() const { return directory_; }
    void leave_to_collector() { left_ = true; }
    // The library as a file in memory, which the collecting process keeps open; -1 if it is a file in the folder.
    int memory() const { return memory_.get(); }
    // For LD_PRELOAD.
    std::string library(int collector) const;

  private:
    AgentFiles() = default;

    std::string directory_, library_;
    Descriptor memory_;
    bool left_ = false;
};

}  // namespace leakline::heap
