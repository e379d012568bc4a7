// Captures the stack of a call: return addresses, innermost first. Does not allocate or wait. By call frame information on x86-64
// (stack_capture.cpp), by frame records on AArch64 (frame_records.cpp).
#pragma once

#include <cstdint>

namespace leakline::agent {

// frame: the innermost function's, with its caller's frame pointer in [0] and the return address in [1]. Returns at least that address.
unsigned capture_stack(const void* frame, std::uint64_t* addresses, unsigned limit);

// Around each unloading of code, by any threads: what is known of return addresses no longer holds.
void begin_unloading();
void end_unloading();

}  // namespace leakline::agent
