// Timers that the kernel keeps: timerfd, POSIX timers, interval timers and alarms.
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include <algorithm>
#include <string_view>

#include "clock/internal/service_clocks.hpp"
#include "clock/internal/timer_table.hpp"
#include "unwind/system_call.hpp"

namespace {

using namespace leakline::clock;
using leakline::unwind::Next;
using leakline::unwind::system_call;

constinit Next<int (*)(int, int, const itimerspec*, itimerspec*)> next_timerfd_settime("timerfd_settime");
constinit Next<int (*)(int, itimerspec*)> next_timerfd_gettime("timerfd_gettime");
constinit Next<int (*)(clockid_t, sigevent*, timer_t*)> next_timer_create("timer_create");
constinit Next<int (*)(timer_t)> next_timer_delete("timer_delete");
constinit Next<int (*)(timer_t, int, const itimerspec*, itimerspec*)> next_timer_settime("timer_settime");
constinit Next<int (*)(timer_t, itimerspec*)> next_timer_gettime("timer_gettime");
constinit Next<int (*)(int, const itimerval*, itimerval*)> next_setitimer("setitimer");
constinit Next<int (*)(int, itimerval*)> next_getitimer("getitimer");
constinit Next<unsigned (*)(unsigned)> next_alarm("alarm");
constinit Next<useconds_t (*)(useconds_t, useconds_t)> next_ualarm("ualarm");

constinit TimerTable timers;

[[gnu::constructor]] void look_up_all() {
    const int errno_before = errno;
    next_timerfd_settime.get(), next_timerfd_gettime.get(), next_timer_create.get(), next_timer_delete.get();
    next_timer_settime.get(), next_timer_gettime.get(), next_setitimer.get(), next_getitimer.get(), next_alarm.get();
    next_ualarm.get();
    errno = errno_before;
}

// Which of the two the service means, where the clock of its timer is not known: they are decades apart.
clockid_t nearest_clock(const Settings& settings, const timespec& until) {
    const std::int64_t at = to_ns(until), half = service_now(settings, CLOCK_REALTIME) / 2 + service_now(settings, CLOCK_MONOTONIC) / 2;
    return at > half ? CLOCK_REALTIME : CLOCK_MONOTONIC;
}

// A timerfd's, as the kernel has it: descriptors are duplicated and passed on.
clockid_t clock_of_descriptor(const Settings& settings, int descriptor, const timespec& until) {
    char path[40] = "/proc/self/fdinfo/", text[512];
    char* digit = path + sizeof "/proc/self/fdinfo/" - 1;
    int power = 1;
    while (descriptor / power > 9) power *= 10;
    for (; power > 0; power /= 10) *digit++ = static_cast<char>('0' + descriptor / power % 10);
    const long file = system_call(SYS_openat, AT_FDCWD, reinterpret_cast<long>(path), O_RDONLY | O_CLOEXEC);
    if (file < 0) return nearest_clock(settings, until);
    const long size = system_call(SYS_read, file, reinterpret_cast<long>(text), sizeof text);
    system_call(SYS_close, file);
    constexpr std::string_view kName = "clockid: ";
    std::string_view information(text, size > 0 ? static_cast<std::size_t>(size) : 0);
    const std::size_t at = information.find(kName);
    if (at == information.npos) return nearest_clock(settings, until);
    information.remove_prefix(at + kName.size());
    const auto clock = take_number(information);
    return clock ? static_cast<clockid_t>(*clock) : nearest_clock(settings, until);
}

bool is_zero(const timespec& time) { return time.tv_sec == 0 && time.tv_nsec == 0; }
bool can_be_set(const itimerspec& wanted) {
    return is_valid(wanted.it_value) && is_valid(wanted.it_interval) && wanted.it_value.tv_sec >= 0 && wanted.it_interval.tv_sec >= 0;
}

// What the kernel is to be given, and the note for it. clock: asked for absolute times only.
template <typename ClockOf>
itimerspec real_timer(const Settings& settings, const itimerspec& wanted, bool absolute, ClockOf clock_of, TimerNote& note) {
    itimerspec real = wanted;
    note.interval_ns = to_ns(wanted.it_interval);
    real.it_interval = to_timespec(real_wait(settings, note.interval_ns));
    if (is_zero(wanted.it_value)) return real;
    if (!absolute) {
        note.value_scaled = is_scaled_wait(settings, to_ns(wanted.it_value));
        real.it_value = to_timespec(real_wait(settings, to_ns(wanted.it_value)));
        return real;
    }
    const clockid_t clock = clock_of();
    if (!is_scaled_clock(clock)) return wanted;
    note.value_scaled = is_scaled_wait(settings, added(to_ns(wanted.it_value), -service_now(settings, clock)));
    real.it_value = real_deadline(settings, clock, wanted.it_value);
    return real;
}

// What the kernel says of a timer, for the service.
itimerspec service_timer(const Settings& settings, const TimerNote& note, itimerspec real) {
    const bool interval_scaled = is_scaled_wait(settings, note.interval_ns);
    // After the first expiration what is left belongs to an interval.
    const bool in_interval = !is_zero(real.it_interval) && to_ns(real.it_value) <= to_ns(real.it_interval);
    if (in_interval ? interval_scaled : note.value_scaled) {
        const std::int64_t left = service_duration(settings, to_ns(real.it_value));
        real.it_value = to_timespec(in_interval ? std::min(left, note.interval_ns) : left);
    }
    if (interval_scaled && !is_zero(real.it_interval)) real.it_interval = to_timespec(note.interval_ns);
    return real;
}

std::uint64_t id_of(timer_t timer) { return reinterpret_cast<std::uint64_t>(timer); }

itimerspec wider(const itimerval& timer) { return {to_timespec(to_ns(timer.it_interval)), to_timespec(to_ns(timer.it_value))}; }
itimerval narrower(const itimerspec& timer) { return {to_timeval(to_ns(timer.it_interval)), to_timeval(to_ns(timer.it_value))}; }

}  // namespace

extern "C" {

LEAKLINE_EXPORT int timerfd_settime(int descriptor, int flags, const itimerspec* wanted, itimerspec* before) noexcept {
    const Settings* const known = settings();
    if (known == nullptr || wanted == nullptr || !can_be_set(*wanted)) return next_timerfd_settime.get()(descriptor, flags, wanted, before);
    TimerNote note, note_before;
    const itimerspec real = real_timer(
        *known, *wanted, (flags & TFD_TIMER_ABSTIME) != 0, [&] { return clock_of_descriptor(*known, descriptor, wanted->it_value); }, note);
    itimerspec real_before{};
    const int result = next_timerfd_settime.get()(descriptor, flags, &real, before != nullptr ? &real_before : nullptr);
    if (result != 0) return result;
    const auto id = static_cast<std::uint64_t>(descriptor);
    if (before != nullptr) {
        timers.find(TimerKind::descriptor, id, note_before);
        *before = service_timer(*known, note_before, real_before);
    }
    timers.set(TimerKind::descriptor, id, note);
    return result;
}

LEAKLINE_EXPORT int timerfd_gettime(int descriptor, itimerspec* left) noexcept {
    const int result = next_timerfd_gettime.get()(descriptor, left);
    const Settings* const known = settings();
    TimerNote note;
    if (result == 0 && known != nullptr && timers.find(TimerKind::descriptor, static_cast<std::uint64_t>(descriptor), note))
        *left = service_timer(*known, note, *left);
    return result;
}

LEAKLINE_EXPORT int timer_create(clockid_t clock, sigevent* event, timer_t* timer) noexcept {
    const int result = next_timer_create.get()(clock, event, timer);
    if (result == 0 && settings() != nullptr) timers.set(TimerKind::posix, id_of(*timer), {clock, false, 0});
    return result;
}

LEAKLINE_EXPORT int timer_delete(timer_t timer) noexcept {
    if (settings() != nullptr) timers.remove(TimerKind::posix, id_of(timer));
    return next_timer_delete.get()(timer);
}

LEAKLINE_EXPORT int timer_settime(timer_t timer, int flags, const itimerspec* wanted, itimerspec* before) noexcept {
    const Settings* const known = settings();
    TimerNote note;
    const bool noted = timers.find(TimerKind::posix, id_of(timer), note);
    if (known == nullptr || wanted == nullptr || !can_be_set(*wanted) || (noted && !is_scaled_clock(note.clock)))
        return next_timer_settime.get()(timer, flags, wanted, before);
    const TimerNote note_before = note;
    note.value_scaled = false;
    const itimerspec real = real_timer(
        *known, *wanted, (flags & TIMER_ABSTIME) != 0, [&] { return noted ? note.clock : nearest_clock(*known, wanted->it_value); }, note);
    itimerspec real_before{};
    const int result = next_timer_settime.get()(timer, flags, &real, before != nullptr ? &real_before : nullptr);
    if (result != 0) return result;
    if (before != nullptr) *before = service_timer(*known, note_before, real_before);
    timers.set(TimerKind::posix, id_of(timer), note);
    return result;
}

LEAKLINE_EXPORT int timer_gettime(timer_t timer, itimerspec* left) noexcept {
    const int result = next_timer_gettime.get()(timer, left);
    const Settings* const known = settings();
    TimerNote note;
    if (result == 0 && known != nullptr && timers.find(TimerKind::posix, id_of(timer), note) && is_scaled_clock(note.clock))
        *left = service_timer(*known, note, *left);
    return result;
}

// The header of the C library takes an enumeration in C++.
LEAKLINE_EXPORT int leakline_setitimer(int which, const itimerval* wanted, itimerval* before) noexcept __asm__("setitimer");
int leakline_setitimer(int which, const itimerval* wanted, itimerval* before) noexcept {
    const Settings* const known = settings();
    if (known == nullptr || which != ITIMER_REAL || (wanted != nullptr && (!is_valid(wanted->it_value) || !is_valid(wanted->it_interval))))
        return next_setitimer.get()(which, wanted, before);
    TimerNote note, note_before;
    itimerval real{}, real_before{};  // without a new value the timer is disarmed (setitimer(2), bugs)
    if (wanted != nullptr)
        real = narrower(real_timer(
            *known, wider(*wanted), false, [] { return CLOCK_REALTIME; }, note));
    const int result = next_setitimer.get()(which, &real, before != nullptr ? &real_before : nullptr);
    if (result != 0) return result;
    timers.find(TimerKind::interval, 0, note_before);
    if (before != nullptr) *before = narrower(service_timer(*known, note_before, wider(real_before)));
    timers.set(TimerKind::interval, 0, note);
    return result;
}

LEAKLINE_EXPORT int leakline_getitimer(int which, itimerval* left) noexcept __asm__("getitimer");
int leakline_getitimer(int which, itimerval* left) noexcept {
    const int result = next_getitimer.get()(which, left);
    const Settings* const known = settings();
    TimerNote note;
    if (result == 0 && known != nullptr && which == ITIMER_REAL && timers.find(TimerKind::interval, 0, note))
        *left = narrower(service_timer(*known, note, wider(*left)));
    return result;
}

LEAKLINE_EXPORT unsigned alarm(unsigned seconds) noexcept {
    if (settings() == nullptr) return next_alarm.get()(seconds);
    const itimerval wanted{{0, 0}, {seconds, 0}};
    itimerval before{};
    if (leakline_setitimer(ITIMER_REAL, &wanted, &before) != 0) return 0;
    // An armed timer is never reported as none.
    const bool up = before.it_value.tv_usec >= 500'000 || (before.it_value.tv_sec == 0 && before.it_value.tv_usec > 0);
    return static_cast<unsigned>(before.it_value.tv_sec) + (up ? 1 : 0);
}

LEAKLINE_EXPORT useconds_t ualarm(useconds_t value, useconds_t interval) noexcept {
    if (settings() == nullptr) return next_ualarm.get()(value, interval);
    const auto time = [](useconds_t microseconds) {
        return timeval{microseconds / 1'000'000, static_cast<suseconds_t>(microseconds % 1'000'000)};
    };
    const itimerval wanted{time(interval), time(value)};
    itimerval before{};
    if (leakline_setitimer(ITIMER_REAL, &wanted, &before) != 0) return static_cast<useconds_t>(-1);
    return static_cast<useconds_t>(before.it_value.tv_sec * 1'000'000 + before.it_value.tv_usec);
}

}  // extern "C"
