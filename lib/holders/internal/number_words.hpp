// Which words of an object are numbers by its type. In a program that is not position-independent the heap can be below 2^32, where sizes, limits and
// floating-point numbers look like addresses of it: those are no pointers.
//
// Thread-safety: one object, one thread at a time.
#pragma once

#include <cstdint>
#include <unordered_map>
#include <vector>

#include "debuginfo/debug_info.hpp"
#include "holders/internal/blocks.hpp"

namespace leakline::holders {

// Whether a number is likely to look like the block's address. Elsewhere a number that leads to a block is a pointer in disguise.
inline bool is_among_numbers(const Block& block) { return block.address >> 32 == 0; }

class NumberWords {
  public:
    explicit NumberWords(debuginfo::DebugInfo& names) : names_(names) {}

    // By aligned word of an object: whether members that are numbers cover it, and no others do. Arrays of bytes are memory for anything, and
    // so count as others. Valid for the life of this object.
    const std::vector<bool>& of(debuginfo::TypeId type);
    // offset: from the start of an object of that type.
    bool is_number(debuginfo::TypeId type, std::uint64_t offset) {
        const std::vector<bool>& words = of(type);
        return offset / 8 < words.size() && words[offset / 8];
    }

  private:
    struct Marks {
        std::vector<bool> numbers, others;
        std::uint64_t steps = 0;
    };
    void mark(Marks& marks, debuginfo::TypeId type, std::uint64_t offset, int depth);

    debuginfo::DebugInfo& names_;
    std::unordered_map<debuginfo::TypeId, std::vector<bool>> known_;
};

}  // namespace leakline::holders
