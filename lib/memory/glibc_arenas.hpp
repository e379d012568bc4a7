// Where glibc's malloc keeps its arenas in another process: found without symbols, by what the bins of an arena look like.
//
// struct malloc_state (glibc malloc/malloc.c) from its bins on, the same from 2.26 to 2.40; before the bins stand
// mutex, flags, have_fastchunks and the fast bins: 112 bytes, 104 in builds without have_fastchunks.
//
//   bins - 96  fast bins         10 lists of freed chunks of 32, 48, ... bytes
//   bins - 16  top               the chunk at the arena's end that new chunks are cut from
//   bins       254 pointers      fd and bk of 127 bins; bin i is the chunk-like address &bins[2i] - 16
//   bins+2032  binmap[4]
//   bins+2048  next              the ring of arenas
//   bins+2072  system_mem        bytes that the arena has from the kernel
//
// Works on x86-64 and other 64-bit little-endian machines with glibc 2.26 or later, linked dynamically.
//
// Thread-safety: functions without state.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string_view>

#include "base/quantities.hpp"
#include "system/mappings.hpp"

namespace leakline::memory::glibc {

inline constexpr std::uint64_t kBins = 127;
inline constexpr int kFastBins = 10;
inline constexpr std::uint64_t kFastToBins = 96, kTop = 16, kNext = 2048, kSystemBytes = 2072;
inline constexpr std::uint64_t kStateEnd = kSystemBytes + 16;  // behind max_system_mem, its last member
inline constexpr int kMaxArenas = 4096;
inline constexpr std::uint64_t kSmallestChunk = 32, kFlagBits = 15;

// Copies size bytes at an address of the process; false where it cannot.
using ReadMemory = std::function<bool(std::uint64_t address, void* to, std::size_t size)>;

// Whether a file is glibc's: libc.so.6, and before 2.34 also libc-2.33.so and so on.
bool is_library(std::string_view path);

struct Layout {
    std::uint64_t bins = 0;           // address of main_arena.bins
    std::uint64_t arena_to_bins = 0;  // from an arena's start to its bins
    std::uint64_t mmapped_bytes = 0;  // address of mp_.mmapped_mem; 0 if it was not found
    bool masked_links = false;        // of fast bins and thread caches (glibc 2.32)

    std::uint64_t main_arena() const { return bins - arena_to_bins; }
    std::uint64_t state_size() const { return arena_to_bins + kStateEnd; }
    // In a list of freed chunks: what the word at its address links to.
    std::uint64_t follow(std::uint64_t address, std::uint64_t word) const { return masked_links ? word ^ address >> 12 : word; }
};

// mappings: all of the process. Nothing for a process without glibc, or before its first malloc.
std::optional<Layout> find_layout(std::span<const Mapping> mappings, const ReadMemory& read);
// Whether the ring of arenas leads back to its start: a wrong address would not.
bool is_main_arena(std::uint64_t bins, std::uint64_t arena_to_bins, const ReadMemory& read);

// A copy of a struct malloc_state from its fast bins on.
struct Arena {
    std::uint64_t bins = 0;  // where its bins are in the process
    std::uint64_t words[(kFastToBins + kStateEnd) / 8];

    std::uint64_t at(std::uint64_t offset_from_bins) const { return words[(offset_from_bins + kFastToBins) / 8]; }
    std::uint64_t fast_bin(int index) const { return words[index]; }
    std::uint64_t top() const { return words[(kFastToBins - kTop) / 8]; }
    std::uint64_t next() const { return at(kNext); }
    Bytes system_bytes() const { return at(kSystemBytes); }
    bool holds(std::uint64_t address) const { return address + kTop >= bins && address < bins + kStateEnd; }
};

// address: where the arena starts.
bool read_arena(const Layout& layout, std::uint64_t address, const ReadMemory& read, Arena& arena);

}  // namespace leakline::memory::glibc
