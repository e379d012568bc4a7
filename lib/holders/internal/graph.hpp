// Which blocks keep which alive: pointers between blocks, found in every aligned word, and for each block the root that holds it.
//
// What a root owns by its type (see ownership.hpp) belongs to it. All else belongs to the first root, in their order, that reaches it; a pointer
// into what another block owns counts only if nothing leads to the owner. Roots come in phases; what others of the same phase reach as
// well is counted as shared.
//
// Thread-safety: immutable once made.
#pragma once

#include <cstdint>
#include <span>
#include <stop_token>
#include <vector>

#include "holders/internal/blocks.hpp"
#include "holders/internal/memory_image.hpp"
#include "holders/internal/ownership.hpp"
#include "holders/internal/roots.hpp"

namespace leakline::holders {

inline constexpr std::uint32_t kNoRoot = ~std::uint32_t{0};

class Graph {
  public:
    Graph(const MemoryImage& image, const BlockIndex& index, const Roots& roots, const Ownership& ownership, const std::stop_token& stop);

    // The blocks that a block's words lead to, without itself; the same can be there twice.
    std::span<const BlockId> targets(BlockId block) const {
        return {edges_.data() + first_edge_[block], edges_.data() + first_edge_[block + 1]};
    }
    // The root that holds a block; kNoRoot: none, it is lost.
    std::uint32_t owner(BlockId block) const { return owner_[block]; }
    // Of a root: bytes and blocks that it owns.
    Bytes owned_bytes(std::size_t root) const { return owned_bytes_[root]; }
    std::uint64_t owned_blocks(std::size_t root) const { return owned_blocks_[root]; }
    // What of it other roots of the same phase also lead to, and one of them.
    struct Shared {
        Bytes bytes = 0;
        std::size_t with = 0;  // a root; only if bytes > 0
    };
    const Shared& shared(std::size_t root) const { return shared_[root]; }
    Bytes lost_bytes() const { return lost_bytes_; }
    std::uint64_t lost_blocks() const { return lost_count_; }

  private:
    void scan(const MemoryImage& image, const BlockIndex& index, const Ownership& ownership, const std::stop_token& stop);
    void reach(const Roots& roots, const Ownership& ownership);
    void find_shared(const BlockIndex& index, const Roots& roots);

    std::vector<std::size_t> first_edge_;  // by block, and one more
    std::vector<BlockId> edges_;
    std::vector<std::uint32_t> owner_;
    std::vector<Bytes> owned_bytes_;
    std::vector<std::uint64_t> owned_blocks_;
    std::vector<Shared> shared_;
    Bytes lost_bytes_ = 0;
    std::uint64_t lost_count_ = 0;
};

}  // namespace leakline::holders
