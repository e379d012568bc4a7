// Reads the segment that the agent writes in a recorded process (agent/segment.hpp), at any time, also after the process was
// killed. All values of the file are checked.
//
// The file is read, not mapped: if it shrinks, or has holes on a full file system, reads fail, but cause no SIGBUS.
//
// Thread-safety: one object, one thread at a time.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "agent/segment.hpp"
#include "base/quantities.hpp"
#include "system/descriptor.hpp"

namespace leakline::heap {

// A sampled live block.
struct SampledBlock {
    std::uint64_t number = 0;  // unique in its segment
    Bytes size = 0;
    Nanoseconds at{};            // allocated, CLOCK_MONOTONIC
    std::uint32_t stack = 0;     // index in SegmentReader::stacks()
    std::uint64_t interval = 0;  // mean distance between samples when it was sampled, in bytes

    double probability() const;  // that it was sampled
};

// The estimate of Horvitz and Thompson (1952) for one sampled block, and its variance.
struct BlockEstimate {
    double blocks = 1, bytes = 0, variance = 0;  // variance: of the bytes
    double overhead = 0;                         // overhead of malloc (malloc_overhead)
};
BlockEstimate estimate_of(const SampledBlock& block);

// False: the sizes cannot be an agent's, so the file is damaged.
bool is_plausible(const agent::SegmentSizes& sizes);

class SegmentReader {
  public:
    struct Stack {
        std::uint32_t first = 0, depth = 0;  // in frames(): return addresses, innermost first
        std::uint32_t epoch = 0;             // of modules()
        double allocations = 0;              // estimated totals: calls, and bytes below
        std::uint64_t allocated_bytes = 0;
    };
    struct Module {
        std::uint64_t begin = 0, end = 0, base = 0;
        std::uint32_t first_epoch = 0, last_epoch = 0;
        std::string name;  // empty: the program itself
    };
    struct Losses {
        std::uint64_t unseen_frees = 0, samples = 0, stacks = 0, descriptors = 0, nested = 0, locks = 0;
    };

    // Throws Error{input} if it is not a segment of this version, or not ready yet.
    SegmentReader(Descriptor file, std::string name, Nanoseconds patience = std::chrono::milliseconds(100));

    // Reads the current state. False if it cannot be read; the previous state is then kept. A sample that changes meanwhile is
    // read as before or after the change. Waits up to `patience` while the agent doubles its interval.
    bool read();

    int pid() const { return pid_; }
    int parent() const { return parent_; }            // the process that forked it; 0: none
    Nanoseconds started() const { return started_; }  // CLOCK_MONOTONIC
    const std::string& executable() const { return executable_; }
    const std::string& command() const { return command_; }
    bool exact() const { return exact_; }  // started with every block
    agent::PythonState python() const { return python_; }
    struct OwnAllocator {
        agent::OwnAllocator::State state = agent::OwnAllocator::State::none;
        std::string name, why;  // why: it is left alone
    };
    const OwnAllocator& own_allocator() const { return own_allocator_; }
    // Text that a frame refers to; empty if it is damaged.
    std::string name_at(std::uint32_t place) const { return place == 0 ? std::string() : text_at(place); }
    std::uint64_t interval() const { return interval_; }

    // At the last read().
    const std::vector<Stack>& stacks() const { return stacks_; }
    const std::vector<std::uint64_t>& frames() const { return frames_; }
    const std::vector<Module>& modules() const { return modules_; }
    const std::vector<SampledBlock>& samples() const { return samples_; }  // a live block keeps its index; number 0: none
    // By number: the index of the stack that opened it; nothing where none is known to be open.
    const std::vector<std::optional<std::uint32_t>>& descriptors() const { return descriptors_; }
    struct Thread {
        std::uint32_t stack = 0, id = 0;  // id: as in /proc/PID/task
        bool detached = false;
    };
    const std::vector<Thread>& threads() const { return threads_; }  // that were started and not joined
    const Losses& losses() const { return losses_; }
    double allocations() const { return allocations_; }  // estimated total of calls
    std::uint64_t sampled() const { return sampled_; }
    Bytes peak_bytes() const { return peak_bytes_; }
    Nanoseconds peak_at() const { return peak_at_; }  // CLOCK_MONOTONIC
    bool stopped() const { return stopped_; }

  private:
    bool read_bytes(std::uint64_t place, void* to, std::size_t size) const;
    bool read_stacks(const agent::SegmentHeader& header);
    bool read_modules(const agent::SegmentHeader& header);
    bool read_samples(const agent::SegmentHeader& header);
    bool read_descriptors(const agent::SegmentHeader& header);
    bool read_threads(const agent::SegmentHeader& header);
    std::string text_at(std::uint32_t place, std::optional<std::uint32_t> size = std::nullopt) const;

    Descriptor file_;
    std::string name_;
    Nanoseconds patience_;
    agent::SegmentSizes sizes_{};
    agent::SegmentLayout layout_{};
    int pid_ = 0, parent_ = 0;
    Nanoseconds started_{}, peak_at_{};
    std::string executable_, command_;
    bool exact_ = false, stopped_ = false;
    agent::PythonState python_ = agent::PythonState::none;
    OwnAllocator own_allocator_;
    std::uint64_t interval_ = 1, sampled_ = 0;
    double allocations_ = 0;
    Bytes peak_bytes_ = 0;
    std::vector<Stack> stacks_;
    std::vector<std::uint64_t> frames_;
    std::vector<Module> modules_;
    std::vector<SampledBlock> samples_;
    std::vector<std::optional<std::uint32_t>> descriptors_;
    std::vector<Thread> threads_;
    Losses losses_;
};

}  // namespace leakline::heap
