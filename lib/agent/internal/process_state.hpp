// The state of the agent in this process, shared by the files that begin it, that follow forks, and that record blocks.
#pragma once

#include <atomic>
#include <cstdint>

#include "agent/internal/agent_lock.hpp"
#include "agent/internal/sample_table.hpp"
#include "agent/internal/segment_mapping.hpp"
#include "agent/internal/segment_view.hpp"
#include "agent/internal/stack_table.hpp"

namespace leakline::agent {

// Whether the agent is on in this process. The kernel clears the page in a forked child (MADV_WIPEONFORK; by fork or raw clone), which
// then copies the samples it inherited (begin_in_child) at its first check.
enum class Work : std::uint32_t { not_begun = 0, on, beginning, off };
struct ForkMarker {
    std::atomic<Work> work;
    std::atomic<long> pid;             // of the process that the page belongs to (getpid); 0: not known yet
    std::atomic<std::uint32_t> opens;  // of descriptors and threads, in a child in which the agent has not begun
};

// All zeroes at first. Written with the lock held, or while the process has one thread.
struct ProcessState {
    AgentLock lock;
    SegmentView segment;
    std::uint64_t segment_bytes = 0;
    ForkMarker* fork_marker = nullptr;
    bool attached = false;   // to a running program: other processes are not recorded, and the segment goes when recording ends
    bool sandboxed = false;  // children are too
    // Copies of what is in the segment, for code that does not hold the lock.
    std::atomic<std::uint64_t> interval_now{0}, nested_calls{0};
    SampleTable samples;
    StackTable stacks;
    std::uint64_t first_interval = 0;
    std::uint32_t one_block_in = 0;  // SampleBudget; 0: none
    char directory[3072] = "";
    char segment_path[sizeof directory + kLongestFileName] = "";
    std::uint64_t own_begin = 0, own_end = 0;  // where this library is loaded
};
extern ProcessState process __attribute__((visibility("hidden")));

inline constexpr auto kRelaxed = std::memory_order_relaxed;
inline void count(std::atomic<std::uint64_t>& counter) { counter.fetch_add(1, kRelaxed); }

// Begins to record in a segment.
void begin_tables(const Mapping& mapping);

// Makes the page of the fork marker, unless there is one.
bool make_fork_marker();
// In a forked child of an attached process, which does not have the segment (MADV_DONTFORK): off, until an agent is attached to it too.
void leave_parents_recording();
// Whether the agent is on; begins it in a forked child.
bool is_on();
// A thread ended while it held the lock: the tables may be damaged, so recording stops.
void stop();

}  // namespace leakline::agent
