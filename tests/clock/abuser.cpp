// Uses everything of the C library that reads clocks or waits, and checks that time is as a service expects it: what waited N
// seconds has waited so long by every clock, and nothing is early. Under a scaled clock it takes no longer than the waits of less
// than a second, which are not scaled. Prints the name of each check that failed; exit code 0: none.
//   abuser NAME...   these checks; without names, all
#include <aio.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/futex.h>
#include <mqueue.h>
#include <poll.h>
#include <pthread.h>
#include <semaphore.h>
#include <signal.h>
#include <spawn.h>
#include <sys/epoll.h>
#include <sys/select.h>
#include <sys/sem.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/timerfd.h>
#include <sys/timex.h>
#include <sys/wait.h>
#include <threads.h>
#include <time.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <functional>
#include <future>
#include <map>
#include <mutex>
#include <semaphore>
#include <shared_mutex>
#include <string>
#include <thread>
#include <vector>

extern char** environ;

namespace {

constexpr std::int64_t kSecond = 1'000'000'000;
constexpr std::int64_t kWait = 600 * kSecond;  // what most checks wait for

std::vector<std::string> failures;

void require(bool holds, const char* what, int line) {
    if (!holds) failures.push_back("line " + std::to_string(line) + ": " + what);
}
#define REQUIRE(...) require((__VA_ARGS__), #__VA_ARGS__, __LINE__)

std::int64_t now(clockid_t clock = CLOCK_MONOTONIC) {
    timespec time{};
    ::clock_gettime(clock, &time);
    return time.tv_sec * kSecond + time.tv_nsec;
}
timespec at(std::int64_t ns) { return {ns / kSecond, ns % kSecond}; }
timespec in(clockid_t clock, std::int64_t ns) { return at(now(clock) + ns); }

// Checks that `wait` has lasted what it should, and that the result is as it should be.
template <typename Wait>
void lasts(std::int64_t ns, Wait wait, int line) {
    const std::int64_t begin = now(), wall = now(CLOCK_REALTIME);
    wait();
    require(now() - begin >= ns, "not shorter by CLOCK_MONOTONIC", line);
    require(now(CLOCK_REALTIME) - wall >= ns - kSecond / 1000, "not shorter by CLOCK_REALTIME", line);
}
#define LASTS(ns, ...) \
    lasts(             \
        ns, [&] { __VA_ARGS__; }, __LINE__)

void clocks() {
    const std::int64_t wall = now(CLOCK_REALTIME);
    for (const clockid_t clock : {CLOCK_REALTIME, CLOCK_REALTIME_COARSE, CLOCK_TAI}) {
        REQUIRE(now(clock) - wall < 200'000 * kSecond);
        REQUIRE(now(clock) - wall > -50'000 * kSecond);
    }
    for (int i = 0; i < 20'000; ++i) {
        const std::int64_t a = now(), b = now();
        if (b < a) REQUIRE(false && "monotonic time ran backwards");
    }
    timeval day{};
    REQUIRE(::gettimeofday(&day, nullptr) == 0);
    REQUIRE(day.tv_sec * kSecond >= wall - kSecond);
    const time_t seconds = ::time(nullptr);
    REQUIRE(seconds >= day.tv_sec);
    time_t again = 0;
    REQUIRE(::time(&again) == again);
    timespec utc{};
    REQUIRE(::timespec_get(&utc, TIME_UTC) == TIME_UTC);
    REQUIRE(utc.tv_sec >= again - 1);
    const std::int64_t steady = std::chrono::steady_clock::now().time_since_epoch().count(), mono = now();
    REQUIRE(mono >= steady);
    REQUIRE(mono - steady < 100'000 * kSecond);
    timespec raw{};
    REQUIRE(::syscall(SYS_clock_gettime, CLOCK_MONOTONIC, &raw) == 0);
    REQUIRE(raw.tv_sec * kSecond + raw.tv_nsec >= mono);
    timespec resolution{};
    REQUIRE(::clock_getres(CLOCK_MONOTONIC, &resolution) == 0);
    REQUIRE(resolution.tv_sec + resolution.tv_nsec > 0);
    // What counts processors' time stays as it is.
    REQUIRE(now(CLOCK_PROCESS_CPUTIME_ID) < 3600 * kSecond);
    REQUIRE(now(CLOCK_THREAD_CPUTIME_ID) < 3600 * kSecond);
    timespec none{};
    REQUIRE(::clock_gettime(99, &none) == -1);
    REQUIRE(errno == EINVAL);
    // The machine's clock is not set by the service's, whoever runs it. Invalid times, for where that is not so.
    const timespec invalid{0, -1};
    const timeval invalid_day{0, -1};
    REQUIRE(::clock_settime(CLOCK_REALTIME, &invalid) == -1 && errno == EPERM);
    REQUIRE(::settimeofday(&invalid_day, nullptr) == -1 && errno == EPERM);
    REQUIRE(::syscall(SYS_clock_settime, CLOCK_REALTIME, &invalid) == -1 && errno == EPERM);
    timex values{};
    REQUIRE(::adjtimex(&values) >= 0);  // reads
    values.modes = ~0u;
    REQUIRE(::adjtimex(&values) == -1 && errno == EPERM);
}

void sleeps() {
    const timespec wait = at(kWait);
    LASTS(kWait, REQUIRE(::nanosleep(&wait, nullptr) == 0));
    LASTS(kWait, REQUIRE(::clock_nanosleep(CLOCK_MONOTONIC, 0, &wait, nullptr) == 0));
    LASTS(kWait, REQUIRE(::clock_nanosleep(CLOCK_REALTIME, 0, &wait, nullptr) == 0));
    for (const clockid_t clock : {CLOCK_MONOTONIC, CLOCK_REALTIME, CLOCK_BOOTTIME}) {
        const timespec until = in(clock, kWait);
        LASTS(kWait - kSecond, REQUIRE(::clock_nanosleep(clock, TIMER_ABSTIME, &until, nullptr) == 0));
        REQUIRE(now(clock) >= until.tv_sec * kSecond + until.tv_nsec);
    }
    const timespec past{1, 0};
    REQUIRE(::clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &past, nullptr) == 0);
    LASTS(600 * kSecond, REQUIRE(::sleep(600) == 0));
    LASTS(600 * kSecond, REQUIRE(::usleep(600'000'000) == 0));
    LASTS(kWait, REQUIRE(::thrd_sleep(&wait, nullptr) == 0));
    LASTS(kWait, std::this_thread::sleep_for(std::chrono::minutes(10)));
    LASTS(kWait - kSecond, std::this_thread::sleep_until(std::chrono::steady_clock::now() + std::chrono::minutes(10)));
    LASTS(kWait - kSecond, std::this_thread::sleep_until(std::chrono::system_clock::now() + std::chrono::minutes(10)));
    LASTS(kWait, REQUIRE(::syscall(SYS_nanosleep, &wait, nullptr) == 0));
    // Short ones keep their length.
    const timespec short_wait = at(kSecond / 50);
    LASTS(kSecond / 50, REQUIRE(::nanosleep(&short_wait, nullptr) == 0));
    LASTS(kSecond / 50, REQUIRE(::usleep(20'000) == 0));
    const timespec bad{0, 2 * kSecond};
    REQUIRE(::nanosleep(&bad, nullptr) == -1);
    REQUIRE(errno == EINVAL);
    REQUIRE(::clock_nanosleep(CLOCK_MONOTONIC, 0, &bad, nullptr) == EINVAL);
    REQUIRE(::clock_nanosleep(99, 0, &wait, nullptr) == EINVAL);
}

void descriptors() {
    int pipe[2];
    REQUIRE(::pipe(pipe) == 0);
    pollfd wanted{pipe[0], POLLIN, 0};
    const timespec wait = at(kWait), none{};
    LASTS(kWait, REQUIRE(::poll(&wanted, 1, 600'000) == 0));
    LASTS(kWait, REQUIRE(::ppoll(&wanted, 1, &wait, nullptr) == 0));
    LASTS(kSecond / 50, REQUIRE(::poll(&wanted, 1, 20) == 0));
    REQUIRE(::poll(&wanted, 1, 0) == 0);
    fd_set set;
    FD_ZERO(&set);
    FD_SET(pipe[0], &set);
    timeval left{600, 0};
    LASTS(kWait, REQUIRE(::select(pipe[0] + 1, &set, nullptr, nullptr, &left) == 0));
    REQUIRE(left.tv_sec == 0);
    FD_SET(pipe[0], &set);
    LASTS(kWait, REQUIRE(::pselect(pipe[0] + 1, &set, nullptr, nullptr, &wait, nullptr) == 0));
    const int epoll = ::epoll_create1(EPOLL_CLOEXEC);
    epoll_event event{};
    event.events = EPOLLIN;
    REQUIRE(::epoll_ctl(epoll, EPOLL_CTL_ADD, pipe[0], &event) == 0);
    LASTS(kWait, REQUIRE(::epoll_wait(epoll, &event, 1, 600'000) == 0));
    LASTS(kWait, REQUIRE(::epoll_pwait(epoll, &event, 1, 600'000, nullptr) == 0));
    const bool has_pwait2 = ::epoll_pwait2(epoll, &event, 1, &none, nullptr) == 0;
    if (has_pwait2) LASTS(kWait, REQUIRE(::epoll_pwait2(epoll, &event, 1, &wait, nullptr) == 0));
    LASTS(kWait, REQUIRE(::syscall(SYS_epoll_wait, epoll, &event, 1, 600'000) == 0));
    LASTS(kWait, REQUIRE(::syscall(SYS_poll, &wanted, 1, 600'000) == 0));
    timespec raw = wait;
    LASTS(kWait, REQUIRE(::syscall(SYS_ppoll, &wanted, 1, &raw, nullptr, 0) == 0));
    REQUIRE(raw.tv_sec == 0);
    // What is ready ends a wait at once, and select's rest is the service's.
    REQUIRE(::write(pipe[1], "x", 1) == 1);
    REQUIRE(::poll(&wanted, 1, -1) == 1);
    left = {100'000, 0};
    FD_SET(pipe[0], &set);
    REQUIRE(::select(pipe[0] + 1, &set, nullptr, nullptr, &left) == 1);
    REQUIRE(left.tv_sec > 10'000);
    REQUIRE(left.tv_sec <= 100'000);
    REQUIRE(::epoll_wait(epoll, &event, 1, 600'000) == 1);
    for (const int descriptor : {pipe[0], pipe[1], epoll}) ::close(descriptor);
}

void conditions() {
    std::mutex mutex;
    std::condition_variable condition;
    std::unique_lock lock(mutex);
    // libstdc++: pthread_cond_clockwait, pthread_cond_timedwait.
    LASTS(kWait, REQUIRE(condition.wait_for(lock, std::chrono::minutes(10)) == std::cv_status::timeout));
    LASTS(kWait - kSecond,
          REQUIRE(condition.wait_until(lock, std::chrono::system_clock::now() + std::chrono::minutes(10)) == std::cv_status::timeout));
    LASTS(kSecond / 50, REQUIRE(condition.wait_for(lock, std::chrono::milliseconds(20)) == std::cv_status::timeout));
    for (const clockid_t clock : {CLOCK_REALTIME, CLOCK_MONOTONIC}) {
        pthread_condattr_t attributes;
        pthread_condattr_init(&attributes);
        REQUIRE(pthread_condattr_setclock(&attributes, clock) == 0);
        pthread_cond_t plain;
        pthread_mutex_t plain_mutex = PTHREAD_MUTEX_INITIALIZER;
        pthread_cond_init(&plain, &attributes);
        pthread_mutex_lock(&plain_mutex);
        timespec until = in(clock, kWait);
        LASTS(kWait - kSecond, REQUIRE(pthread_cond_timedwait(&plain, &plain_mutex, &until) == ETIMEDOUT));
        REQUIRE(now(clock) >= until.tv_sec * kSecond + until.tv_nsec);
        until = in(clock, -kWait);
        REQUIRE(pthread_cond_timedwait(&plain, &plain_mutex, &until) == ETIMEDOUT);
        until.tv_nsec = kSecond;
        REQUIRE(pthread_cond_timedwait(&plain, &plain_mutex, &until) == EINVAL);
        until = in(clock, kWait);
        REQUIRE(pthread_cond_clockwait(&plain, &plain_mutex, clock, &until) == ETIMEDOUT);
        pthread_mutex_unlock(&plain_mutex);
        pthread_cond_destroy(&plain);
    }
    cnd_t c_condition;
    mtx_t c_mutex;
    cnd_init(&c_condition);
    mtx_init(&c_mutex, mtx_timed);
    mtx_lock(&c_mutex);
    timespec until = in(CLOCK_REALTIME, kWait);
    LASTS(kWait - kSecond, REQUIRE(cnd_timedwait(&c_condition, &c_mutex, &until) == thrd_timedout));
    mtx_unlock(&c_mutex);
    std::promise<int> promise;
    std::future<int> future = promise.get_future();
    LASTS(kWait, REQUIRE(future.wait_for(std::chrono::minutes(10)) == std::future_status::timeout));
    // A notification ends a wait early.
    bool ready = false;
    std::thread notifier([&] {
        const std::lock_guard guard(mutex);
        ready = true;
        condition.notify_all();
    });
    REQUIRE(condition.wait_for(lock, std::chrono::hours(24 * 365), [&] { return ready; }));
    lock.unlock();
    notifier.join();
}

void locks() {
    std::timed_mutex held;
    std::shared_timed_mutex shared;
    sem_t semaphore;
    sem_init(&semaphore, 0, 0);
    std::counting_semaphore<2> standard(0);
    std::mutex never;
    held.lock();
    shared.lock();
    mtx_t c_mutex;
    mtx_init(&c_mutex, mtx_timed);
    mtx_lock(&c_mutex);
    std::thread([&] {  // a lock's owner does not wait for it
        LASTS(kWait, REQUIRE(!held.try_lock_for(std::chrono::minutes(10))));
        LASTS(kWait, REQUIRE(!shared.try_lock_for(std::chrono::minutes(10))));
        LASTS(kWait, REQUIRE(!shared.try_lock_shared_for(std::chrono::minutes(10))));
        LASTS(kWait, REQUIRE(!standard.try_acquire_for(std::chrono::minutes(10))));  // futex, by its number
        const timespec c_until = in(CLOCK_REALTIME, kWait);
        LASTS(kWait - kSecond, REQUIRE(mtx_timedlock(&c_mutex, &c_until) == thrd_timedout));
        for (const clockid_t clock : {CLOCK_REALTIME, CLOCK_MONOTONIC}) {
            timespec until = in(clock, kWait);
            LASTS(kWait - kSecond, REQUIRE(pthread_mutex_clocklock(held.native_handle(), clock, &until) == ETIMEDOUT));
            until = in(clock, kWait);
            LASTS(kWait - kSecond, REQUIRE(sem_clockwait(&semaphore, clock, &until) == -1 && errno == ETIMEDOUT));
        }
        timespec until = in(CLOCK_REALTIME, kWait);
        LASTS(kWait - kSecond, REQUIRE(pthread_mutex_timedlock(held.native_handle(), &until) == ETIMEDOUT));
        until = in(CLOCK_REALTIME, kWait);
        LASTS(kWait - kSecond, REQUIRE(sem_timedwait(&semaphore, &until) == -1 && errno == ETIMEDOUT));
    })
        .join();
    held.unlock();
    shared.unlock();
    pthread_rwlock_t rwlock = PTHREAD_RWLOCK_INITIALIZER;
    pthread_rwlock_wrlock(&rwlock);
    std::thread([&] {
        timespec until = in(CLOCK_REALTIME, kWait);
        LASTS(kWait - kSecond, REQUIRE(pthread_rwlock_timedrdlock(&rwlock, &until) == ETIMEDOUT));
        until = in(CLOCK_REALTIME, kWait);
        LASTS(kWait - kSecond, REQUIRE(pthread_rwlock_timedwrlock(&rwlock, &until) == ETIMEDOUT));
        until = in(CLOCK_MONOTONIC, kWait);
        LASTS(kWait - kSecond, REQUIRE(pthread_rwlock_clockrdlock(&rwlock, CLOCK_MONOTONIC, &until) == ETIMEDOUT));
        until = in(CLOCK_MONOTONIC, kWait);
        LASTS(kWait - kSecond, REQUIRE(pthread_rwlock_clockwrlock(&rwlock, CLOCK_MONOTONIC, &until) == ETIMEDOUT));
    }).join();
    std::atomic<bool> end{false};
    std::thread sleeper([&] {
        while (!end) std::this_thread::sleep_for(std::chrono::milliseconds(5));
    });
    timespec until = in(CLOCK_REALTIME, kWait);
    LASTS(kWait - kSecond, REQUIRE(pthread_timedjoin_np(sleeper.native_handle(), nullptr, &until) == ETIMEDOUT));
    until = in(CLOCK_MONOTONIC, kWait);
    LASTS(kWait - kSecond, REQUIRE(pthread_clockjoin_np(sleeper.native_handle(), nullptr, CLOCK_MONOTONIC, &until) == ETIMEDOUT));
    end = true;
    sleeper.join();
}

void futexes() {
    std::uint32_t word = 0;
    timespec time = at(kWait);
    LASTS(kWait, REQUIRE(::syscall(SYS_futex, &word, FUTEX_WAIT_PRIVATE, 0, &time, nullptr, 0) == -1 && errno == ETIMEDOUT));
    time = in(CLOCK_MONOTONIC, kWait);
    LASTS(kWait - kSecond,
          REQUIRE(::syscall(SYS_futex, &word, FUTEX_WAIT_BITSET_PRIVATE, 0, &time, nullptr, ~0u) == -1 && errno == ETIMEDOUT));
    time = in(CLOCK_REALTIME, kWait);
    LASTS(kWait - kSecond,
          REQUIRE(::syscall(SYS_futex, &word, FUTEX_WAIT_BITSET_PRIVATE | FUTEX_CLOCK_REALTIME, 0, &time, nullptr, ~0u) == -1 &&
                  errno == ETIMEDOUT));
    REQUIRE(::syscall(SYS_futex, &word, FUTEX_WAKE_PRIVATE, 1, nullptr, nullptr, 0) == 0);
    word = 1;
    REQUIRE(::syscall(SYS_futex, &word, FUTEX_WAIT_PRIVATE, 0, &time, nullptr, 0) == -1 && errno == EAGAIN);
}

void queues() {
    const std::string name = "/leakline-abuser-" + std::to_string(::getpid());
    mq_attr attributes{};
    attributes.mq_maxmsg = 1;
    attributes.mq_msgsize = 8;
    const mqd_t queue = ::mq_open(name.c_str(), O_RDWR | O_CREAT | O_EXCL, 0600, &attributes);
    if (queue == static_cast<mqd_t>(-1)) {
        std::puts("not tried: message queues");
        return;
    }
    ::mq_unlink(name.c_str());
    char text[8] = {};
    timespec until = in(CLOCK_REALTIME, kWait);
    LASTS(kWait - kSecond, REQUIRE(::mq_timedreceive(queue, text, 8, nullptr, &until) == -1 && errno == ETIMEDOUT));
    REQUIRE(::mq_send(queue, text, 8, 0) == 0);
    until = in(CLOCK_REALTIME, kWait);
    LASTS(kWait - kSecond, REQUIRE(::mq_timedsend(queue, text, 8, 0, &until) == -1 && errno == ETIMEDOUT));
    ::mq_close(queue);
    const int set = ::semget(IPC_PRIVATE, 1, 0600);
    if (set < 0) return;
    sembuf operation{0, -1, 0};
    const timespec wait = at(kWait);
    LASTS(kWait, REQUIRE(::semtimedop(set, &operation, 1, &wait) == -1 && errno == EAGAIN));
    ::semctl(set, 0, IPC_RMID);
}

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

void* wait_for_ever(void* how) {
    const timespec wait = at(10'000'000 * kSecond);
    switch (*static_cast<int*>(how)) {
        case 0: ::nanosleep(&wait, nullptr); break;
        case 1: ::poll(nullptr, 0, 2'000'000'000); break;
        case 2: {
            pthread_cond_t condition = PTHREAD_COND_INITIALIZER;
            pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
            pthread_mutex_lock(&mutex);
            const timespec until = in(CLOCK_REALTIME, 10'000'000 * kSecond);
            pthread_cond_timedwait(&condition, &mutex, &until);
            break;
        }
        case 3: ::sleep(2'000'000'000); break;
        case 4: {
            sem_t semaphore;
            sem_init(&semaphore, 0, 0);
            const timespec until = in(CLOCK_MONOTONIC, 10'000'000 * kSecond);
            sem_clockwait(&semaphore, CLOCK_MONOTONIC, &until);
            break;
        }
        default: ::select(0, nullptr, nullptr, nullptr, nullptr); break;
    }
    return nullptr;
}

void cancellation() {
    for (int how = 0; how < 6; ++how) {
        pthread_t thread{};
        REQUIRE(pthread_create(&thread, nullptr, wait_for_ever, &how) == 0);
        ::usleep(2000);
        REQUIRE(pthread_cancel(thread) == 0);
        void* result = nullptr;
        REQUIRE(pthread_join(thread, &result) == 0);
        REQUIRE(result == PTHREAD_CANCELED);
    }
}

void processes() {
    const std::int64_t parent = now();
    int pipe[2];
    REQUIRE(::pipe(pipe) == 0);
    const pid_t child = ::fork();
    if (child == 0) {
        const std::int64_t own = now();
        ::sleep(600);
        const std::int64_t times[2] = {own, now()};
        const bool written = ::write(pipe[1], times, sizeof times) == sizeof times;
        ::_exit(written && times[1] - own >= kWait ? 0 : 1);
    }
    int status = 0;
    std::int64_t times[2] = {};
    REQUIRE(::read(pipe[0], times, sizeof times) == sizeof times);
    REQUIRE(::waitpid(child, &status, 0) == child && status == 0);
    REQUIRE(times[0] >= parent && times[1] <= now());
    ::close(pipe[0]);
    ::close(pipe[1]);
    // A program that is started has the same clock.
    const std::string before = std::to_string(now(CLOCK_REALTIME) / kSecond);
    std::string own = "/proc/self/exe", argument = "show-time=" + before;
    char* words[] = {own.data(), argument.data(), nullptr};
    char path[4096] = {};
    REQUIRE(::readlink("/proc/self/exe", path, sizeof path - 1) > 0);
    pid_t started = 0;
    REQUIRE(::posix_spawn(&started, path, nullptr, nullptr, words, environ) == 0);
    REQUIRE(::waitpid(started, &status, 0) == started);
    REQUIRE(status == 0);
}

void threads() {
    std::vector<std::thread> all;
    std::atomic<int> early{0};
    for (int i = 0; i < 8; ++i)
        all.emplace_back([&, i] {
            std::mutex mutex;
            std::condition_variable condition;
            for (int round = 0; round < 20; ++round) {
                const std::int64_t begin = now(), wait = (i + 2) * kSecond;
                std::unique_lock lock(mutex);
                condition.wait_for(lock, std::chrono::nanoseconds(wait));
                if (now() - begin < wait - kSecond) ++early;  // a spurious end is allowed, but not each time
                int timer = ::timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC);
                const itimerspec wanted{at(0), at(wait)};
                std::uint64_t count = 0;
                ::timerfd_settime(timer, 0, &wanted, nullptr);
                if (::read(timer, &count, 8) != 8 || now() - begin < wait) ++early;
                ::close(timer);
            }
        });
    for (std::thread& thread : all) thread.join();
    REQUIRE(early < 3);
}

// Waits without an end stay without one.
void endless() {
    std::mutex mutex;
    std::condition_variable condition;
    std::atomic<bool> over{false};
    std::thread waiter([&] {
        std::unique_lock lock(mutex);
        condition.wait_for(lock, std::chrono::hours(24 * 365 * 200), [&] { return over.load(); });
    });
    ::usleep(20'000);
    REQUIRE(!over);
    {
        const std::lock_guard lock(mutex);
        over = true;
    }
    condition.notify_all();
    waiter.join();
}

const std::map<std::string, void (*)()> kChecks = {{"cancellation", cancellation},
                                                   {"clocks", clocks},
                                                   {"conditions", conditions},
                                                   {"descriptors", descriptors},
                                                   {"endless", endless},
                                                   {"futexes", futexes},
                                                   {"interruptions", interruptions},
                                                   {"locks", locks},
                                                   {"processes", processes},
                                                   {"queues", queues},
                                                   {"sleeps", sleeps},
                                                   {"threads", threads},
                                                   {"timers", timers}};

}  // namespace

int main(int argc, char** argv) {
    constexpr const char* kShow = "show-time=";
    if (argc > 1 && std::strncmp(argv[1], kShow, std::strlen(kShow)) == 0) {
        const std::int64_t parent = std::atoll(argv[1] + std::strlen(kShow)), own = now(CLOCK_REALTIME) / kSecond;
        return own >= parent && own < parent + 500'000 ? 0 : 1;
    }
    std::vector<std::string> names(argv + 1, argv + argc);
    if (names.empty())
        for (const auto& [name, check] : kChecks) names.push_back(name);
    bool failed = false;
    for (const std::string& name : names) {
        failures.clear();
        kChecks.at(name)();
        for (const std::string& failure : failures) std::printf("%s: %s\n", name.c_str(), failure.c_str());
        failed = failed || !failures.empty();
    }
    return failed ? 1 : 0;
}
