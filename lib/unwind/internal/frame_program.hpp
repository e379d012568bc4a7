// Runs the programs of call frame information (DWARF 5, 6.4.2) up to one address. Nothing allocates; any thread may use it.
#pragma once

#include <cstdint>

#include "unwind/internal/byte_cursor.hpp"
#include "unwind/internal/frame_rule.hpp"

namespace leakline::unwind {

// x86-64's number of the return address's column (System V ABI, figure 3.36).
constexpr std::uint64_t kReturnAddressColumn = 16;

// What an instruction's operands are multiplied by.
struct FrameAlignment {
    std::uint64_t code = 0;
    std::int64_t data = 0;
};

// The rule `offset` bytes into the function, by the program that it shares with others and then its own. Cfa::unsupported where
// they are damaged, or use what is not followed.
FrameRule run_programs(ByteCursor shared, ByteCursor own, const FrameAlignment& alignment, std::uint64_t offset);

}  // namespace leakline::unwind
