// The live blocks: address -> size and trace. The only structure of a raw recording that grows with the heap
// itself (16 bytes per block at a load of at most 3/4), not with the number of events.
//
// Thread-safety: one object, one thread at a time.
#pragma once

#include <cstdint>
#include <unordered_map>
#include <vector>

#include "base/quantities.hpp"

namespace leakline::heap {

class LiveBlocks {
  public:
    struct Block {
        Bytes size = 0;
        std::uint32_t trace = 0;
    };

    LiveBlocks();

    // Adds the block. True if the address was already in use: previous is then the old block.
    bool insert(std::uint64_t address, Block block, Block& previous);
    // Removes the block; false if the address is not known.
    bool remove(std::uint64_t address, Block& block);
    // Prefetches the entry of an address that will be looked up soon.
    void prefetch(std::uint64_t address) const { __builtin_prefetch(&slots_[home(address)]); }

    std::size_t size() const { return used_; }

  private:
    struct Slot {
        std::uint64_t address;  // 0: empty (the tracker never reports a null pointer)
        std::uint32_t trace;
        std::uint32_t size;  // kHuge: in huge_
    };
    static constexpr std::uint32_t kHuge = 0xffffffff;

    std::size_t home(std::uint64_t address) const {
        return static_cast<std::size_t>((address * 0x9e3779b97f4a7c15) >> shift_);  // Knuth's multiplicative hash
    }
    Block block_of(const Slot& slot) const;
    void grow();

    std::vector<Slot> slots_;
    std::size_t used_ = 0, mask_;
    int shift_;
    std::unordered_map<std::uint64_t, Bytes> huge_;  // sizes of 4 GiB and more, by address
};

}  // namespace leakline::heap
