// Names what holds blocks: from a root down the members of its type to the container.
//
// Thread-safety: functions without state; DebugInfo from one thread.
#pragma once

#include <stop_token>
#include <vector>

#include "debuginfo/debug_info.hpp"
#include "holders/internal/graph.hpp"
#include "holders/internal/memory_image.hpp"
#include "holders/internal/object_members.hpp"
#include "holders/internal/root_names.hpp"
#include "holders/internal/roots.hpp"
#include "model/holders.hpp"

namespace leakline::holders {

struct DescribeOptions {
    std::size_t most = 20;       // roots that are looked into, those with most bytes
    double least_share = 0.001;  // of all bytes; roots with less are left out
};

// Largest first.
std::vector<Holder> describe_roots(const Heap& heap, const Roots& roots, const std::vector<NamedRoot>& named,
                                   const DescribeOptions& options, const std::stop_token& stop);

// What blocks of any set are: by the class of their virtual table, else by size; largest first, at most `most`.
std::vector<BlockKind> kinds_of(const std::vector<BlockId>& blocks, const MemoryImage& image, const BlockIndex& index,
                                debuginfo::DebugInfo& names, std::size_t most);

}  // namespace leakline::holders
