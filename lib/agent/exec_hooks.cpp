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

using Path = const char*;
using Words = char* const*;

// X(name, parameters, arguments)
#define LEAKLINE_EXECS(X)                                                                       \
    X(execve, (Path path, Words arguments, Words environment), (path, arguments, environment))  \
    X(execv, (Path path, Words arguments), (path, arguments))                                   \
    X(execvp, (Path file, Words arguments), (file, arguments))                                  \
    X(execvpe, (Path file, Words arguments, Words environment), (file, arguments, environment)) \
    X(fexecve, (int file, Words arguments, Words environment), (file, arguments, environment))

#define LEAKLINE_NEXT_EXEC(name, parameters, arguments) constinit Behind<int(*) parameters> next_##name{#name};
LEAKLINE_EXECS(LEAKLINE_NEXT_EXEC)

int missing() {
    errno = ENOSYS;
    return -1;
}

}  // namespace

#define LEAKLINE_EXEC(name, given, passed)     \
    LEAKLINE_HOOK(int, name, given) {          \
        const auto call = next_##name.get();   \
        if (call == nullptr) return missing(); \
        exec_begins();                         \
        LEAKLINE_TAIL_CALL return call passed; \
    }
LEAKLINE_EXECS(LEAKLINE_EXEC)

#ifdef LEAKLINE_ATTACHED
namespace {

#define LEAKLINE_EXEC_ROW(name, parameters, arguments) LEAKLINE_ROW_OF_LIBC(frees, name, next_##name),
const Hook exec_table[] = {LEAKLINE_EXECS(LEAKLINE_EXEC_ROW)};

}  // namespace

std::span<const Hook> exec_hooks() { return all_of(exec_table); }
#else
#define LEAKLINE_FIND_EXEC(name, parameters, arguments) next_##name.get();
void find_exec_functions() { LEAKLINE_EXECS(LEAKLINE_FIND_EXEC) }
#endif

}  // namespace leakline::agent
