// What `leakline record --pid` and the agent that it loads into a running process agree on, besides the segment.
#pragma once

#include <atomic>
#include <cstdint>

namespace leakline::agent {

// The name of the library in /proc/PID/maps ("/memfd:NAME (deleted)") begins with this; the rest identifies its build.
inline constexpr char kAttachedName[] = "leakline-attached-";

// An exported function of it. It is called in a thread of its own, in which all signals are blocked, and returns when recording has ended.
inline constexpr char kAttachFunction[] = "leakline_attach";
struct AttachRequest {
    std::uint64_t interval;                     // mean bytes between samples
    std::uint64_t unmapped_at, unmapped_bytes;  // a mapping that is no longer needed
    std::int32_t segment;                       // an empty file, open in the process; the function closes it
    std::int32_t unused;
};

// A word of the program's code that must hold a jump to the agent: before and after. Aligned. No thread may be in (function, function + moved)
// while it is written; taking the jump away needs no such care.
struct EntryPatch {
    std::uint64_t address, before, after;
    std::uint64_t function, moved;
};
// The agent asks leakline for all of them, and waits; leakline answers while all threads stand still.
enum class Patching : std::uint32_t { none = 0, wanted, done, impossible };

// An exported variable of the library: an AttachStatus.
inline constexpr char kAttachVariable[] = "leakline_attachment";
enum class AttachFailure : std::uint32_t { none = 0, no_allocator, no_segment, busy };
struct AttachStatus {
    std::atomic<std::int32_t> pid;  // as getpid() returns it, while it records or starts to; forked children inherit the value
    std::atomic<AttachFailure> failure;
    std::atomic<Patching> patching;
    std::atomic<std::uint32_t> patch_count;
    std::atomic<std::uint64_t> patches;  // where they are in the process
};

}  // namespace leakline::agent
