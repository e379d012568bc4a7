// The functions of an allocator that is linked into a program, found in the program's file: their names, arguments, and whether a jump
// can stand at their beginning. Used inside the recorded process and outside of it, with the same answer.
//
// Thread-safety: functions without state; any thread. Allocates nothing.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace leakline::agent {

// What a function does, and which of its arguments, from 0, say so. Each has at most five, all of them integers or pointers.
enum class AllocatorCall : std::uint8_t {
    size_0,          // returns a block of argument 0
    size_1,          // ... of argument 1: memalign(alignment, size), mi_heap_malloc(heap, size)
    count_0,         // ... of the product of arguments 0 and 1: calloc
    count_1,         // ... of arguments 1 and 2
    posix_memalign,  // (where to put the block, alignment, size)
    resize_0,        // the block of argument 0 becomes one of argument 1: realloc
    resize_1,        // ... of argument 1 and 2: mi_heap_realloc(heap, block, size)
    resize_count_0,  // (block, count, size)
    resize_count_1,  // (heap, block, count, size)
    frees,           // the block of argument 0
};

struct OwnFunction {
    std::uint64_t address = 0, size = 0;  // as in the file's symbols
    std::uint64_t file_offset = 0;        // of its code
    AllocatorCall call = AllocatorCall::size_0;
    std::uint8_t moved = 0;  // bytes at its beginning that must be moved for the jump (movable_beginning)
    bool nests = false;      // it may call another function that allocates, or itself
};

struct OwnAllocator {
    enum class State : std::uint32_t {
        none,        // the file has no such allocator
        usable,      // each function can be given a jump
        left_alone,  // there is one, and `why` says why it is not recorded
    };
    static constexpr unsigned kMost = 192;

    State state = State::none;
    bool is_malloc = false;  // it defines malloc itself: the program has no other heap
    char name[48] = "";      // of its function that allocates: malloc, je_malloc, ...
    char why[192] = "";      // ends the sentence "NAME is not recorded because ..."
    OwnFunction functions[kMost];
    unsigned count = 0;
};

// file: the bytes of an ELF file of this machine; others have no allocator. Damaged ones too.
void find_own_allocator(std::string_view file, OwnAllocator& found);

}  // namespace leakline::agent
