// A copy of what a process may write to, with the registers of its threads, taken at one moment: of a running process (copy_process), or out of a
// core file (core_file.hpp).
//
// Thread-safety: immutable once made; any thread may read.
#pragma once

#include <cstdint>
#include <cstring>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

#include "base/quantities.hpp"
#include "system/mappings.hpp"
#include "system/procfs.hpp"
#include "system/stopped_process.hpp"

namespace leakline::holders {

inline constexpr std::uint64_t kPage = 4096;  // the smallest of any machine
// The shadow memory of sanitizers and the reserved heaps of some runtimes are terabytes without content: even the list of their pages is
// too long to read in a pause.
inline constexpr std::uint64_t kLargestMapping = std::uint64_t{1} << 38;

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

// Whether a mapping is what a program or library has behind the data in its file. It is anonymous, or joined with the heap, which begins right there
// where addresses are not random.
inline bool is_bss(const Mapping& before, const Mapping& mapping) {
    return before.is_file() && before.writable && before.end == mapping.begin && (mapping.is_anonymous() || mapping.path == "[heap]");
}

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

    std::string core;                              // the core file that it is from; empty: a process, which may still run
    std::map<std::string, std::string> build_ids;  // of a core file: of the files of the process, by their paths there
    Bytes missing = 0;                             // of a core file: cut off at its end
    Bytes not_kept = 0;                            // of a core file: left out when it was written

    const Region* region_at(std::uint64_t address) const;
    bool read(std::uint64_t address, void* to, std::size_t size) const;
    std::optional<std::uint64_t> word(std::uint64_t address) const;
    // Calls visit(address, value) for each aligned word in [begin, end) that is in a run.
    template <class Visit>
    void for_each_word(std::uint64_t begin, std::uint64_t end, const Visit& visit) const;
};

// What is copied of these mappings: those that are private and writable. A heap that was extended after a fork is two mappings for the kernel; what
// is behind a file's data is its .bss.
std::vector<Mapping> whole_mappings(const std::vector<Mapping>& mappings);

// Throws Error{system} if so much does not fit into this machine's memory. why: what takes it, for the message.
void require_available(Bytes bytes, const std::string& location, std::string_view why, const SystemRoots& roots);

// Stops the process, copies, and lets it go on. Throws Error{system} where it may not be traced or our machine has too little memory
// for the copy. While it runs a first copy is made, so that in the pause every page of ours is there and the kernel only copies.
MemoryImage copy_process(int pid, const std::stop_token& stop, const SystemRoots& roots = {});

template <class Visit>
void MemoryImage::for_each_word(std::uint64_t begin, std::uint64_t end, const Visit& visit) const {
    for (const Region* region = region_at(begin); region != nullptr; region = nullptr)
        for (const Run& run : region->runs) {
            const std::uint64_t from = (std::max(run.begin, begin) + 7) / 8 * 8, to = std::min(run.end, end);
            const char* const bytes = region->bytes.data();
            for (std::uint64_t at = from; at + 8 <= to; at += 8) {
                std::uint64_t value = 0;
                std::memcpy(&value, bytes + (at - region->mapping.begin), sizeof value);
                visit(at, value);
            }
        }
}

}  // namespace leakline::holders
