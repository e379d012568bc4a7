// Hooks of the functions that replace the program by another one. What the agent has made outside of the program's memory ends before that:
// a copy that searches Python's variables (python_copy.cpp) would be left to the new program as a child, which never waits for it.
//
// They may be called in a signal handler, and in a child of vfork. execl and its like are not hooked: Python does not call them.
#include <errno.h>
#include <unistd.h>

#include "agent/internal/agent.hpp"
#include "agent/internal/hook.hpp"
#include "agent/internal/hooks.hpp"
#include "agent/internal/real_functions.hpp"

namespace leakline::agent {

namespace {

using Words = char* const*;

constinit Behind<int (*)(const char*, Words, Words)> next_execve{"execve"};
constinit Behind<int (*)(const char*, Words)> next_execv{"execv"};
constinit Behind<int (*)(const char*, Words)> next_execvp{"execvp"};
constinit Behind<int (*)(const char*, Words, Words)> next_execvpe{"execvpe"};
constinit Behind<int (*)(int, Words, Words)> next_fexecve{"fexecve"};

int missing() {
    errno = ENOSYS;
    return -1;
}

}  // namespace

LEAKLINE_HOOK(int, execve, (const char* path, Words arguments, Words environment)) {
    const auto call = next_execve.get();
    if (call == nullptr) return missing();
    exec_begins();
    LEAKLINE_TAIL_CALL return call(path, arguments, environment);
}
LEAKLINE_HOOK(int, execv, (const char* path, Words arguments)) {
    const auto call = next_execv.get();
    if (call == nullptr) return missing();
    exec_begins();
    LEAKLINE_TAIL_CALL return call(path, arguments);
}
LEAKLINE_HOOK(int, execvp, (const char* file, Words arguments)) {
    const auto call = next_execvp.get();
    if (call == nullptr) return missing();
    exec_begins();
    LEAKLINE_TAIL_CALL return call(file, arguments);
}
LEAKLINE_HOOK(int, execvpe, (const char* file, Words arguments, Words environment)) {
    const auto call = next_execvpe.get();
    if (call == nullptr) return missing();
    exec_begins();
    LEAKLINE_TAIL_CALL return call(file, arguments, environment);
}
LEAKLINE_HOOK(int, fexecve, (int file, Words arguments, Words environment)) {
    const auto call = next_fexecve.get();
    if (call == nullptr) return missing();
    exec_begins();
    LEAKLINE_TAIL_CALL return call(file, arguments, environment);
}

#ifdef LEAKLINE_ATTACHED
namespace {

const Hook exec_table[] = {LEAKLINE_ROW_OF_LIBC(frees, execve, next_execve), LEAKLINE_ROW_OF_LIBC(frees, execv, next_execv),
                           LEAKLINE_ROW_OF_LIBC(frees, execvp, next_execvp), LEAKLINE_ROW_OF_LIBC(frees, execvpe, next_execvpe),
                           LEAKLINE_ROW_OF_LIBC(frees, fexecve, next_fexecve)};

}  // namespace

std::span<const Hook> exec_hooks() { return all_of(exec_table); }
#else
void find_exec_functions() {
    next_execve.get();
    next_execv.get();
    next_execvp.get();
    next_execvpe.get();
    next_fexecve.get();
}
#endif

}  // namespace leakline::agent
