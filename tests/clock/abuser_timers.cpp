// Timers, alarms, and waits that a signal interrupts.
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <sys/select.h>
#include <sys/time.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <cstdint>
#include <cstdlib>
#include <thread>

#include "abuser.hpp"

namespace {

std::atomic<int> alarms{0};
void on_alarm(int) { ++alarms; }

// A signal handler that reads clocks, as loggers do.
void on_alarm_with_clock(int) {
    timespec time{};
    ::clock_gettime(CLOCK_MONOTONIC, &time);
    ++alarms;
}

void catch_alarms(void (*handler)(int)) {
    struct sigaction action {};
    action.sa_handler = handler;  // without SA_RESTART: waits end with EINTR
    ::sigaction(SIGALRM, &action, nullptr);
    alarms = 0;
}

}  // namespace

void timers() {
    // timerfd, relative, with an interval: expirations are counted in the service's time.
    const int timer = ::timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC);
    itimerspec wanted{at(300 * kSecond), at(600 * kSecond)}, left{};
    std::uint64_t count = 0;
    LASTS(kWait, REQUIRE(::timerfd_settime(timer, 0, &wanted, nullptr) == 0); REQUIRE(::read(timer, &count, 8) == 8));
    std::this_thread::sleep_for(std::chrono::minutes(10));
    REQUIRE(::read(timer, &count, 8) == 8);
    REQUIRE(count >= 2);
    REQUIRE(::timerfd_gettime(timer, &left) == 0);
    REQUIRE(left.it_interval.tv_sec == 300);
    REQUIRE(left.it_value.tv_sec <= 301);
    itimerspec before{};
    wanted = {at(0), at(1'000'000 * kSecond)};
    REQUIRE(::timerfd_settime(timer, 0, &wanted, &before) == 0);
    REQUIRE(before.it_interval.tv_sec == 300);
    REQUIRE(::timerfd_gettime(timer, &left) == 0);
    REQUIRE(left.it_value.tv_sec > 500'000);
    REQUIRE(left.it_value.tv_sec <= 1'000'000);
    REQUIRE(left.it_interval.tv_sec == 0);
    wanted = {};
    REQUIRE(::timerfd_settime(timer, 0, &wanted, &before) == 0);
    REQUIRE(before.it_value.tv_sec > 100'000);
    REQUIRE(::timerfd_gettime(timer, &left) == 0);
    REQUIRE(left.it_value.tv_sec == 0 && left.it_value.tv_nsec == 0);
    ::close(timer);
    for (const clockid_t clock : {CLOCK_REALTIME, CLOCK_MONOTONIC, CLOCK_BOOTTIME}) {
        const int absolute = ::dup(::timerfd_create(clock, TFD_CLOEXEC));
        const timespec until = in(clock, kWait);
        wanted = {at(0), until};
        LASTS(kWait - kSecond, REQUIRE(::timerfd_settime(absolute, TFD_TIMER_ABSTIME, &wanted, nullptr) == 0);
              REQUIRE(::read(absolute, &count, 8) == 8));
        REQUIRE(now(clock) >= until.tv_sec * kSecond + until.tv_nsec);
        wanted = {at(0), {0, 1}};  // at once
        REQUIRE(::timerfd_settime(absolute, TFD_TIMER_ABSTIME, &wanted, nullptr) == 0);
        REQUIRE(::read(absolute, &count, 8) == 8);
        ::close(absolute);
    }
    wanted.it_value.tv_nsec = 2 * kSecond;
    REQUIRE(::timerfd_settime(-1, 0, &wanted, nullptr) == -1);

    // POSIX timers, through a signal that is waited for.
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGUSR1);
    pthread_sigmask(SIG_BLOCK, &set, nullptr);
    sigevent event{};
    event.sigev_notify = SIGEV_SIGNAL;
    event.sigev_signo = SIGUSR1;
    for (const clockid_t clock : {CLOCK_REALTIME, CLOCK_MONOTONIC}) {
        timer_t posix{};
        REQUIRE(::timer_create(clock, &event, &posix) == 0);
        wanted = {at(0), at(kWait)};
        LASTS(kWait, REQUIRE(::timer_settime(posix, 0, &wanted, nullptr) == 0); REQUIRE(::sigwaitinfo(&set, nullptr) == SIGUSR1));
        wanted = {at(0), in(clock, kWait)};
        LASTS(kWait - kSecond, REQUIRE(::timer_settime(posix, TIMER_ABSTIME, &wanted, nullptr) == 0);
              REQUIRE(::sigwaitinfo(&set, nullptr) == SIGUSR1));
        wanted = {at(700'000 * kSecond), at(900'000 * kSecond)};
        REQUIRE(::timer_settime(posix, 0, &wanted, nullptr) == 0);
        REQUIRE(::timer_gettime(posix, &left) == 0);
        REQUIRE(left.it_value.tv_sec > 500'000 && left.it_value.tv_sec <= 900'000);
        REQUIRE(left.it_interval.tv_sec == 700'000);
        REQUIRE(::timer_delete(posix) == 0);
    }
    timer_t cpu{};  // a processor's time is not scaled
    REQUIRE(::timer_create(CLOCK_PROCESS_CPUTIME_ID, &event, &cpu) == 0);
    wanted = {at(0), at(3600 * kSecond)};
    REQUIRE(::timer_settime(cpu, 0, &wanted, nullptr) == 0);
    REQUIRE(::timer_gettime(cpu, &left) == 0);
    REQUIRE(left.it_value.tv_sec > 3000 && left.it_value.tv_sec <= 3600);
    ::timer_delete(cpu);
    const timespec wait = at(kWait);
    LASTS(kWait, REQUIRE(::sigtimedwait(&set, nullptr, &wait) == -1 && errno == EAGAIN));
    for (int i = 0; i < 5000; ++i) {  // more than there are notes for, one after the other
        timer_t many{};
        REQUIRE(::timer_create(CLOCK_MONOTONIC, &event, &many) == 0);
        ::timer_delete(many);
    }

    catch_alarms(on_alarm);
    REQUIRE(::alarm(0) == 0);
    LASTS(kWait - kSecond, REQUIRE(::alarm(600) == 0); ::pause());
    REQUIRE(::alarm(1'000'000) == 0);
    const unsigned rest = ::alarm(0);
    REQUIRE(rest > 100'000 && rest <= 1'000'000);
    itimerval interval{{600, 0}, {600, 0}}, shown{};
    REQUIRE(::setitimer(ITIMER_REAL, &interval, nullptr) == 0);
    REQUIRE(::getitimer(ITIMER_REAL, &shown) == 0);
    REQUIRE(shown.it_interval.tv_sec == 600 && shown.it_value.tv_sec <= 601);
    LASTS(600 * kSecond, ::pause(); ::pause());
    interval = {};
    REQUIRE(::setitimer(ITIMER_REAL, &interval, &shown) == 0);
    REQUIRE(shown.it_interval.tv_sec == 600);
    REQUIRE(::setitimer(ITIMER_VIRTUAL, &interval, &shown) == 0);
    ::signal(SIGALRM, SIG_DFL);
}

void interruptions() {
    catch_alarms(on_alarm_with_clock);
    // The alarm comes after 1/1000 of the sleep: what is left is most of it, in the service's time.
    const timespec wait = at(1'000'000 * kSecond);
    timespec left{};
    ::alarm(1000);
    REQUIRE(::nanosleep(&wait, &left) == -1 && errno == EINTR);
    REQUIRE(left.tv_sec > 500'000 && left.tv_sec <= 999'100);
    ::alarm(1000);
    REQUIRE(::clock_nanosleep(CLOCK_MONOTONIC, 0, &wait, &left) == EINTR);
    REQUIRE(left.tv_sec > 500'000 && left.tv_sec <= 999'100);
    ::alarm(1000);
    const unsigned rest = ::sleep(1'000'000);
    REQUIRE(rest > 500'000 && rest <= 999'100);
    ::alarm(1000);
    REQUIRE(::poll(nullptr, 0, 1'000'000'000) == -1 && errno == EINTR);
    ::alarm(1000);
    REQUIRE(::select(0, nullptr, nullptr, nullptr, nullptr) == -1 && errno == EINTR);
    REQUIRE(alarms == 5);
    ::signal(SIGALRM, SIG_DFL);
}
