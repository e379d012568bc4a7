// Captures the stack of a call: return addresses, innermost first. Does not allocate or wait.
#pragma once

#include <cstdint>

namespace leakline::agent {

// frame: the innermost function's, with its caller's frame pointer in [0] and the return address in [1]. Returns at least that address.
unsigned capture_stack(const void* frame, std::uint64_t* addresses, unsigned limit);

}  // namespace leakline::agent
