#include "heap/internal/live_blocks.hpp"

#include <bit>

namespace leakline::heap {

namespace {
constexpr std::size_t kFirstSlots = std::size_t{1} << 10;
}

LiveBlocks::LiveBlocks() : slots_(kFirstSlots, Slot{0, 0, 0}), mask_(kFirstSlots - 1), shift_(64 - std::countr_zero(kFirstSlots)) {}

LiveBlocks::Block LiveBlocks::block_of(const Slot& slot) const {
    return {slot.size == kHuge ? huge_.at(slot.address) : slot.size, slot.trace};
}

bool LiveBlocks::insert(std::uint64_t address, Block block, Block& previous) {
    std::size_t at = home(address);
    while (slots_[at].address != 0 && slots_[at].address != address) at = (at + 1) & mask_;
    Slot& slot = slots_[at];
    const bool taken = slot.address == address;
    if (taken) {
        previous = block_of(slot);
        if (slot.size == kHuge) huge_.erase(address);
    }
    const bool huge = block.size >= kHuge;
    if (huge) huge_[address] = block.size;
    slot = {address, block.trace, huge ? kHuge : static_cast<std::uint32_t>(block.size)};
    if (!taken && ++used_ > slots_.size() / 4 * 3) grow();
    return taken;
}

bool LiveBlocks::remove(std::uint64_t address, Block& block) {
    std::size_t hole = home(address);
    while (slots_[hole].address != address) {
        if (slots_[hole].address == 0) return false;
        hole = (hole + 1) & mask_;
    }
    block = block_of(slots_[hole]);
    if (slots_[hole].size == kHuge) huge_.erase(address);
    // Linear probing without tombstones (Knuth 6.4, algorithm R): move back entries that the gap would hide.
    for (std::size_t at = (hole + 1) & mask_; slots_[at].address != 0; at = (at + 1) & mask_) {
        const std::size_t wanted = home(slots_[at].address);
        if (((at - wanted) & mask_) < ((at - hole) & mask_)) continue;
        slots_[hole] = slots_[at];
        hole = at;
    }
    slots_[hole].address = 0;
    --used_;
    return true;
}

void LiveBlocks::grow() {
    std::vector<Slot> old(slots_.size() * 2, Slot{0, 0, 0});
    old.swap(slots_);
    mask_ = slots_.size() - 1;
    --shift_;
    for (const Slot& slot : old) {
        if (slot.address == 0) continue;
        std::size_t at = home(slot.address);
        while (slots_[at].address != 0) at = (at + 1) & mask_;
        slots_[at] = slot;
    }
}

}  // namespace leakline::heap
