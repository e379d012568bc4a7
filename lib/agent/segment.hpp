// The layout of the file that the agent writes in a recorded process: the live samples of its heap, with their stacks.
//
// One file per process image, mapped MAP_SHARED: it survives the process, even after SIGKILL. Other processes may read it at any time;
// the agent never waits for them. Tables are filled from the front, so that memory grows with their content. This header, with
// what it includes, is all that the agent and the readers share.
//
//   SegmentHeader | sample heads | stack heads | samples | stacks | frames | modules | names | descriptors | threads | answer
//
// Each is on a page of its own.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>

#include "agent/own_allocator.hpp"

namespace leakline::agent {

inline constexpr std::uint64_t kSegmentMagic = 0x31676573'6b61656cu;  // "leakseg1"
inline constexpr std::uint32_t kSegmentVersion = 6;
// The environment variable of the agent: "INTERVAL:DIRECTORY" or "INTERVAL/BLOCKS:DIRECTORY", the mean distance between samples in bytes
// (1: every block) and the folder for the files PID.N (N: how often the process has called exec). With BLOCKS the interval doubles where
// more than one in so many blocks is sampled.
inline constexpr char kAgentVariable[] = "LEAKLINE_AGENT";
inline constexpr unsigned kMaxFrames = 64;  // per stack
inline constexpr std::size_t kPage = 4096;

// Capacities. The numbers of heads are powers of two.
struct SegmentSizes {
    std::uint32_t samples, sample_heads, stacks, stack_heads, frames, modules, names;
    std::uint32_t answer = 0;  // bytes, of searches
    std::uint32_t descriptors = 0, threads = 0;
};

// The mean distance between samples, in bytes, and the progress of its doubling, in one word because they change together. Samples
// before `thinned` belong to `interval`, later ones to half of it. kAllThinned if no doubling is in progress.
struct SamplingState {
    std::uint64_t interval;
    std::uint32_t thinned;

    static constexpr std::uint32_t kAllThinned = (1u << 24) - 1;
    static constexpr std::uint64_t kLargestInterval = std::uint64_t{1} << 39;

    constexpr std::uint64_t packed() const { return interval << 24 | thinned; }
    static constexpr SamplingState unpacked(std::uint64_t word) { return {word >> 24, static_cast<std::uint32_t>(word & kAllThinned)}; }
    constexpr std::uint64_t interval_of(std::uint32_t sample) const { return sample < thinned ? interval : interval / 2; }
};

// In place of a return address: a Python function, by the places of its file and name in the names, and the line that it executes. The
// top bit is set, which no address has.
struct PythonFrame {
    std::uint32_t file, function, line;

    static constexpr unsigned kNameBits = 21, kLineBits = 21;
    static constexpr bool is_one(std::uint64_t frame) { return frame >> 63 != 0; }
    constexpr std::uint64_t packed() const {
        constexpr std::uint32_t kNames = (1u << kNameBits) - 1, kLines = (1u << kLineBits) - 1;
        return std::uint64_t{1} << 63 | std::uint64_t{file & kNames} << (kNameBits + kLineBits) |
               std::uint64_t{function & kNames} << kLineBits | (line < kLines ? line : kLines);
    }
    static constexpr PythonFrame unpacked(std::uint64_t frame) {
        const auto bits = [&](unsigned from, unsigned count) { return static_cast<std::uint32_t>(frame >> from & ((1u << count) - 1)); };
        return {bits(kNameBits + kLineBits, kNameBits), bits(kLineBits, kNameBits), bits(0, kLineBits)};
    }
};

// Whether the process runs CPython, and whether its functions are recorded.
enum class PythonState : std::uint32_t { none = 0, known, unknown_version };

// As search_since_ns: not samples but all objects are weighed, by their own sizes.
constexpr std::uint64_t kMeasureObjects = ~std::uint64_t{0};
// The search for the Python variables that hold the live samples (python_holders.hpp). A reader writes `asked`; the agent does the rest, and
// answers in the segment.
enum class SearchState : std::uint32_t {
    none = 0,
    asked,
    waiting,    // for the interpreter's main thread, or after a while any thread of it
    searching,  // in a copy of the process; it stays so if that ends early
    done,
    impossible,  // no copy of the process could be made, or the interpreter lacks a function
};

// An agent that was attached to a running process: how it and its reader agree on the end. Zeroes in other segments.
enum class AttachState : std::uint32_t { none = 0, recording, ended };  // ended: its hooks are out of the process
enum class AttachEnd : std::uint32_t {
    none = 0,
    requested,    // by the reader
    reader_gone,  // `beat` did not change for 5 s
    last_thread,  // the process has no other thread left
    sandbox,      // the process enters a seccomp sandbox
};
struct Attachment {
    std::atomic<AttachState> state;
    std::atomic<AttachEnd> end;              // why it ended or ends
    std::atomic<std::uint32_t> detach;       // a futex; 1: the agent must end
    std::atomic<std::uint32_t> beat;         // the reader changes it at least each second
    std::atomic<std::uint32_t> slots;        // pointers to the allocator's functions that now lead to the agent
    std::atomic<std::uint32_t> other_slots;  // that had another value than expected and were left alone
};

struct SegmentHeader {
    std::uint64_t magic;
    std::uint32_t version;
    std::int32_t pid, parent;  // as /proc shows them; parent: the process that forked this one, 0 after exec
    std::uint64_t started_ns;  // CLOCK_MONOTONIC
    std::uint64_t exact;       // 1: started with every block
    SegmentSizes sizes;
    Attachment attachment;
    std::atomic<PythonState> python;
    std::atomic<OwnAllocator::State> own_allocator;                    // usable: it is recorded
    std::atomic<std::uint32_t> own_allocator_name, own_allocator_why;  // places in the names
    std::atomic<SearchState> search;
    // 1: readers may begin. The fields above are complete, but for attachment, search and python, which may change later.
    std::atomic<std::uint32_t> ready;
    std::atomic<std::uint32_t> stopped;   // 1: the agent has stopped in this process (see lost_locks)
    std::atomic<std::uint64_t> sampling;  // SamplingState
    std::atomic<std::uint32_t> samples_used, stacks_used, frames_used, modules_used, names_used;
    std::atomic<std::uint32_t> descriptors_used;  // the highest number recorded, and 1
    std::atomic<std::uint32_t> threads_used;
    std::atomic<std::uint32_t> epoch;                              // how often code was unloaded
    std::atomic<std::uint32_t> executable, command, command_size;  // places in the names; each argument ends with a 0
    std::atomic<std::uint64_t> sampled, freed;                     // blocks, ever
    std::atomic<std::uint64_t> allocations_q8;                     // calls, as estimated, in 1/256
    std::atomic<std::uint64_t> live_bytes, peak_bytes, peak_ns;    // as estimated
    // Losses. unseen_frees: the address of a live sample was returned again, so its free did not go through the hooks. lost_samples: no
    // room. lost_stacks: samples and descriptors with stack 0. lost_descriptors: no room. nested: allocations of a signal handler inside the agent. lost_locks: a thread
    // ended inside the agent, which has then stopped.
    std::atomic<std::uint64_t> unseen_frees, lost_samples, lost_stacks, lost_descriptors, nested, lost_locks;
    std::atomic<std::uint64_t> search_since_ns;  // by the reader, before it asks: samples from this time (CLOCK_MONOTONIC) on are growth
    std::atomic<std::uint64_t> search_ns;        // how long the search stopped the main thread
    std::atomic<std::uint32_t> search_beat;      // changes ten times per second while a copy searches
    std::atomic<std::uint32_t> answer_size;      // bytes of complete answers; a reader clears it before it asks
};

// A sampled live block. `number` is written last and cleared first: a reader that reads the same number, not 0, before and after
// the other fields has read one sample (SegmentReader in heap/internal/segment_file.hpp).
struct Sample {
    std::atomic<std::uint64_t> number;  // counts the samples of the process from 1; 0: unused
    std::atomic<std::uint64_t> address, size, at_ns;
    std::atomic<std::uint32_t> stack, next;  // next: in the same chain or free list; index + 1, 0: the last
};

// Return addresses or Python frames, innermost first. Stack 0 has none: it is used when there is no room for a stack.
struct Stack {
    std::uint64_t hash;
    std::uint32_t first, depth;  // in the frames
    std::atomic<std::uint32_t> epoch;
    std::uint32_t next;                                          // in the same chain, index + 1
    std::atomic<std::uint64_t> allocations_q8, allocated_bytes;  // estimated totals: calls in 1/256, and bytes
};

// An open descriptor, by its number: the stack that opened it, and 1; 0: closed, or opened unseen. One that was closed unseen keeps its entry
// until the number is used again.
using OpenDescriptor = std::atomic<std::uint32_t>;

// A thread that was started and is not joined. If it is detached, it may have ended; if it has ended otherwise, its stack stays for ever.
struct StartedThread {
    std::atomic<std::uint32_t> stack;  // that started it, and 1; 0: unused
    std::atomic<std::uint32_t> id;     // as in /proc/PID/task
    std::atomic<std::uint32_t> detached;
};

// Code that was loaded at [begin, end) from epoch `first_epoch` to `last_epoch`.
struct Module {
    std::uint64_t begin, end, base;  // base: what the loader added to the file's addresses
    std::uint32_t first_epoch;
    std::atomic<std::uint32_t> last_epoch;
    std::uint32_t name;  // path in the names; empty: the program itself
    std::uint32_t unused;
};

// Offsets of the tables. `bytes`: the size of the file.
struct SegmentLayout {
    std::uint64_t sample_heads, stack_heads, samples, stacks, frames, modules, names, descriptors, threads, answer, bytes;
};
constexpr SegmentLayout layout_of(const SegmentSizes& sizes) {
    const auto pages = [](std::uint64_t bytes) { return (bytes + kPage - 1) / kPage * kPage; };
    SegmentLayout layout{};
    layout.sample_heads = pages(sizeof(SegmentHeader));
    layout.stack_heads = layout.sample_heads + pages(std::uint64_t{sizes.sample_heads} * sizeof(std::uint32_t));
    layout.samples = layout.stack_heads + pages(std::uint64_t{sizes.stack_heads} * sizeof(std::uint32_t));
    layout.stacks = layout.samples + pages(std::uint64_t{sizes.samples} * sizeof(Sample));
    layout.frames = layout.stacks + pages(std::uint64_t{sizes.stacks} * sizeof(Stack));
    layout.modules = layout.frames + pages(std::uint64_t{sizes.frames} * sizeof(std::uint64_t));
    layout.names = layout.modules + pages(std::uint64_t{sizes.modules} * sizeof(Module));
    layout.descriptors = layout.names + pages(sizes.names);
    layout.threads = layout.descriptors + pages(std::uint64_t{sizes.descriptors} * sizeof(OpenDescriptor));
    layout.answer = layout.threads + pages(std::uint64_t{sizes.threads} * sizeof(StartedThread));
    layout.bytes = layout.answer + pages(sizes.answer);
    return layout;
}

}  // namespace leakline::agent
