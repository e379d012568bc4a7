// Data from the recorder for the library that waits in a wrapper's children for the program to record (follow.cpp). The block is in
// a file that all of them map.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>

namespace leakline::unwind {

struct FollowBlock {
    // The process that is recorded, 0: none yet; and since when (CLOCK_MONOTONIC, ms). Set by that process.
    std::atomic<std::int32_t> pid{0};
    std::atomic<std::int64_t> since_ms{0};
    // Set by the recorder: the recorded process is the one that is measured, and none takes its place from now on.
    std::atomic<bool> settled{false};
    // Programs that would have been recorded, had not another one been: set by them, cleared by the recorder once they have ended.
    std::array<std::atomic<std::int32_t>, 16> passed_over{};
    char program[4096] = {};  // the executable to record, as /proc/PID/exe has it; empty: the first that is no wrapper
    char preload[4096] = {};  // its LD_PRELOAD
    char stream[64] = {};     // its DUMP_HEAPTRACK_OUTPUT
};

// The variable that has the path of the block.
inline constexpr char kFollowVariable[] = "LEAKLINE_FOLLOW";
// In the stream, before the tracker's first record: a comment of heaptrack's format, with the process id behind it.
inline constexpr char kFollowMark[] = "# leakline records process ";
// A process that ended before it was so old was a helper, and the next program is recorded in its place. Where the program to
// record is named, what ended before the measurement was a helper at any age.
inline constexpr std::int64_t kHelper_ms = 1000;

}  // namespace leakline::unwind
