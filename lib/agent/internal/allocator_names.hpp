// How the functions of allocators are named, with a prefix (je_, _rjem_, mi_, tc_) or without one.
#pragma once

#include <optional>
#include <string_view>

#include "agent/own_allocator.hpp"

namespace leakline::agent {

// The allocators whose functions may have a prefix: a set of bits.
using AllocatorFamilies = unsigned;
inline constexpr AllocatorFamilies kStandard = 1, kJemalloc = 2, kGperftools = 4, kMimalloc = 8;

// A function of the C standard or POSIX, or of these allocators, by its name without the prefix.
std::optional<AllocatorCall> call_of(std::string_view name, AllocatorFamilies families);
// An operator new or delete of C++, by its mangled name.
std::optional<AllocatorCall> call_of_operator(std::string_view name);
// 0: not a prefix that is known.
AllocatorFamilies families_of(std::string_view prefix);

}  // namespace leakline::agent
