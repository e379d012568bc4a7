// What glibc's malloc holds in another process, read from outside: without a preload, a debugger or debug information,
// and without stopping the process.
//
// Thread-safety: one GlibcHeap, one thread at a time.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "memory/procfs.hpp"

namespace leakline::memory {

struct MallocFigures {
    Bytes used = 0;      // as mallinfo2's uordblks + hblkhd: handed out, by headers and thread caches more than asked for
    Bytes retained = 0;  // as fordblks less fsmblks: in bins and at the tops of the arenas, not given back
};

// Found once, read often: the arenas are a ring that starts in libc's data, and a bin is a ring of free chunks. Works
// on x86-64 and other 64-bit little-endian machines with glibc 2.26 or later, linked dynamically. A program that brings
// an allocator of its own (jemalloc, tcmalloc) uses next to nothing of glibc's, and that is what the figures then say.
class GlibcHeap {
  public:
    // Does not throw; a process without glibc, or whose memory may not be read, has no figures.
    explicit GlibcHeap(int pid, const SystemRoots& roots = {});

    // Nothing where the process's memory cannot be read, malloc was never called, or the rings changed under every
    // attempt to walk them; nothing as well where there are more than kMostChunks free chunks, which would take long.
    std::optional<MallocFigures> read();

    static constexpr std::size_t kMostChunks = 50'000;

  private:
    struct Layout {
        std::uint64_t bins = 0;            // address of main_arena.bins
        std::uint64_t arena_to_bins = 0;   // from an arena's start to its bins
        std::uint64_t mmapped_bytes = 0;   // address of mp_.mmapped_mem; 0 where it was not found
    };

    bool copy(std::uint64_t address, void* to, std::size_t size) const;
    std::optional<std::uint64_t> word(std::uint64_t address) const;
    void locate();
    bool is_main_arena(std::uint64_t bins, std::uint64_t arena_to_bins) const;
    std::optional<Bytes> free_in_bins(std::uint64_t bins, Bytes system_bytes, std::size_t& chunks) const;
    std::optional<MallocFigures> walk() const;

    int pid_;
    std::string maps_path_;
    std::optional<Layout> layout_;
};

}  // namespace leakline::memory
