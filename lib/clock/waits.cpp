// Sleeping, and waiting for descriptors, signals and messages.
#include <aio.h>
#include <errno.h>
#include <mqueue.h>
#include <poll.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/select.h>
#include <sys/sem.h>
#include <threads.h>
#include <unistd.h>

#include "clock/internal/wait_times.hpp"

namespace {

using namespace leakline::clock;
using leakline::unwind::Next;

constinit Next<int (*)(const timespec*, timespec*)> next_nanosleep("nanosleep"), next_thrd_sleep("thrd_sleep");
constinit Next<int (*)(clockid_t, int, const timespec*, timespec*)> next_clock_nanosleep("clock_nanosleep");
constinit Next<unsigned (*)(unsigned)> next_sleep("sleep");
constinit Next<int (*)(useconds_t)> next_usleep("usleep");
constinit Next<int (*)(pollfd*, nfds_t, int)> next_poll("poll");
constinit Next<int (*)(pollfd*, nfds_t, int, size_t)> next_poll_chk("__poll_chk");
constinit Next<int (*)(pollfd*, nfds_t, const timespec*, const sigset_t*)> next_ppoll("ppoll");
constinit Next<int (*)(pollfd*, nfds_t, const timespec*, const sigset_t*, size_t)> next_ppoll_chk("__ppoll_chk");
constinit Next<int (*)(int, fd_set*, fd_set*, fd_set*, timeval*)> next_select("select");
constinit Next<int (*)(int, fd_set*, fd_set*, fd_set*, const timespec*, const sigset_t*)> next_pselect("pselect");
constinit Next<int (*)(int, epoll_event*, int, int)> next_epoll_wait("epoll_wait");
constinit Next<int (*)(int, epoll_event*, int, int, const sigset_t*)> next_epoll_pwait("epoll_pwait");
constinit Next<int (*)(int, epoll_event*, int, const timespec*, const sigset_t*)> next_epoll_pwait2("epoll_pwait2");
constinit Next<int (*)(const sigset_t*, siginfo_t*, const timespec*)> next_sigtimedwait("sigtimedwait");
constinit Next<int (*)(const aiocb* const[], int, const timespec*)> next_aio_suspend("aio_suspend");
constinit Next<int (*)(int, sembuf*, size_t, const timespec*)> next_semtimedop("semtimedop");
constinit Next<int (*)(mqd_t, const char*, size_t, unsigned, const timespec*)> next_mq_timedsend("mq_timedsend");
constinit Next<ssize_t (*)(mqd_t, char*, size_t, unsigned*, const timespec*)> next_mq_timedreceive("mq_timedreceive");

// dlsym is nothing for a signal's handler.
[[gnu::constructor]] void look_up_all() {
    const int errno_before = errno;
    next_nanosleep.get(), next_thrd_sleep.get(), next_clock_nanosleep.get(), next_sleep.get(), next_usleep.get();
    next_poll.get(), next_poll_chk.get(), next_ppoll.get(), next_ppoll_chk.get(), next_select.get(), next_pselect.get();
    next_epoll_wait.get(), next_epoll_pwait.get(), next_epoll_pwait2.get(), next_sigtimedwait.get(), next_aio_suspend.get();
    next_semtimedop.get(), next_mq_timedsend.get(), next_mq_timedreceive.get();
    errno = errno_before;
}

// nanosleep and thrd_sleep; interrupted: the result that they then have.
template <typename Function>
int sleep_scaled(Function next, const timespec* asked, timespec* left, int interrupted) {
    const Timeout timeout(asked);
    if (!timeout.is_scaled()) return next(asked, left);
    timespec rest{};
    const int result = next(timeout.get(), &rest);
    if (result == interrupted && left != nullptr) *left = timeout.rest(rest);
    return result;
}

}  // namespace

extern "C" {

LEAKLINE_EXPORT int nanosleep(const timespec* asked, timespec* left) {
    if (is_tracker(__builtin_return_address(0))) return next_nanosleep.get()(asked, left);
    return sleep_scaled(next_nanosleep.get(), asked, left, -1);
}
LEAKLINE_EXPORT int leakline_nanosleep(const timespec* asked, timespec* left) __asm__("__nanosleep");
int leakline_nanosleep(const timespec* asked, timespec* left) { return sleep_scaled(next_nanosleep.get(), asked, left, -1); }

LEAKLINE_EXPORT int thrd_sleep(const timespec* asked, timespec* left) { return sleep_scaled(next_thrd_sleep.get(), asked, left, -1); }

LEAKLINE_EXPORT int clock_nanosleep(clockid_t clock, int flags, const timespec* asked, timespec* left) {
    if ((flags & TIMER_ABSTIME) != 0) {
        const Deadline deadline(clock, asked);
        return next_clock_nanosleep.get()(clock, flags, deadline.get(), left);
    }
    const Timeout timeout(asked, clock);
    if (!timeout.is_scaled()) return next_clock_nanosleep.get()(clock, flags, asked, left);
    timespec rest{};
    const int result = next_clock_nanosleep.get()(clock, flags, timeout.get(), &rest);
    if (result == EINTR && left != nullptr) *left = timeout.rest(rest);
    return result;
}

LEAKLINE_EXPORT unsigned sleep(unsigned seconds) {
    const timespec asked{seconds, 0};
    const Timeout timeout(&asked);
    if (!timeout.is_scaled()) return next_sleep.get()(seconds);
    timespec rest{};
    if (next_nanosleep.get()(timeout.get(), &rest) == 0) return 0;
    return static_cast<unsigned>(timeout.rest(rest).tv_sec);
}

LEAKLINE_EXPORT int usleep(useconds_t microseconds) {
    const timespec asked{microseconds / 1'000'000, static_cast<long>(microseconds % 1'000'000) * 1000};
    const Timeout timeout(&asked);
    return timeout.is_scaled() ? next_nanosleep.get()(timeout.get(), nullptr) : next_usleep.get()(microseconds);
}

LEAKLINE_EXPORT int poll(pollfd* descriptors, nfds_t count, int timeout) {
    return next_poll.get()(descriptors, count, real_milliseconds(timeout));
}
// What programs call that are compiled with _FORTIFY_SOURCE.
LEAKLINE_EXPORT int __poll_chk(pollfd* descriptors, nfds_t count, int timeout, size_t size) {
    return next_poll_chk.get()(descriptors, count, real_milliseconds(timeout), size);
}
LEAKLINE_EXPORT int ppoll(pollfd* descriptors, nfds_t count, const timespec* asked, const sigset_t* mask) {
    const Timeout timeout(asked);
    return next_ppoll.get()(descriptors, count, timeout.get(), mask);
}
LEAKLINE_EXPORT int __ppoll_chk(pollfd* descriptors, nfds_t count, const timespec* asked, const sigset_t* mask, size_t size) {
    const Timeout timeout(asked);
    return next_ppoll_chk.get()(descriptors, count, timeout.get(), mask, size);
}

// It writes into its timeout what is left.
LEAKLINE_EXPORT int select(int count, fd_set* readable, fd_set* writable, fd_set* exceptional, timeval* asked) {
    if (asked == nullptr || !is_valid(*asked)) return next_select.get()(count, readable, writable, exceptional, asked);
    const timespec wanted = to_timespec(to_ns(*asked));
    const Timeout timeout(&wanted);
    if (!timeout.is_scaled()) return next_select.get()(count, readable, writable, exceptional, asked);
    timeval left = to_timeval(to_ns(*timeout.get()));
    const int result = next_select.get()(count, readable, writable, exceptional, &left);
    const timespec rest = timeout.rest(to_timespec(to_ns(left)));
    *asked = {rest.tv_sec, rest.tv_nsec / 1000};
    return result;
}
LEAKLINE_EXPORT int pselect(int count, fd_set* readable, fd_set* writable, fd_set* exceptional, const timespec* asked,
                            const sigset_t* mask) {
    const Timeout timeout(asked);
    return next_pselect.get()(count, readable, writable, exceptional, timeout.get(), mask);
}

LEAKLINE_EXPORT int epoll_wait(int descriptor, epoll_event* events, int most, int timeout) {
    return next_epoll_wait.get()(descriptor, events, most, real_milliseconds(timeout));
}
LEAKLINE_EXPORT int epoll_pwait(int descriptor, epoll_event* events, int most, int timeout, const sigset_t* mask) {
    return next_epoll_pwait.get()(descriptor, events, most, real_milliseconds(timeout), mask);
}
LEAKLINE_EXPORT int epoll_pwait2(int descriptor, epoll_event* events, int most, const timespec* asked, const sigset_t* mask) {
    const auto next = next_epoll_pwait2.get();
    if (next == nullptr) {  // an older C library
        errno = ENOSYS;
        return -1;
    }
    const Timeout timeout(asked);
    return next(descriptor, events, most, timeout.get(), mask);
}

LEAKLINE_EXPORT int sigtimedwait(const sigset_t* set, siginfo_t* information, const timespec* asked) {
    const Timeout timeout(asked);
    return next_sigtimedwait.get()(set, information, timeout.get());
}
LEAKLINE_EXPORT int aio_suspend(const aiocb* const list[], int count, const timespec* asked) {
    const Timeout timeout(asked);
    return next_aio_suspend.get()(list, count, timeout.get());
}
LEAKLINE_EXPORT int semtimedop(int id, sembuf* operations, size_t count, const timespec* asked) noexcept {
    const Timeout timeout(asked);
    return next_semtimedop.get()(id, operations, count, timeout.get());
}

LEAKLINE_EXPORT int mq_timedsend(mqd_t queue, const char* message, size_t size, unsigned priority, const timespec* until) {
    const Deadline deadline(CLOCK_REALTIME, until);
    return next_mq_timedsend.get()(queue, message, size, priority, deadline.get());
}
LEAKLINE_EXPORT ssize_t mq_timedreceive(mqd_t queue, char* message, size_t size, unsigned* priority, const timespec* until) {
    const Deadline deadline(CLOCK_REALTIME, until);
    return next_mq_timedreceive.get()(queue, message, size, priority, deadline.get());
}

}  // extern "C"
