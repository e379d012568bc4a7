// The functions of the program that the hooks stand before: the definitions that follow ours in the search order.
#pragma once

#include <cstddef>

namespace leakline::agent {

struct RealFunctions {
    void* (*malloc)(std::size_t);
    void (*free)(void*);
    void* (*calloc)(std::size_t, std::size_t);
    void* (*realloc)(void*, std::size_t);
    void* (*memalign)(std::size_t, std::size_t);
    void* (*aligned_alloc)(std::size_t, std::size_t);
    int (*posix_memalign)(void**, std::size_t, std::size_t);
    void* (*valloc)(std::size_t);
    void* (*pvalloc)(std::size_t);
    void* (*reallocarray)(void*, std::size_t, std::size_t);
    int (*dlclose)(void*);
    int (*prctl)(int, long, long, long, long);
    // With the same signature as the hook, which ends with a jump and keeps the arguments in place: clone() by syscall() returns on another stack.
    long (*syscall)(long, long, long, long, long, long, long);
};

// In a preloaded library, each initially looks up all of them: the program allocates before any initializer runs.
extern RealFunctions real __attribute__((visibility("hidden")));
void find_real_functions();
// The same for the hooks of descriptors, exec, mappings and threads.
void find_descriptor_functions();
void find_exec_functions();
void find_mapping_functions();
void find_thread_functions();
// Forgets the mappings of an earlier recording, or of a parent, and learns which program this is.
void begin_mappings();

}  // namespace leakline::agent
