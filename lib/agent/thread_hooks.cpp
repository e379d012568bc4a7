// Hooks of the functions that start, join and detach threads, in a library that is loaded with the program. A thread begins in a function of
// ours, which registers it under its handle before it calls the program's.
#include <errno.h>
#include <pthread.h>
#include <time.h>

#include "agent/internal/agent.hpp"
#include "agent/internal/hook.hpp"
#include "agent/internal/real_functions.hpp"
#include "unwind/next_function.hpp"

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

constinit unwind::Next<int (*)(pthread_t*, const pthread_attr_t*, Routine, void*)> next_create{"pthread_create"};
constinit unwind::Next<int (*)(pthread_t, void**)> next_join{"pthread_join"};
constinit unwind::Next<int (*)(pthread_t, void**)> next_tryjoin{"pthread_tryjoin_np"};
constinit unwind::Next<int (*)(pthread_t, void**, const timespec*)> next_timedjoin{"pthread_timedjoin_np"};
constinit unwind::Next<int (*)(pthread_t, void**, clockid_t, const timespec*)> next_clockjoin{"pthread_clockjoin_np"};
constinit unwind::Next<int (*)(pthread_t)> next_detach{"pthread_detach"};

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

void find_thread_functions() {
    next_create.get();
    next_join.get();
    next_tryjoin.get();
    next_timedjoin.get();
    next_clockjoin.get();
    next_detach.get();
}

}  // namespace leakline::agent
