// Which blocks, live at the end of a recording, heaptrack's own printer leaves out of its total of leaked bytes: what
// glibc and GLib allocate once and keep, and what the recorded program itself has declared (__lsan_default_suppressions).
// Pure, safe from any thread.
#pragma once

#include <string_view>
#include <vector>

#include "model/heap.hpp"

namespace leakline::analysis {

// LeakSanitizer's patterns: anywhere in the text; '*' stands for any characters, '^' at the start and '$' at the end for
// the text's start and end.
bool suppression_matches(std::string_view pattern, std::string_view text);

// Live bytes, in the profile's last state, of traces in which any function, file or module matches a pattern of the
// profile's or of those that heaptrack 1.4 brings along. live_bytes: of each trace (index id - 1).
std::int64_t suppressed_bytes(const HeapProfile& profile, const std::vector<std::int64_t>& live_bytes);

}  // namespace leakline::analysis
