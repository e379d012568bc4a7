// Reads what glibc's malloc holds in another process, from outside: without a preload, a debugger or debug information,
// and without stopping the process.
//
// Thread-safety: one GlibcHeap, one thread at a time.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/quantities.hpp"
#include "memory/glibc_arenas.hpp"
#include "system/proc_file.hpp"
#include "system/procfs.hpp"

namespace leakline::memory {

struct MallocFigures {
    Bytes used = 0;      // as mallinfo2's uordblks + hblkhd: handed out, by headers and thread caches more than asked for
    Bytes retained = 0;  // as fordblks, less what is not resident: in bins and at the tops of the arenas, not given back
};

// Located once, read often: the arenas are a ring that starts in libc's data, and a bin is a ring of free chunks. Works
// on x86-64 and other 64-bit little-endian machines with glibc 2.26 or later, linked dynamically. A program that brings
// its own allocator (jemalloc, tcmalloc) uses almost nothing of glibc's, and the figures then say so.
class GlibcHeap {
  public:
    // Does not throw; a process without glibc, or whose memory may not be read, has no figures.
    explicit GlibcHeap(int pid, const SystemRoots& roots = {});

    // Nothing if the process's memory cannot be read or malloc was never called, or if walking its
    // free chunks (up to a microsecond each) takes longer than kLongestWalk. The process goes on meanwhile: a ring that
    // changes while it is walked counts with the chunks that were seen, each once.
    std::optional<MallocFigures> read();

    static constexpr Nanoseconds kLongestWalk = std::chrono::milliseconds(300);

  private:
    struct Free {
        Bytes bytes = 0, absent = 0;  // not resident: the part in pages that were returned to the kernel
    };
    class Reading;

    bool copy(std::uint64_t address, void* to, std::size_t size) const;
    std::optional<std::uint64_t> word(std::uint64_t address) const;
    void locate();
    glibc::ReadMemory reader() const {
        return [this](std::uint64_t address, void* to, std::size_t size) { return copy(address, to, size); };
    }
    bool add_fast_bins(const glibc::Arena& arena, Free& total, Reading& reading) const;
    bool add_bin(const glibc::Arena& arena, std::uint64_t self, Free& total, Reading& reading);
    enum class Way { forward, back };
    bool walk_bin(const glibc::Arena& arena, std::uint64_t self, Way way, bool& whole, Reading& reading);
    bool add_absent(std::uint64_t begin, std::uint64_t end, Free& total, Reading& reading);
    std::optional<MallocFigures> walk();

    int pid_;
    std::string folder_;
    ProcFile pagemap_;
    struct Chunk {
        std::uint64_t address = 0;
        Bytes size = 0;
    };
    std::vector<Chunk> seen_;   // in a bin, during the walk
    std::vector<char> copies_;  // of pages, while walking
    std::optional<glibc::Layout> layout_;
};

}  // namespace leakline::memory
