// Memory of native code, as far as it can be followed without knowing its types: by pointers from one block of glibc's malloc to another, whose
// headers have their sizes. For a copy of the process, as the graph.
#pragma once

#include <cstdint>

#include "agent/internal/python_graph.hpp"

namespace leakline::agent::python {

class NativeMemory {
  public:
    bool begin();  // false: there is no memory for it, or the mappings cannot be read
    // The block that an address leads to, if it is one, and was not met before.
    void add(std::uint64_t address, std::uint32_t owner);
    // Goes through the blocks, nearest first, and adds those that they lead to. meet(begin, end, owner) says whether to read one.
    template <class Meet>
    void follow(const Meet& meet) {
        for (std::uint32_t i = 0; i < used_; ++i) {
            const Block block = blocks_[i];
            if (!meet(block.begin, block.end, block.owner)) continue;
            for (std::uint64_t place = block.begin; place + 8 <= block.end; place += 8) add(word(place), block.owner);
        }
    }

  private:
    struct Block {
        std::uint64_t begin, end;
        std::uint32_t owner;
    };
    struct Range {
        std::uint64_t begin, end;
    };
    static std::uint64_t word(std::uint64_t address);
    bool read_mappings();
    void add_range(std::uint64_t begin, std::uint64_t end);
    const Range* range_of(std::uint64_t address) const;
    bool is_in_arena(const Range& range, std::uint64_t block, bool other) const;
    std::uint64_t end_of_block(const Range& range, std::uint64_t block) const;  // 0: no block begins there

    Block* blocks_ = nullptr;
    std::uint32_t used_ = 0;
    AddressIndex index_;  // of blocks, by their begin
    Range* ranges_ = nullptr;
    std::uint32_t range_count_ = 0;
    Range main_arena_ = {};
};

}  // namespace leakline::agent::python
