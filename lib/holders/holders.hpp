// Which variables hold the heap of a process: of any running program with glibc's malloc or jemalloc, without a tracker and without a restart, or of a core file.
//
// A running process is stopped for a copy of its memory; everything else happens on the copy. Every aligned word that leads into a block counts as a
// pointer to it: a number that looks like one can hold a block, and encoded pointers (xor, compressed) are not seen.
//
// Thread-safety: functions without state.
#pragma once

#include <functional>
#include <memory>
#include <stop_token>
#include <string>
#include <string_view>

#include "model/holders.hpp"
#include "system/procfs.hpp"

namespace leakline::holders {

// For growth_between(): what is compared has to be in both reports, at any rank.
inline constexpr std::size_t kMaxCompared = 1000;

struct HolderOptions {
    std::size_t most = 20;  // roots that are looked into, those with most bytes
    std::stop_token stop;   // once requested, what follows is left out; see HolderReport::warnings
    std::function<void(std::string_view stage)> progress = [](std::string_view) {};
};

class MemoryImage;

// The memory of a process at one moment, to be looked into later. Immutable: any thread may read.
class Snapshot {
  public:
    // Throws Error{system} if the process is not running, may not be traced, is traced already, or if its copy does not fit into memory.
    // Once a stop is requested, memory is missing from the copy.
    Snapshot(int pid, const std::stop_token& stop, const SystemRoots& roots = {});
    // Of a core file. Throws Error{input} if it is none of a program of this kind of machine, Error{system} if it does not fit into memory.
    Snapshot(const std::string& core, const std::stop_token& stop, const SystemRoots& roots = {});
    ~Snapshot();
    Snapshot(Snapshot&&) noexcept;
    Snapshot& operator=(Snapshot&&) noexcept;

    Nanoseconds taken() const { return taken_; }  // by the monotonic clock
    // Names come from the files of the process; if it has ended since, from those at the same paths for us.
    HolderReport holders(const HolderOptions& options) const;

  private:
    std::unique_ptr<const MemoryImage> image_;
    SystemRoots roots_;
    Nanoseconds taken_{};
};

// Of a snapshot that is taken now; throws as Snapshot does.
HolderReport find_holders(int pid, const HolderOptions& options, const SystemRoots& roots = {});

HolderReport find_holders(const std::string& core, const HolderOptions& options, const SystemRoots& roots = {});

// after, with the growth of each holder since before; largest growth first. Both of one process. A holder is the same if its variable, path and
// type are. Where one of them goes further down from the same variable than the other, as one part now keeps nearly all or no longer does, bytes are
// compared with those, and elements are not.
HolderReport growth_between(const HolderReport& before, HolderReport after, Nanoseconds since);

}  // namespace leakline::holders
