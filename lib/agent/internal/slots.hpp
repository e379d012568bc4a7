// The slots of a running program: the pointers in each loaded object through which it calls other objects' functions (relocations
// JUMP_SLOT, GLOB_DAT and 64 in DT_JMPREL and DT_RELA).
//
// One thread at a time; the others run on. Waits for the loader where another thread is loading a library.
#pragma once

#include <cstdint>

namespace leakline::agent {

// Finds the program's own definition of each hooked function, for `real`. False if it has none of malloc and free.
bool find_definitions();

enum class Slots {
    frees,   // lead to the hooks of functions that free
    all,     // lead to all hooks
    undone,  // lead to the program's functions again
};
struct SlotCounts {
    std::uint32_t hooked = 0;  // that lead to hooks now
    std::uint32_t other = 0;   // of hooked functions, with a value that is neither the function nor the object's own stub: left alone
};
// Of all objects that are loaded now and relocated.
SlotCounts set_slots(Slots wanted);
// Forks while none of the other functions is visiting the loaded objects. For that they hold a lock of the loader which glibc, unlike its
// others, does not reset in a forked child: there dlopen would wait for it for ever.
int fork_between_visits(int (*fork)());
// How often objects were loaded: set_slots() is due again some time after it has changed.
std::uint64_t loaded_ever();

}  // namespace leakline::agent
