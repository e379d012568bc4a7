// Reads call frame information (.eh_frame; Linux Standard Base 5, 10.6; DWARF 5, 6.4) for one address. It runs inside of
// the recorded program, within its calls of malloc: nothing here allocates, locks or throws. Any thread may use it.
#pragma once

#include <cstdint>

#include "unwind/internal/frame_rule.hpp"

namespace leakline::unwind {

// A loaded object. Only [begin, end) is read, whatever the information in it says.
struct ObjectImage {
    const std::uint8_t* begin;
    const std::uint8_t* end;
    const std::uint8_t* frame_header;  // .eh_frame_hdr, within the object
};

// The rule for the instruction at `pc`. For a return address that is the address less one: a call may be the last
// instruction of its function. Cfa::unsupported where the object has none for it, is damaged, or says more than a
// FrameRule can hold (signal frames too).
FrameRule find_rule(const ObjectImage& object, std::uintptr_t pc);

}  // namespace leakline::unwind
