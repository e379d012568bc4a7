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

// An exported variable of it.
inline constexpr char kAttachVariable[] = "leakline_attachment";
enum class AttachFailure : std::uint32_t { none = 0, no_allocator, no_segment, busy };
struct AttachStatus {
    std::atomic<std::int32_t> pid;  // as getpid() returns it, while it records or starts to; forked children inherit the value
    std::atomic<AttachFailure> failure;
};

}  // namespace leakline::agent
