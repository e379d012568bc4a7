// The processes that agents are attached to, in memory that the command line shares with the collecting process, which attaches to
// processes that start later.
//
// Thread-safety: the command line may read in any thread. The collecting process writes in one thread, the command line only before the
// collecting process exists.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

#include "base/quantities.hpp"

namespace leakline::heap {

class AttachedList {
  public:
    // Throws Error{system} if there is no memory.
    AttachedList();
    ~AttachedList();
    AttachedList(const AttachedList&) = delete;
    AttachedList& operator=(const AttachedList&) = delete;

    struct Process {
        int pid = 0;
        int segment = -1;  // the descriptor in the collecting process; open as long as the process is listed
        Bytes memory = 0;  // of the segment
    };
    // Places are taken from the front. Nothing: the list is full.
    std::optional<std::size_t> add(const Process& process);
    void set_memory(std::size_t place, Bytes memory);
    void remove(std::size_t place);
    // In the order of their places. The first is the one that was named for as long as that is listed; its place is then given to another.
    std::vector<Process> read() const;

    // Running descendants that no agent could be attached to; without those that were warned of at the start.
    void set_unrecorded(std::size_t count);
    std::size_t unrecorded() const;

  private:
    struct Entry {
        std::atomic<std::int32_t> pid, segment;  // pid 0: unused; it is written last and cleared first
        std::atomic<Bytes> memory;
    };
    static constexpr std::size_t kEntries = 4096;
    struct Shared {
        std::atomic<std::uint32_t> used, unrecorded;  // used: entries from the front
        Entry entries[kEntries];
    };
    Shared* shared_;
};

}  // namespace leakline::heap
