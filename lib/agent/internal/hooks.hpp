// The hooks of a library that is attached to a running program: what leads to them is slots.cpp's.
#pragma once

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
};
std::span<const Hook> hooks();

}  // namespace leakline::agent
