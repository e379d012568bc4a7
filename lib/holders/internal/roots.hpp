// Where a process keeps its first pointers to blocks: variables, thread-local storage, stacks, registers.
//
// Thread-safety: immutable once made.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "debuginfo/debug_info.hpp"
#include "holders/internal/blocks.hpp"
#include "holders/internal/memory_image.hpp"
#include "holders/internal/number_words.hpp"

namespace leakline::holders {

struct RootWord {
    std::uint64_t address = 0;  // where the pointer is; of a register its number
    BlockId block = kNoBlock;
};

// A variable, a frame, or another part that is named as one.
struct Root {
    enum class Kind {
        global,         // an ELF symbol, or a part of a module's data without one
        thread_local_,  // of the main program
        thread_data,    // thread-local storage of libraries, and what the C library keeps for a thread
        frame,          // of a stack
        stack,          // beyond the frames that are known
        mapping,        // anonymous memory that is not malloc's
        registers,
        unreadable,  // a part of the heap whose blocks are not known
    };
    Kind kind = Kind::global;
    std::uint64_t begin = 0, end = 0;
    std::string module;  // global: its file
    // global: what it is nearest to counts so many times less. A pointer may lead into the middle of what a structure holds; words without a symbol
    // may be several variables, and tell a user less.
    std::uint64_t handicap = 1;
    std::size_t thread = 0;  // of MemoryImage::threads, for what belongs to one
    std::size_t frame = 0;   // of Roots::frames
    std::vector<RootWord> words;
};

struct Roots {
    // By phase: what is reached from several phases is held by the first. So a global holds what a function has a pointer to, and the frame of main what
    // the functions called from there work on.
    std::vector<Root> roots;
    std::vector<std::size_t> phases;                         // by root: equal ones share, and a smaller one owns
    std::vector<std::vector<debuginfo::StackFrame>> frames;  // by thread, innermost first
};

Roots find_roots(const MemoryImage& image, const HeapBlocks& heap, const BlockIndex& index, debuginfo::DebugInfo& names,
                 NumberWords& numbers);

// Where a thread's block of the main program's thread-local variables begins.
std::uint64_t thread_local_start(std::uint64_t thread_pointer, const debuginfo::DebugInfo::ThreadLocalBlock& block);

}  // namespace leakline::holders
