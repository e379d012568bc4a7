#include <algorithm>

#include "holders/internal/blocks.hpp"

namespace leakline::holders {

namespace {

constexpr std::uint64_t kLargestGap = 1 << 20;  // within a span: 256 entries of its table

}  // namespace

void join_ranges(std::vector<Range>& ranges) {
    std::sort(ranges.begin(), ranges.end(), [](const Range& a, const Range& b) { return a.begin < b.begin; });
    std::size_t kept = 0;
    for (const Range& range : ranges)
        if (kept > 0 && range.begin <= ranges[kept - 1].end)
            ranges[kept - 1].end = std::max(ranges[kept - 1].end, range.end);
        else
            ranges[kept++] = range;
    ranges.resize(kept);
}

bool contain(std::span<const Range> ranges, std::uint64_t address) {
    const auto after =
        std::upper_bound(ranges.begin(), ranges.end(), address, [](std::uint64_t at, const Range& range) { return at < range.begin; });
    return after != ranges.begin() && address < (after - 1)->end;
}

BlockIndex::BlockIndex(std::vector<Block> blocks) {
    // Only where a program asks for addresses of five-level page tables.
    std::erase_if(blocks, [](const Block& block) { return block.end() >> 48 != 0; });
    if (blocks.empty()) return;
    lowest_ = blocks.front().address;
    highest_ = blocks.back().end();
    blocks_.reserve(blocks.size());
    for (const Block& block : blocks) {
        blocks_.push_back({static_cast<std::uint32_t>(block.address), static_cast<std::uint32_t>(block.size),
                           static_cast<std::uint16_t>(block.address >> 32), static_cast<std::uint16_t>(block.size >> 32)});
        bytes_ += block.size;
    }
    std::vector<Block>().swap(blocks);
    for (std::size_t first = 0; first < blocks_.size();) {
        std::size_t behind = first + 1;
        while (behind < blocks_.size() && blocks_[behind].address() - blocks_[behind - 1].block().end() < kLargestGap) ++behind;
        Span span{blocks_[first].address() / kPage * kPage, blocks_[behind - 1].block().end() / kPage * kPage + kPage, pages_.size()};
        auto id = static_cast<BlockId>(first);
        for (std::uint64_t page = span.begin; page < span.end; page += kPage) {
            while (id < behind && (*this)[id].end() < page) ++id;
            pages_.push_back(id);
        }
        pages_.push_back(static_cast<BlockId>(behind));
        spans_.push_back(span);
        first = behind;
    }
}

BlockId BlockIndex::find_in_spans(std::uint64_t address) const {
    const auto after =
        std::upper_bound(spans_.begin(), spans_.end(), address, [](std::uint64_t at, const Span& span) { return at < span.begin; });
    if (after == spans_.begin()) return kNoBlock;
    const Span& span = *(after - 1);
    if (address >= span.end) return kNoBlock;
    const std::size_t page = span.first_page + (address - span.begin) / kPage;
    // The last block that starts at or before the address. It is not before the first of this page, nor behind the first that ends in a
    // later one.
    const BlockId low = pages_[page], high = std::min<BlockId>(pages_[page + 1] + 1, static_cast<BlockId>(blocks_.size()));
    const auto found = std::upper_bound(blocks_.begin() + low, blocks_.begin() + std::max(low, high), address,
                                        [](std::uint64_t at, const Packed& block) { return at < block.address(); });
    if (found == blocks_.begin() + low) return kNoBlock;
    const auto id = static_cast<BlockId>(found - blocks_.begin() - 1);
    return address < (*this)[id].end() ? id : kNoBlock;
}

}  // namespace leakline::holders
