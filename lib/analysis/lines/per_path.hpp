// How much each endpoint leaks: a regression of memory's growth over blocks of requests on how many of each kind a block
// held. It can only separate kinds whose numbers vary independently from block to block, hence the randomized mix.
// Pure function, safe from any thread.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "model/series.hpp"

namespace leakline::analysis {

// A block of traffic, from one quiet mark to the next.
struct MixBlock {
    double growth_bytes = 0;              // of memory (RSS, or live bytes) from mark to mark
    std::vector<std::uint64_t> requests;  // completed, one a path, in the order of the paths
};

struct PathGrowth {
    std::string path;
    Interval bytes_per_request;  // 95 %; infinite bounds if the blocks do not determine it
    bool leaks = false;          // grows by a byte per request or more, beyond doubt: over all paths of a run, one in a thousand runs names
                                 // any that does not (Holm), whichever single block is left out
    bool separable = true;       // false: this path's numbers follow those of others; more random blocks are needed
};

struct PathGrowthReport {
    std::vector<PathGrowth> paths;     // largest estimate first
    Interval bytes_per_block;          // growth of a block that no request explains: timers, logs, warm-up
    double residual_bytes = 0;         // standard deviation of what stays unexplained in a block
    std::vector<std::string> reasons;  // why there is no answer, or what limits it; empty: none
};

// blocks: each with one count a path. Needs at least two blocks more than paths + 1; with fewer the report holds no
// paths and the reason.
PathGrowthReport growth_per_path(const std::vector<std::string>& paths, const std::vector<MixBlock>& blocks);

}  // namespace leakline::analysis
