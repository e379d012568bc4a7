// CPython's objects, read by the places of their fields.
#pragma once

#include <string.h>

#include <cstdint>
#include <string_view>

namespace leakline::agent::python {

// Places of fields, in bytes, for 64-bit builds (Include/internal/pycore_frame.h, Include/cpython/code.h and others of each version). -1: the
// version has no such field.
struct Layout {
    unsigned minor;                                   // of version 3
    int c_frame, current;                             // from the thread's state to its frame, by way of c_frame if there is one
    int code, previous, instruction;                  // of a frame
    int instruction_size;                             // of what `instruction` counts; 0: it is a pointer into the code's instructions
    int file, name, first_line, lines, instructions;  // of a code object
    int ascii, compact;                               // sizes of the headers of the two kinds of compact strings
    int thread_dict;                                  // of the thread's state: what the interpreter keeps for the thread
};
constexpr int kType = 8, kLength = 16, kKind = 32;  // of every object; of a string

template <class Field>
Field at(const void* object, int place) {
    Field value;
    memcpy(&value, static_cast<const char*>(object) + place, sizeof value);
    return value;
}

// A function or type that the interpreter exports; null, or false: it has none of this name.
void* symbol_of(const char* name);
template <class Pointer>
bool look_up(Pointer& pointer, const char* name) {
    pointer = reinterpret_cast<Pointer>(symbol_of(name));
    return pointer != nullptr;
}

// Null: not CPython, or a version that is not known.
const Layout* known_layout();
// The innermost frame of a thread (its PyThreadState); null if it executes no Python function.
const void* innermost_frame_of(const void* thread);
// A string as UTF-8, without its beginning if it is too long. Empty for what the compiler does not make. Valid until the next call; with the
// agent's lock held, or where no other thread runs.
std::string_view text_of(const void* string);

}  // namespace leakline::agent::python
