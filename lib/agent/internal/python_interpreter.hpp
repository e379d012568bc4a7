// The interpreter of the process: found at the start, or when it first allocates memory, since a program may load it at any time (uWSGI, mod_wsgi,
// PL/Python); left alone while code is unloaded, and forgotten when its own is.
#pragma once

#include <atomic>
#include <cstdint>

#include "agent/internal/python_objects.hpp"

namespace leakline::agent::python {

// Written while no thread uses it (InUse).
struct Found {
    const Layout* layout;  // null: none, or of a version that is not known
    void* (*thread_state)();
    int (*line_of_instruction)(void* code, int offset);
    const void* code_type;
    std::uint64_t evaluation_begin, evaluation_end;  // the function that executes Python functions
};
extern Found found __attribute__((visibility("hidden")));

// While one exists and says so, the interpreter stays: unloading waits for it. For short work that waits for nothing.
class InUse {
  public:
    InUse() {
        if (!usable.load(std::memory_order_relaxed)) return;
        users.fetch_add(1);
        here_ = usable.load();
        if (!here_) users.fetch_sub(1);
    }
    ~InUse() {
        if (here_) users.fetch_sub(1, std::memory_order_release);
    }
    InUse(const InUse&) = delete;
    InUse& operator=(const InUse&) = delete;
    explicit operator bool() const { return here_; }

    // Written by python_interpreter.cpp.
    static std::atomic<bool> usable;
    static std::atomic<std::int32_t> users;

  private:
    bool here_ = false;
};

// python.cpp: forgets the names of code objects. With the agent's lock held.
void forget_names();

// The hooks before pymalloc (python_allocators.cpp). False: the interpreter lacks a function for that.
bool put_hooks();
// While the interpreter starts: puts them in place again where it has replaced them. With the agent's lock held.
void keep_hooks(bool started);
// Takes them away, if none were put before them since: those would call the hooks.
void take_hooks();
// The interpreter is gone, with the hooks.
void forget_hooks();

}  // namespace leakline::agent::python
