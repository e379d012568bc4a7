// Which variables hold the heap of a process: of any running program with glibc's malloc, without a tracker and without a restart.
//
// The process is stopped for a copy of its memory; everything else happens on the copy. Every aligned word that leads into a block counts as a
// pointer to it: a number that looks like one can hold a block, and encoded pointers (xor, compressed) are not seen.
//
// Thread-safety: functions without state.
#pragma once

#include <functional>
#include <stop_token>
#include <string_view>

#include "model/holders.hpp"
#include "system/procfs.hpp"

namespace leakline::holders {

struct HolderOptions {
    std::size_t most = 20;  // roots that are looked into, those with most bytes
    std::stop_token stop;   // once requested, what follows is left out; see HolderReport::warnings
    std::function<void(std::string_view stage)> progress = [](std::string_view) {};
};

// Throws Error{system} if the process is not running, may not be traced, is traced already, or if its copy does not fit into memory.
HolderReport find_holders(int pid, const HolderOptions& options, const SystemRoots& roots = {});

// after, with the growth of each holder since before; largest growth first. Both of one process. A holder is the same if its variable, path and
// type are.
HolderReport growth_between(const HolderReport& before, HolderReport after, Nanoseconds since);

}  // namespace leakline::holders
