#include "holders/internal/allocators.hpp"

#include <algorithm>

namespace leakline::holders {

namespace {

Bytes size_of(const std::vector<Block>& blocks) {
    Bytes sum = 0;
    for (const Block& block : blocks) sum += block.size;
    return sum;
}

template <class Element>
void append(std::vector<Element>& to, const std::vector<Element>& more) {
    to.insert(to.end(), more.begin(), more.end());
}

}  // namespace

void order_blocks(std::vector<Block>& blocks) {
    std::sort(blocks.begin(), blocks.end(), [](const Block& a, const Block& b) { return a.address < b.address; });
    std::size_t kept = 0;
    for (const Block& block : blocks)
        if (kept == 0 || block.address >= blocks[kept - 1].end()) blocks[kept++] = block;
    blocks.resize(kept);
    constexpr std::size_t kMax = kNoBlock - (1u << 24);  // identifiers of roots come behind
    if (blocks.size() > kMax) blocks.resize(kMax);
}

const Block* block_at(const std::vector<Block>& blocks, std::uint64_t address) {
    const auto found =
        std::lower_bound(blocks.begin(), blocks.end(), address, [](const Block& block, std::uint64_t at) { return block.address < at; });
    return found != blocks.end() && found->address == address ? &*found : nullptr;
}

void remove_blocks(std::vector<Block>& blocks, std::vector<std::uint64_t> addresses) {
    std::sort(addresses.begin(), addresses.end());
    std::erase_if(blocks, [&](const Block& block) { return std::binary_search(addresses.begin(), addresses.end(), block.address); });
}

// A program can have several: a library's malloc for its own objects beside that of the C library.
HeapBlocks find_blocks(const MemoryImage& image) {
    HeapBlocks all = find_glibc_blocks(image), other = find_jemalloc_blocks(image);
    if (other.allocator == HeapBlocks::Allocator::unknown) return all;
    if (size_of(other.blocks) >= size_of(all.blocks)) all.allocator = other.allocator;
    append(all.blocks, other.blocks);
    append(all.heaps, other.heaps);
    append(all.own, other.own);
    append(all.warnings, other.warnings);
    order_blocks(all.blocks);
    std::sort(all.heaps.begin(), all.heaps.end(), [](const Range& a, const Range& b) { return a.begin < b.begin; });
    return all;
}

}  // namespace leakline::holders
