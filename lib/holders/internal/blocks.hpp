// The blocks that a process has from its allocator, found in a copy of its memory.
//
// Thread-safety: immutable once made; any thread may read.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "base/quantities.hpp"
#include "holders/internal/memory_image.hpp"

namespace leakline::holders {

using BlockId = std::uint32_t;
inline constexpr BlockId kNoBlock = ~BlockId{0};

struct Block {
    std::uint64_t address = 0;  // as malloc returned it
    std::uint64_t size = 0;     // usable bytes, at least those asked for

    std::uint64_t end() const { return address + size; }
};

// Half-open.
struct Range {
    std::uint64_t begin = 0, end = 0;
};
// Sorts by address; those that touch or overlap become one.
void join_ranges(std::vector<Range>& ranges);
// ranges: by address, without overlap.
bool contain(std::span<const Range> ranges, std::uint64_t address);

// Finds the block that an address lies in: one table entry per page, then a search among the blocks of that page.
class BlockIndex {
  public:
    BlockIndex() = default;
    // blocks: by address, without overlap; at most kNoBlock - 1.
    explicit BlockIndex(std::vector<Block> blocks);

    Block operator[](BlockId id) const { return blocks_[id].block(); }
    std::size_t size() const { return blocks_.size(); }
    Bytes bytes() const { return bytes_; }  // of all blocks
    // Also of an address in the middle of a block: iterators, several base classes, short strings. Not of one past its end: that is where
    // the next mapping or block begins. kNoBlock for others.
    BlockId find(std::uint64_t address) const {
        if (address - lowest_ > highest_ - lowest_) return kNoBlock;
        return find_in_spans(address);
    }

  private:
    // Blocks that lie close to each other.
    struct Span {
        std::uint64_t begin = 0, end = 0;  // whole pages
        std::size_t first_page = 0;        // in pages_
    };
    BlockId find_in_spans(std::uint64_t address) const;

    // In 12 bytes: addresses and sizes of programs have 48 bits.
    struct Packed {
        std::uint32_t address_low = 0, size_low = 0;
        std::uint16_t address_high = 0, size_high = 0;

        std::uint64_t address() const { return std::uint64_t{address_high} << 32 | address_low; }
        Block block() const { return {address(), std::uint64_t{size_high} << 32 | size_low}; }
    };
    std::vector<Packed> blocks_;
    Bytes bytes_ = 0;
    std::vector<Span> spans_;
    std::vector<BlockId> pages_;  // for each page of a span the first block that ends in or behind it; one more behind the last page
    std::uint64_t lowest_ = 1, highest_ = 0;
};

struct HeapBlocks {
    enum class Allocator { glibc, jemalloc, tcmalloc, mimalloc, unknown };
    Allocator allocator = Allocator::unknown;  // of most bytes
    std::vector<Block> blocks;                 // in use, by address
    std::vector<Range> heaps;                  // what the allocator has from the kernel: no roots in there
    std::vector<Range> own;                    // the allocator's own data elsewhere: no roots either
    std::vector<Range> unreadable;             // parts of heaps whose blocks could not be found; their words count as roots
    std::vector<std::string> warnings;
};

// Of the allocators in allocators.hpp. What they have free is left out. With another one, or before the first malloc: no blocks.
HeapBlocks find_blocks(const MemoryImage& image);

}  // namespace leakline::holders
