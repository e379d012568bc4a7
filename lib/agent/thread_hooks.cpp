// Hooks of the functions that start, join and detach threads. A thread begins in a function of ours, which registers it under its handle
// before it calls the program's.
#include <errno.h>
#include <pthread.h>
#include <time.h>

#include "agent/internal/agent.hpp"
#include "agent/internal/hook.hpp"
#include "agent/internal/hooks.hpp"
#include "agent/internal/real_functions.hpp"

namespace leakline::agent {

namespace {

using Routine = void* (*)(void*);

void* begin_thread(void* given) {
    auto* const start = static_cast<ThreadStart*>(given);
    const Routine routine = start->routine;
    void* const argument = start->argument;
    thread_began(*start);
    LEAKLINE_TAIL_CALL return routine(argument);
}

bool is_detached(const pthread_attr_t* attributes) {
    int state = PTHREAD_CREATE_JOINABLE;
    return attributes != nullptr && ::pthread_attr_getdetachstate(attributes, &state) == 0 && state == PTHREAD_CREATE_DETACHED;
}

constinit Behind<int (*)(pthread_t*, const pthread_attr_t*, Routine, void*)> next_create{"pthread_create"};
constinit Behind<int (*)(pthread_t, void**)> next_join{"pthread_join"};
constinit Behind<int (*)(pthread_t, void**)> next_tryjoin{"pthread_tryjoin_np"};
constinit Behind<int (*)(pthread_t, void**, const timespec*)> next_timedjoin{"pthread_timedjoin_np"};
constinit Behind<int (*)(pthread_t, void**, clockid_t, const timespec*)> next_clockjoin{"pthread_clockjoin_np"};
constinit Behind<int (*)(pthread_t)> next_detach{"pthread_detach"};

// Of a join that may give up.
int joined(int error, pthread_t thread) {
    if (error == 0) thread_joined(thread);
    return error;
}

}  // namespace

LEAKLINE_HOOK(int, pthread_create, (pthread_t * thread, const pthread_attr_t* attributes, Routine routine, void* argument)) {
    const auto call = next_create.get();
    if (call == nullptr) return ENOSYS;
    ThreadStart* const start = thread_starts(LEAKLINE_FRAME, routine, argument, is_detached(attributes));
    if (start == nullptr) return call(thread, attributes, routine, argument);
    const int error = call(thread, attributes, &begin_thread, start);
    thread_created(*start, error == 0 ? thread : nullptr);
    return error;
}
// Before the call, as for detach: afterwards another thread may have the handle.
LEAKLINE_HOOK(int, pthread_join, (pthread_t thread, void** result)) {
    const auto call = next_join.get();
    if (call == nullptr) return ENOSYS;
    thread_joined(thread);
    LEAKLINE_TAIL_CALL return call(thread, result);
}
LEAKLINE_HOOK(int, pthread_tryjoin_np, (pthread_t thread, void** result)) {
    const auto call = next_tryjoin.get();
    return call == nullptr ? ENOSYS : joined(call(thread, result), thread);
}
LEAKLINE_HOOK(int, pthread_timedjoin_np, (pthread_t thread, void** result, const timespec* until)) {
    const auto call = next_timedjoin.get();
    return call == nullptr ? ENOSYS : joined(call(thread, result, until), thread);
}
LEAKLINE_HOOK(int, pthread_clockjoin_np, (pthread_t thread, void** result, clockid_t clock, const timespec* until)) {
    const auto call = next_clockjoin.get();
    return call == nullptr ? ENOSYS : joined(call(thread, result, clock, until), thread);
}
LEAKLINE_HOOK(int, pthread_detach, (pthread_t thread)) {
    const auto call = next_detach.get();
    if (call == nullptr) return ENOSYS;
    thread_detached(thread);
    LEAKLINE_TAIL_CALL return call(thread);
}

#ifdef LEAKLINE_ATTACHED
namespace {

const Hook thread_table[] = {
    LEAKLINE_ROW_OF_LIBC(allocates, pthread_create, next_create),      LEAKLINE_ROW_OF_LIBC(frees, pthread_join, next_join),
    LEAKLINE_ROW_OF_LIBC(frees, pthread_tryjoin_np, next_tryjoin),     LEAKLINE_ROW_OF_LIBC(frees, pthread_timedjoin_np, next_timedjoin),
    LEAKLINE_ROW_OF_LIBC(frees, pthread_clockjoin_np, next_clockjoin), LEAKLINE_ROW_OF_LIBC(frees, pthread_detach, next_detach)};

}  // namespace

std::span<const Hook> thread_hooks() { return all_of(thread_table); }
#else
void find_thread_functions() {
    next_create.get();
    next_join.get();
    next_tryjoin.get();
    next_timedjoin.get();
    next_clockjoin.get();
    next_detach.get();
}
#endif

}  // namespace leakline::agent
