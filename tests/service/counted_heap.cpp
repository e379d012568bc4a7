#include "counted_heap.hpp"

#include <cstdlib>
#include <new>

namespace {

// The size stands in front of each block. 16 bytes keep the alignment that operator new promises.
constexpr std::size_t kFront = 16;
thread_local std::size_t live = 0;

void* take(std::size_t size) {
    auto* block = static_cast<std::size_t*>(std::malloc(size + kFront));
    if (block == nullptr) throw std::bad_alloc();
    *block = size;
    live += size;
    return reinterpret_cast<char*>(block) + kFront;
}

void give(void* pointer) noexcept {
    if (pointer == nullptr) return;
    auto* block = reinterpret_cast<std::size_t*>(static_cast<char*>(pointer) - kFront);
    live -= *block;
    std::free(block);
}

}  // namespace

namespace leakline::test {
std::size_t live_bytes() { return live; }
}  // namespace leakline::test

void* operator new(std::size_t size) { return take(size); }
void* operator new[](std::size_t size) { return take(size); }
void operator delete(void* pointer) noexcept { give(pointer); }
void operator delete[](void* pointer) noexcept { give(pointer); }
void operator delete(void* pointer, std::size_t) noexcept { give(pointer); }
void operator delete[](void* pointer, std::size_t) noexcept { give(pointer); }
