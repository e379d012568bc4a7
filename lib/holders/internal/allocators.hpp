// The allocators whose blocks are found, each in a file of its own.
//
// Thread-safety: functions without state.
#pragma once

#include "holders/internal/blocks.hpp"

namespace leakline::holders {

// By walking the chunks of all arenas. What is free is left out: chunks in bins, fast bins and thread caches.
HeapBlocks find_glibc_blocks(const MemoryImage& image);
// By its table of extents, in the data of a library or of the program itself.
HeapBlocks find_jemalloc_blocks(const MemoryImage& image);

// Sorts by address. Damaged tables can make a block reach over others: those that begin within another are left out.
void order_blocks(std::vector<Block>& blocks);
// Of ordered blocks: the one that begins there.
const Block* block_at(const std::vector<Block>& blocks, std::uint64_t address);
void remove_blocks(std::vector<Block>& blocks, std::vector<std::uint64_t> addresses);

}  // namespace leakline::holders
