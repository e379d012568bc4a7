// Memory retained per connection, as opposed to per request: a regression of each line's live bytes over blocks of
// traffic on their numbers of requests and of connections, which have to vary independently from block to block.
// Pure function, safe from any thread.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "analysis/lines/lines.hpp"
#include "model/connections.hpp"
#include "model/heap.hpp"

namespace leakline::analysis {

// A block of traffic that ends at the mark with this label and begins at that of the block before. All of its connections
// are closed at both.
struct ConnectionBlock {
    std::string label;
    std::vector<std::uint64_t> requests;  // completed, of each kind
    std::uint64_t connections = 0;        // opened
};

// first_mark: label of the mark where the first block begins. Nothing where the blocks that have marks are too few, or their
// numbers of connections follow from those of requests. lines: of the same recording; what they grow by with time is taken out.
//
// A line leaks per connection where the slope is above zero with p <= 0.001, corrected for the number of lines that grow at
// all (Bonferroni), and the blocks with many connections show it each by itself: a pool of connections that reaches its
// size grows in a few of them.
std::optional<ConnectionGrowth> growth_per_connection(const HeapProfile& profile, const LineOptions& options, const std::string& first_mark,
                                                      const std::vector<ConnectionBlock>& blocks, std::span<const LineGrowth> lines = {});

}  // namespace leakline::analysis
