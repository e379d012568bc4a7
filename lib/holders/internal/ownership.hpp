// Which block owns which, by the types of the program: containers and smart pointers own what they have allocated. Plain pointers own nothing, but
// they tell what the object is that they lead to, and so what that owns in turn.
//
//   The walk starts at the roots whose type is known. Each block has at most one owner, the first that is found; the order is that of the
//   roots, and in each of them containers and smart pointers come before plain pointers.
//
// Thread-safety: immutable once made.
#pragma once

#include <cstdint>
#include <span>
#include <stop_token>
#include <utility>
#include <vector>

#include "holders/internal/blocks.hpp"
#include "holders/internal/memory_image.hpp"
#include "holders/internal/number_words.hpp"
#include "holders/internal/object_form.hpp"
#include "holders/internal/sparse_rows.hpp"

namespace leakline::holders {

class Ownership {
  public:
    Ownership() = default;
    // variables: what each root is, by its number.
    Ownership(const MemoryImage& image, const BlockIndex& index, const std::vector<const Group*>& variables, ObjectForms& forms,
              NumberWords& numbers, const std::stop_token& stop);

    // Whether a block or a root owns it.
    bool has_owner(BlockId block) const { return block < has_owner_.size() && has_owner_[block]; }
    // The block that owns it, or, behind the blocks, the number of the root; kNoBlock: none. Not after forget_owners().
    std::uint32_t owner_of(BlockId block) const { return owners_.empty() ? kNone : owners_[block]; }
    void forget_owners() { std::vector<Owner>().swap(owners_); }
    // The blocks that a block, or a root, owns itself.
    std::span<const BlockId> owned_by(BlockId block) const { return part(block); }
    std::span<const BlockId> owned_by_root(std::size_t root) const { return part(blocks_ + root); }
    // The part of a block that holds anything: all of it, but for containers with room to grow. A block can have several, which limit each other.
    struct Used {
        BlockId block = kNoBlock;
        std::uint32_t begin = 0, end = 0;  // words from the block's start; end also stands for all that are farther
    };
    // Sorted by block. They are needed once, and then take no more memory here.
    std::vector<Used> take_used() { return std::exchange(used_, {}); }
    // Whether what stands there, at an offset in the block, is a number by the type of its object; see number_words.hpp. Never where no block is
    // among the numbers.
    bool is_number(BlockId block, std::uint64_t offset) const;

  private:
    class Walk;
    // A block, or behind them a root: find_blocks leaves room for those.
    using Owner = std::uint32_t;
    static constexpr Owner kNone = ~Owner{0};

    std::span<const BlockId> part(std::size_t owner) const {
        const SparseRows::Row row = rows_[owner];
        return {owned_.data() + row.begin, owned_.data() + row.end};
    }
    void gather(std::size_t owners);

    Owner blocks_ = 0;
    std::vector<Owner> owners_;  // of each block: a block, or blocks_ and a root's number
    std::vector<bool> has_owner_;
    SparseRows rows_;  // by owner, of owned_
    std::vector<BlockId> owned_;
    std::vector<Used> used_;
    // What the objects of a block have; only if blocks are among the numbers.
    struct Content {
        std::uint32_t shape = 0;  // in shapes_; 0: not known
        std::uint32_t start = 0;  // of the first object, in the block
    };
    struct Shape {
        std::uint64_t stride = 8;   // from one object to the next
        std::vector<bool> numbers;  // by word of an object
    };
    std::vector<Content> contents_;  // by block
    std::vector<Shape> shapes_;
};

}  // namespace leakline::holders
