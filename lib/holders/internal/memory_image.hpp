// A copy of what a process may write to, with the registers of its threads, taken at one moment.
//
// Thread-safety: immutable once made; any thread may read.
#pragma once

#include <cstdint>
#include <cstring>
#include <memory>
#include <optional>
#include <span>
#include <stop_token>
#include <string>
#include <vector>

#include "base/quantities.hpp"
#include "system/mappings.hpp"
#include "system/procfs.hpp"
#include "system/stopped_process.hpp"

namespace leakline::holders {

inline constexpr std::uint64_t kPage = 4096;  // the smallest of any machine

// Pages of ours that the kernel fills when they are first written: a copy of a sparse mapping costs what is in use.
class Pages {
  public:
    explicit Pages(std::uint64_t size);  // throws Error{system} where there is no address space left
    ~Pages();
    Pages(Pages&& other) noexcept;
    Pages& operator=(Pages&& other) noexcept;
    char* data() { return data_; }
    const char* data() const { return data_; }

  private:
    char* data_ = nullptr;
    std::uint64_t size_ = 0;
};

class MemoryImage {
  public:
    struct Run {
        std::uint64_t begin = 0, end = 0;  // whole pages with content; the rest of a region was never written
    };
    struct Region {
        Mapping mapping;
        Pages bytes;  // of the whole mapping, zero outside of runs
        std::vector<Run> runs;
    };

    std::vector<Region> regions;            // writable private mappings by address
    std::vector<Mapping> mappings;          // all
    std::vector<StoppedThread> threads;     // the main thread first
    std::vector<std::string> thread_names;  // of threads, in their order
    std::string executable;                 // as the process was started; empty if that is not known
    int process = 0;
    std::size_t running_threads = 0;  // could not be stopped
    Bytes copied = 0;
    Bytes left_out = 0;  // of mappings that are too large to copy
    Nanoseconds paused{};

    const Region* region_at(std::uint64_t address) const;
    bool read(std::uint64_t address, void* to, std::size_t size) const;
    std::optional<std::uint64_t> word(std::uint64_t address) const;
    // Calls visit(address, value) for each aligned word in [begin, end) that is in a run.
    template <class Visit>
    void for_each_word(std::uint64_t begin, std::uint64_t end, const Visit& visit) const;
};

// Stops the process, copies, and lets it go on. Throws Error{system} where it may not be traced or our machine has too little memory
// for the copy. While it runs a first copy is made, so that in the pause every page of ours is there and the kernel only copies.
MemoryImage copy_process(int pid, const std::stop_token& stop, const SystemRoots& roots = {});

template <class Visit>
void MemoryImage::for_each_word(std::uint64_t begin, std::uint64_t end, const Visit& visit) const {
    for (const Region* region = region_at(begin); region != nullptr; region = nullptr)
        for (const Run& run : region->runs) {
            const std::uint64_t from = (std::max(run.begin, begin) + 7) / 8 * 8, to = std::min(run.end, end);
            const char* const bytes = region->bytes.data() - region->mapping.begin;
            for (std::uint64_t at = from; at + 8 <= to; at += 8) {
                std::uint64_t value = 0;
                std::memcpy(&value, bytes + at, sizeof value);
                visit(at, value);
            }
        }
}

}  // namespace leakline::holders
