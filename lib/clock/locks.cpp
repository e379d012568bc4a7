// Waiting for other threads until a time: condition variables, mutexes, semaphores, threads.
#include <errno.h>
#include <pthread.h>
#include <semaphore.h>
#include <threads.h>

#include "clock/internal/wait_times.hpp"

namespace {

using namespace leakline::clock;
using leakline::unwind::Next;

constinit Next<int (*)(pthread_cond_t*, pthread_mutex_t*, const timespec*)> next_cond_timedwait("pthread_cond_timedwait");
constinit Next<int (*)(pthread_cond_t*, pthread_mutex_t*, clockid_t, const timespec*)> next_cond_clockwait("pthread_cond_clockwait");
constinit Next<int (*)(pthread_mutex_t*, const timespec*)> next_mutex_timedlock("pthread_mutex_timedlock");
constinit Next<int (*)(pthread_mutex_t*, clockid_t, const timespec*)> next_mutex_clocklock("pthread_mutex_clocklock");
constinit Next<int (*)(pthread_rwlock_t*, const timespec*)> next_timedrdlock("pthread_rwlock_timedrdlock");
constinit Next<int (*)(pthread_rwlock_t*, const timespec*)> next_timedwrlock("pthread_rwlock_timedwrlock");
constinit Next<int (*)(pthread_rwlock_t*, clockid_t, const timespec*)> next_clockrdlock("pthread_rwlock_clockrdlock");
constinit Next<int (*)(pthread_rwlock_t*, clockid_t, const timespec*)> next_clockwrlock("pthread_rwlock_clockwrlock");
constinit Next<int (*)(pthread_t, void**, const timespec*)> next_timedjoin("pthread_timedjoin_np");
constinit Next<int (*)(pthread_t, void**, clockid_t, const timespec*)> next_clockjoin("pthread_clockjoin_np");
constinit Next<int (*)(sem_t*, const timespec*)> next_sem_timedwait("sem_timedwait");
constinit Next<int (*)(sem_t*, clockid_t, const timespec*)> next_sem_clockwait("sem_clockwait");
constinit Next<int (*)(cnd_t*, mtx_t*, const timespec*)> next_cnd_timedwait("cnd_timedwait");
constinit Next<int (*)(mtx_t*, const timespec*)> next_mtx_timedlock("mtx_timedlock");

[[gnu::constructor]] void look_up_all() {
    const int errno_before = errno;
    next_cond_timedwait.get(), next_cond_clockwait.get(), next_mutex_timedlock.get(), next_mutex_clocklock.get();
    next_timedrdlock.get(), next_timedwrlock.get(), next_clockrdlock.get(), next_clockwrlock.get();
    next_timedjoin.get(), next_clockjoin.get(), next_sem_timedwait.get(), next_sem_clockwait.get();
    next_cnd_timedwait.get(), next_mtx_timedlock.get();
    errno = errno_before;
}

// pthread_condattr_setclock chooses it, and the C library keeps it in this bit (nptl/pthreadP.h, COND_CLOCK_MONOTONIC_MASK; since
// glibc 2.25).
clockid_t clock_of(const pthread_cond_t& condition) { return (condition.__data.__wrefs & 2) != 0 ? CLOCK_MONOTONIC : CLOCK_REALTIME; }

}  // namespace

extern "C" {

LEAKLINE_EXPORT int pthread_cond_timedwait(pthread_cond_t* condition, pthread_mutex_t* mutex, const timespec* until) {
    const Deadline deadline(clock_of(*condition), until);
    return next_cond_timedwait.get()(condition, mutex, deadline.get());
}
LEAKLINE_EXPORT int pthread_cond_clockwait(pthread_cond_t* condition, pthread_mutex_t* mutex, clockid_t clock, const timespec* until) {
    const Deadline deadline(clock, until);
    return next_cond_clockwait.get()(condition, mutex, clock, deadline.get());
}

LEAKLINE_EXPORT int pthread_mutex_timedlock(pthread_mutex_t* mutex, const timespec* until) noexcept {
    const Deadline deadline(CLOCK_REALTIME, until);
    return next_mutex_timedlock.get()(mutex, deadline.get());
}
LEAKLINE_EXPORT int pthread_mutex_clocklock(pthread_mutex_t* mutex, clockid_t clock, const timespec* until) noexcept {
    const Deadline deadline(clock, until);
    return next_mutex_clocklock.get()(mutex, clock, deadline.get());
}

LEAKLINE_EXPORT int pthread_rwlock_timedrdlock(pthread_rwlock_t* lock, const timespec* until) noexcept {
    const Deadline deadline(CLOCK_REALTIME, until);
    return next_timedrdlock.get()(lock, deadline.get());
}
LEAKLINE_EXPORT int pthread_rwlock_timedwrlock(pthread_rwlock_t* lock, const timespec* until) noexcept {
    const Deadline deadline(CLOCK_REALTIME, until);
    return next_timedwrlock.get()(lock, deadline.get());
}
LEAKLINE_EXPORT int pthread_rwlock_clockrdlock(pthread_rwlock_t* lock, clockid_t clock, const timespec* until) noexcept {
    const Deadline deadline(clock, until);
    return next_clockrdlock.get()(lock, clock, deadline.get());
}
LEAKLINE_EXPORT int pthread_rwlock_clockwrlock(pthread_rwlock_t* lock, clockid_t clock, const timespec* until) noexcept {
    const Deadline deadline(clock, until);
    return next_clockwrlock.get()(lock, clock, deadline.get());
}

LEAKLINE_EXPORT int pthread_timedjoin_np(pthread_t thread, void** result, const timespec* until) {
    const Deadline deadline(CLOCK_REALTIME, until);
    return next_timedjoin.get()(thread, result, deadline.get());
}
LEAKLINE_EXPORT int pthread_clockjoin_np(pthread_t thread, void** result, clockid_t clock, const timespec* until) {
    const Deadline deadline(clock, until);
    return next_clockjoin.get()(thread, result, clock, deadline.get());
}

LEAKLINE_EXPORT int sem_timedwait(sem_t* semaphore, const timespec* until) {
    const Deadline deadline(CLOCK_REALTIME, until);
    return next_sem_timedwait.get()(semaphore, deadline.get());
}
LEAKLINE_EXPORT int sem_clockwait(sem_t* semaphore, clockid_t clock, const timespec* until) {
    const Deadline deadline(clock, until);
    return next_sem_clockwait.get()(semaphore, clock, deadline.get());
}

LEAKLINE_EXPORT int cnd_timedwait(cnd_t* condition, mtx_t* mutex, const timespec* until) {
    const Deadline deadline(CLOCK_REALTIME, until);
    return next_cnd_timedwait.get()(condition, mutex, deadline.get());
}
LEAKLINE_EXPORT int mtx_timedlock(mtx_t* mutex, const timespec* until) {
    const Deadline deadline(CLOCK_REALTIME, until);
    return next_mtx_timedlock.get()(mutex, deadline.get());
}

}  // extern "C"
