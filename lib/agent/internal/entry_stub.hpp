// What a jump at the beginning of an allocator's function leads to. x86-64.
#pragma once

#include <cstdint>

#include "agent/own_allocator.hpp"

namespace leakline::agent {

// A function whose beginning is a jump.
struct EntryPlace {
    std::uint64_t (*real)(std::uint64_t, std::uint64_t, std::uint64_t, std::uint64_t, std::uint64_t);  // its moved instructions
};
// The function's own arguments, and its place.
using HookFunction = std::uint64_t (*)(std::uint64_t, std::uint64_t, std::uint64_t, std::uint64_t, std::uint64_t, const EntryPlace*);
HookFunction hook_of(AllocatorCall call);

}  // namespace leakline::agent
