// Python functions in the stacks of CPython 3.8 to 3.13, and the small blocks of its own allocator (pymalloc), which malloc never sees.
// Does nothing in other programs, and in versions whose frames are not known. Does not allocate or wait.
//
// A thread reads only its own frames, in its own call of an allocator: no other thread changes them, so that the interpreter's lock
// is not needed, and none of its functions is called that allocates or changes anything.
#pragma once

#include <cstddef>
#include <cstdint>

#include "agent/internal/stack_table.hpp"

namespace leakline::agent::python {

// Looks for CPython in the program, and puts the hooks before its allocators. Returns what was found. The interpreter may run: the hooks keep
// the contexts of the allocators, so that a call which sees a part of the change is right, and the interpreter's lock is not needed.
PythonState begin();
// Takes the hooks away, if none were put before them since: those would call the hooks. They call the allocators, as before.
void end();
// Between the two, until an interpreter is known: whether the code that called an allocator (a return address) is one, as the program may have
// loaded it since. If so, the same as begin(). Asks the loader for nothing. With the agent's lock held, as the next two.
PythonState notice(std::uint64_t caller);
// Around each unloading of code: meanwhile the interpreter is left alone, and forgotten if it was unloaded.
void begin_unloading();
void end_unloading();
// In a forked child, whose only thread this is.
void begin_in_child();
// Call before begin() when a segment begins that has no names of the last one, with the agent's lock held.
void reset();

// Whether the address is in the interpreter's code.
bool is_interpreter(const void* address);

// The innermost Python function that the calling thread executes; null: none.
const void* innermost_frame();
// Replaces the interpreter's part of a stack (return addresses, innermost first) by the Python functions from innermost_frame() outwards:
// what native code of a library the innermost one calls comes first. Returns the new depth, at most `limit`. With the agent's lock held.
unsigned put_functions(const void* innermost, std::uint64_t* frames, unsigned depth, unsigned limit, StackTable& stacks);

}  // namespace leakline::agent::python
