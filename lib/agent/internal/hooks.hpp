// The hooks of a library that is attached to a running program: what leads to them is slots.cpp's.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

namespace leakline::agent {

struct Hook {
    // Slots of `allocates` are changed last, so that no sampled block is freed unseen.
    enum class Kind { frees, allocates };
    const char* name;  // of the function that it stands before
    void* hook;
    void** real;  // where the hook finds that function
    Kind kind;
    // A program may define a function of this name for a purpose of its own, and only the C library's is known: a call that leads
    // elsewhere is left alone.
    bool only_of_libc = false;
};
// The most that one table may have: slots.cpp has room for so many of each.
constexpr std::size_t kMostHooks = 63;
template <std::size_t count>
constexpr std::span<const Hook> all_of(const Hook (&table)[count]) {
    static_assert(count <= kMostHooks);
    return table;
}
std::span<const Hook> allocator_hooks();
std::span<const Hook> descriptor_hooks();
std::span<const Hook> exec_hooks();
std::span<const Hook> mapping_hooks();
std::span<const Hook> thread_hooks();

// A row of such a table. behind: an object of Behind.
#define LEAKLINE_ROW_OF_LIBC(kind, name, behind) \
    { #name, reinterpret_cast < void*>(&hook_##name), (behind).place(), Hook::Kind::kind, true }

}  // namespace leakline::agent
