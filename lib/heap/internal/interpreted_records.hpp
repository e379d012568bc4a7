// Records that only interpreted recordings have, bytes -> value. Pure, safe from any thread.
#pragma once

#include <string_view>
#include <vector>

#include "model/heap.hpp"

namespace leakline::heap {

// "i <address> <module> [<function> [<file> <line> (<function> <file> <line>)*]]". Frames are appended, innermost
// first, each reference checked against the number of strings so far (0 where it points nowhere). False, with frames
// as before, where even the address cannot be read. line must lie in a LineBuffer.
bool parse_ip_record(std::string_view line, std::size_t strings, InstructionPointer& ip, std::vector<Frame>& frames);

}  // namespace leakline::heap
