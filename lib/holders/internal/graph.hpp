// Which blocks keep which alive: pointers between blocks, found in every aligned word, and for each block the root that holds it.
//
// What a root owns by its type (see ownership.hpp) belongs to it. All else belongs to the first root that reaches it: of the first phase, and there of
// those that are nearest to most. A pointer into what another block owns counts only if nothing leads to the owner.
//
// What a root, or a block, keeps alone is what it dominates (see dominators.hpp): what can be reached through it only. Roots come in phases, and
// pointers from later ones into what an earlier one has keep nothing. What a root has without keeping it alone is shared with others of its phase.
//
// Thread-safety: immutable once made.
#pragma once

#include <cstdint>
#include <span>
#include <stop_token>
#include <vector>

#include "holders/internal/blocks.hpp"
#include "holders/internal/compact_numbers.hpp"
#include "holders/internal/memory_image.hpp"
#include "holders/internal/ownership.hpp"
#include "holders/internal/roots.hpp"
#include "holders/internal/sparse_rows.hpp"

namespace leakline::holders {

inline constexpr std::uint32_t kNoRoot = ~std::uint32_t{0};

class Graph {
  public:
    // used: by Ownership::take_used(); other blocks are scanned as a whole.
    Graph(const MemoryImage& image, const BlockIndex& index, const Roots& roots, const Ownership& ownership, const std::stop_token& stop,
          std::vector<Ownership::Used> used = {});

    // The blocks that a block's words lead to, without itself; the same can be there twice.
    std::span<const BlockId> targets(BlockId block) const {
        const SparseRows::Row row = rows_[block];
        return {edges_.data() + row.begin, edges_.data() + row.end};
    }
    // The root that holds a block; kNoRoot: none, it is lost.
    std::uint32_t owner(BlockId block) const { return owner_[block]; }
    // Of a root: bytes and blocks that it owns.
    Bytes owned_bytes(std::size_t root) const { return owned_bytes_[root]; }
    std::uint64_t owned_blocks(std::size_t root) const { return owned_blocks_[root]; }
    // What of it other roots of the same phase also lead to, and the one that leads to most.
    struct Shared {
        Bytes bytes = 0;
        std::size_t with = 0;  // a root; only if bytes > 0
    };
    const Shared& shared(std::size_t root) const { return shared_[root]; }
    // Whether a block that has a root is shared in that way.
    bool is_shared(BlockId block) const { return is_shared_[block]; }
    // The bytes of a block, with those of all blocks that can be reached through it only.
    Bytes retained_bytes(BlockId block) const { return retained_[block]; }
    // The last block through which every way to a block goes; kNoBlock: there is none, ways part at a root or before.
    BlockId dominator(BlockId block) const { return dominators_[block]; }
    Bytes lost_bytes() const { return lost_bytes_; }
    std::uint64_t lost_blocks() const { return lost_count_; }

  private:
    void scan(const MemoryImage& image, const BlockIndex& index, const Ownership& ownership, std::vector<Ownership::Used> used,
              const std::stop_token& stop);
    void reach(const Roots& roots, const Ownership& ownership);
    template <class OwnedBy>
    std::vector<std::uint32_t> nearest_first(std::uint32_t first, std::uint32_t behind, const Roots& roots, const Ownership& ownership,
                                             const OwnedBy& owned_by) const;
    class Kept;
    void retain(const BlockIndex& index, const Roots& roots, const Kept& kept);
    void sum_up(const BlockIndex& index, const Roots& roots, const Kept& kept);

    SparseRows rows_;  // by block, of edges_
    std::vector<BlockId> edges_;
    std::vector<std::uint32_t> owner_;
    std::vector<Bytes> owned_bytes_;
    std::vector<std::uint64_t> owned_blocks_;
    std::vector<Shared> shared_;
    std::vector<bool> is_shared_;  // by block
    CompactNumbers retained_;
    std::vector<BlockId> dominators_;
    Bytes lost_bytes_ = 0;
    std::uint64_t lost_count_ = 0;
};

}  // namespace leakline::holders
