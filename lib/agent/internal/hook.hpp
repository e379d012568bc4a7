// How a hook is declared, and how it finds the function that it stands before.
#pragma once

#include "unwind/next_function.hpp"

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

namespace leakline::agent {

#ifdef LEAKLINE_ATTACHED
// Set by find_definitions() (slots.hpp), before any slot leads to the hook.
template <typename Function>
class Behind {
  public:
    explicit constexpr Behind(const char*) {}
    Function get() const { return function_; }
    void** place() { return reinterpret_cast<void**>(&function_); }

  private:
    Function function_ = nullptr;
};
#else
template <typename Function>
using Behind = unwind::Next<Function>;
#endif

}  // namespace leakline::agent
