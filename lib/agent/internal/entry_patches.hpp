// Hooks of an allocator that is linked into the program: jumps at the beginning of its functions.
#pragma once

#include <cstdint>

#include "agent/attach_request.hpp"
#include "agent/own_allocator.hpp"

namespace leakline::agent {

// Looks for such an allocator in the program, and makes the code that the jumps lead to. Once per process; later calls and forked children have the
// answer of the first.
const OwnAllocator& prepare_entry_hooks();
// Puts the jumps in place, while the process has one thread. If it cannot, the answer of prepare_entry_hooks has the reason.
void put_entry_hooks();

// Of an attached agent: for leakline, which puts the jumps in place. 0: there are none, or they cannot be put into a process that runs, for the
// reason in the answer.
unsigned entry_patches(const EntryPatch*& patches);
// They were put in place, or not: the answer then has this reason.
void entry_hooks_put();
void entry_hooks_missed(const char* why);
// Removes the jumps that are in place, while other threads run.
void take_entry_hooks();

}  // namespace leakline::agent
