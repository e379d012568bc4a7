// How a hook is declared.
#pragma once

#define LEAKLINE_SLOW [[gnu::noinline, gnu::cold]]
// Of a hook: its caller's frame pointer in [0] and the return address in [1].
#define LEAKLINE_FRAME __builtin_frame_address(0)

// In a library that is preloaded, a hook replaces the function of its name. In one that is attached, the names are hidden, and slots of the
// program's objects lead to the hooks (slots.cpp).
#ifdef LEAKLINE_ATTACHED
#define LEAKLINE_HOOK(result, name, parameters)                                                             \
    extern "C" [[gnu::visibility("hidden")]] result hook_##name parameters __asm__("leakline_hook_" #name); \
    extern "C" [[gnu::visibility("hidden")]] result hook_##name parameters
#else
#define LEAKLINE_HOOK(result, name, parameters)                                             \
    extern "C" [[gnu::visibility("default")]] result hook_##name parameters __asm__(#name); \
    extern "C" [[gnu::visibility("default")]] result hook_##name parameters
#endif
