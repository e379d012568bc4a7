// System calls that a program makes by their number, through syscall(2): Rust's standard library and std::atomic's timed waits use
// futex in this way.
#include <linux/futex.h>
#include <poll.h>
#include <sys/epoll.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/timerfd.h>
#include <sys/timex.h>
#include <time.h>
#include <unistd.h>

#include "clock/internal/wait_times.hpp"

namespace {

using namespace leakline::clock;

using SystemCall = long (*)(long, long, long, long, long, long, long);
constinit leakline::unwind::Next<SystemCall> next_syscall("syscall");

[[gnu::constructor]] void look_up() { next_syscall.get(); }

template <typename Pointed>
Pointed* pointer(long value) {
    return reinterpret_cast<Pointed*>(value);
}
long number(const void* address) { return reinterpret_cast<long>(address); }

// futex(2): which operations have a timeout, and what it means.
enum class FutexTime { none, relative, absolute };
FutexTime time_of(long operation) {
    switch (operation & FUTEX_CMD_MASK) {
        case FUTEX_WAIT: return FutexTime::relative;
        case FUTEX_WAIT_BITSET:
        case FUTEX_LOCK_PI:
        case FUTEX_LOCK_PI2:
        case FUTEX_WAIT_REQUEUE_PI: return FutexTime::absolute;
        default: return FutexTime::none;
    }
}
clockid_t clock_of(long operation) {
    const bool wall = (operation & FUTEX_CLOCK_REALTIME) != 0 || (operation & FUTEX_CMD_MASK) == FUTEX_LOCK_PI;
    return wall ? CLOCK_REALTIME : CLOCK_MONOTONIC;
}

}  // namespace

extern "C" {

// As in lib/unwind's stream_guard.cpp: all functions have the same signature, so that a call that is not scaled ends with a jump.
LEAKLINE_EXPORT long leakline_syscall(long call, long a, long b, long c, long d, long e, long f) __asm__("syscall");
long leakline_syscall(long call, long a, long b, long c, long d, long e, long f) {
    const auto next = next_syscall.get();
    if (settings() == nullptr) LEAKLINE_TAIL_CALL return next(call, a, b, c, d, e, f);
    switch (call) {
        case SYS_clock_gettime: return clock_gettime(static_cast<clockid_t>(a), pointer<timespec>(b));
        case SYS_clock_getres: return clock_getres(static_cast<clockid_t>(a), pointer<timespec>(b));
        case SYS_gettimeofday: return gettimeofday(pointer<timeval>(a), pointer<void>(b));
        case SYS_time: return time(pointer<time_t>(a));
        case SYS_nanosleep: return nanosleep(pointer<const timespec>(a), pointer<timespec>(b));
        case SYS_clock_nanosleep: {
            const int error =
                clock_nanosleep(static_cast<clockid_t>(a), static_cast<int>(b), pointer<const timespec>(c), pointer<timespec>(d));
            if (error == 0) return 0;
            errno = error;
            return -1;
        }
        case SYS_poll: return next(call, a, b, real_milliseconds(static_cast<int>(c)), d, e, f);
        case SYS_epoll_wait:
        case SYS_epoll_pwait: return next(call, a, b, c, real_milliseconds(static_cast<int>(d)), e, f);
        case SYS_epoll_pwait2: {
            const Timeout timeout(pointer<const timespec>(d));
            return next(call, a, b, c, number(timeout.get()), e, f);
        }
        // These write what is left.
        case SYS_ppoll: {
            Timeout timeout(pointer<const timespec>(c));
            const long result = next(call, a, b, number(timeout.writable()), d, e, f);
            timeout.write_remaining(pointer<timespec>(c));
            return result;
        }
        case SYS_pselect6: {
            Timeout timeout(pointer<const timespec>(e));
            const long result = next(call, a, b, c, d, number(timeout.writable()), f);
            timeout.write_remaining(pointer<timespec>(e));
            return result;
        }
        case SYS_select:
            return select(static_cast<int>(a), pointer<fd_set>(b), pointer<fd_set>(c), pointer<fd_set>(d), pointer<timeval>(e));
        case SYS_futex: {
            const auto* const time = pointer<const timespec>(d);
            switch (time_of(b)) {
                case FutexTime::none: break;
                case FutexTime::relative: {
                    const Timeout timeout(time);
                    return next(call, a, b, c, number(timeout.get()), e, f);
                }
                case FutexTime::absolute: {
                    const Deadline deadline(clock_of(b), time);
                    return next(call, a, b, c, number(deadline.get()), e, f);
                }
            }
            break;
        }
        case SYS_futex_waitv: {
            const Deadline deadline(static_cast<clockid_t>(e), pointer<const timespec>(d));
            return next(call, a, b, c, number(deadline.get()), e, f);
        }
        case SYS_rt_sigtimedwait: {
            const Timeout timeout(pointer<const timespec>(c));
            return next(call, a, b, number(timeout.get()), d, e, f);
        }
        case SYS_semtimedop: {
            const Timeout timeout(pointer<const timespec>(d));
            return next(call, a, b, c, number(timeout.get()), e, f);
        }
        case SYS_io_getevents: {
            const Timeout timeout(pointer<const timespec>(e));
            return next(call, a, b, c, d, number(timeout.get()), f);
        }
        case SYS_mq_timedsend:
        case SYS_mq_timedreceive: {
            const Deadline deadline(CLOCK_REALTIME, pointer<const timespec>(e));
            return next(call, a, b, c, d, number(deadline.get()), f);
        }
        case SYS_timerfd_settime:
            return timerfd_settime(static_cast<int>(a), static_cast<int>(b), pointer<const itimerspec>(c), pointer<itimerspec>(d));
        case SYS_timerfd_gettime: return timerfd_gettime(static_cast<int>(a), pointer<itimerspec>(b));
        case SYS_setitimer: return setitimer(static_cast<__itimer_which>(a), pointer<const itimerval>(b), pointer<itimerval>(c));
        case SYS_getitimer: return getitimer(static_cast<__itimer_which>(a), pointer<itimerval>(b));
        case SYS_alarm: return alarm(static_cast<unsigned>(a));
        case SYS_clock_settime: return clock_settime(static_cast<clockid_t>(a), pointer<const timespec>(b));
        case SYS_settimeofday: return settimeofday(pointer<const timeval>(a), pointer<const struct timezone>(b));
        case SYS_adjtimex: return adjtimex(pointer<timex>(a));
        case SYS_clock_adjtime: return clock_adjtime(static_cast<clockid_t>(a), pointer<timex>(b));
        default: break;
    }
    LEAKLINE_TAIL_CALL return next(call, a, b, c, d, e, f);
}

}  // extern "C"
