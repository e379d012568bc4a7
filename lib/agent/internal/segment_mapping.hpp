// Makes the file of a segment and maps it. Does not allocate; no errno. One thread at a time.
#pragma once

#include <cstddef>
#include <cstdint>

#include "agent/internal/segment_view.hpp"

namespace leakline::agent {

struct Mapping {
    SegmentView view;
    std::uint64_t bytes = 0;
    bool all_there = false;  // all pages are allocated
};

// Of a file in the folder, with a slash before it.
inline constexpr std::size_t kLongestFileName = 32;

// A new segment in a file PID.N of the folder, whose path is written to `path`, with its header up to `sizes`, but for the time, and the
// interval. parent: the process that forked this one, or 0. False if the file cannot be made.
bool map_new_segment(const char* directory, char* path, std::int32_t parent, std::uint64_t interval, Mapping& mapping);
// The same in an open file, which the caller closes.
bool map_segment(int file, std::int32_t parent, std::uint64_t interval, Mapping& mapping);

}  // namespace leakline::agent
