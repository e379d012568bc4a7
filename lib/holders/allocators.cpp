#include "holders/internal/allocators.hpp"

#include <algorithm>
#include <utility>

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

void add(HeapBlocks other, HeapBlocks& all) {
    if (other.allocator == HeapBlocks::Allocator::unknown) return;
    if (size_of(other.blocks) >= size_of(all.blocks)) all.allocator = other.allocator;
    if (all.blocks.empty())
        all.blocks = std::move(other.blocks);
    else
        append(all.blocks, other.blocks);
    append(all.heaps, other.heaps);
    append(all.own, other.own);
    append(all.unreadable, other.unreadable);
    append(all.warnings, other.warnings);
    order_blocks(all.blocks);
    join_ranges(all.heaps);
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

std::uint64_t NextWord::find(std::uint64_t begin, std::uint64_t end) {
    const auto* const region = image_.region_at(begin);
    if (region == nullptr) return end;
    const std::uint64_t last = std::min(end, region->mapping.end);
    const WordReader word(image_);
    std::uint64_t at = begin, from = begin;
    for (auto known = empty_.lower_bound(begin); at + 8 <= last;) {
        if (known != empty_.end() && known->second <= at) {
            from = std::min(from, known->second);
            at = std::max(at, known->first);
            known = empty_.erase(known);
            continue;
        }
        // Pages that were never written are left out.
        if (at == begin || at % kPage == 0) {
            const auto run = std::upper_bound(region->runs.begin(), region->runs.end(), at,
                                              [](std::uint64_t address, const MemoryImage::Run& each) { return address < each.end; });
            const std::uint64_t written = run == region->runs.end() ? last : std::max(run->begin, at);
            if (written > at) {
                at = std::min(written, last);
                continue;
            }
        }
        if ((word(at) & mask_) != 0) break;
        at += 8;
    }
    if (at > from) empty_[at] = from;
    return at + 8 <= last ? at : end;
}

void Slots::append_used(std::vector<Block>& to) const {
    for (std::size_t i = 0; i < is_free_.size(); ++i)
        if (!is_free_[i]) to.push_back({start_ + i * size_, size_});
}

bool Slots::mark_free(std::uint64_t block) {
    const std::uint64_t offset = block - start_, place = offset / size_;
    if (block < start_ || offset % size_ != 0 || place >= is_free_.size() || is_free_[place]) return false;
    is_free_[place] = true;
    ++free_count_;
    return true;
}

// A program can have several: a library's malloc for its own objects beside that of the C library.
HeapBlocks find_blocks(const MemoryImage& image) {
    const LoadedAllocator loaded = loaded_allocator(image);
    HeapBlocks all = find_glibc_blocks(image);
    bool seen = loaded.library.empty();
    for (const auto find : {find_jemalloc_blocks, find_tcmalloc_blocks, find_mimalloc_blocks}) {
        HeapBlocks other = find(image);
        seen = seen || other.allocator == loaded.allocator;
        add(std::move(other), all);
    }
    if (seen) return all;
    // A library that is only loaded, for its heap profiler or by a plugin, allocates little or nothing.
    HeapBlocks mapped = find_mapped_blocks(image, loaded, all.heaps);
    if (size_of(mapped.blocks) >= size_of(all.blocks)) add(std::move(mapped), all);
    return all;
}

}  // namespace leakline::holders
