// Sleeps, and waits for descriptors, conditions, locks, futexes and queues.
#include <errno.h>
#include <fcntl.h>
#include <linux/futex.h>
#include <mqueue.h>
#include <poll.h>
#include <pthread.h>
#include <semaphore.h>
#include <sys/epoll.h>
#include <sys/select.h>
#include <sys/sem.h>
#include <sys/syscall.h>
#include <sys/time.h>
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
#include <future>
#include <mutex>
#include <semaphore>
#include <shared_mutex>
#include <string>
#include <thread>

#include "abuser.hpp"

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
